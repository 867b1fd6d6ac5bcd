"""Walks that wait, because their first page may have been cut, for a longer one to show that it was not.

To wait costs nothing and usually saves the two requests that it takes to verify such a page. But what waits is not
proven, and a crash repeats it: so only a bounded number of walks may wait.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from etl.core.observations import PageSize
from etl.core.walking import VERIFY, Verify

Job = TypeVar("Job")


@dataclass(frozen=True, slots=True)
class _Doubt(Generic[Job]):
    job: Job
    length: int
    page_size: PageSize

    @property
    def is_over(self) -> bool:
        return not self.page_size.is_doubtful(self.length)


class Doubts(Generic[Job]):
    """The walks that wait, the oldest first; at most `most` of them whenever `due` was called last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: list[_Doubt[Job]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, job: Job, length: int, page_size: PageSize) -> None:
        """A walk whose first page has `length` rows and, by what is known of the scope's pages, may have been cut."""
        self._waiting.append(_Doubt(job, length, page_size))

    def due(self) -> list[tuple[Job, Verify | None]]:
        """Take out the walks that go on now, each with what it is to be sent.

        Those whose doubt is over go on at no cost. Of the others the oldest beyond `most` verify their page.
        """
        waiting = [doubt for doubt in self._waiting if not doubt.is_over]
        excess = max(0, len(waiting) - self._most)
        going_on = [(doubt.job, None) for doubt in self._waiting if doubt.is_over]
        self._waiting = waiting[excess:]
        return [*going_on, *((doubt.job, VERIFY) for doubt in waiting[:excess])]

    def take_all(self) -> list[Job]:
        """Take out all of them, once there is no other walk left whose pages could be longer; each is sent None."""
        waiting, self._waiting = self._waiting, []
        return [doubt.job for doubt in waiting]
