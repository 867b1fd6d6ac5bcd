"""Walks that wait because their first page may be truncated, until a longer page of another walk shows that it is not.

Waiting costs nothing and usually saves the two requests that verify such a page. But a waiting walk is not proven, and
a crash repeats it, so only a bounded number of walks may wait.
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
    """The waiting walks, the oldest first; at most `most` after each call of `due`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: list[_Doubt[Job]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, job: Job, length: int, page_size: PageSize) -> None:
        """Add a walk whose first page has `length` rows and may be truncated, judged by `page_size` of its scope."""
        self._waiting.append(_Doubt(job, length, page_size))

    def due(self) -> list[tuple[Job, Verify | None]]:
        """Remove and return the walks that continue now, each with the value to send to it.

        Walks whose page is no longer doubtful continue at no cost. Of the others, the oldest beyond `most` verify
        their page.
        """
        waiting = [doubt for doubt in self._waiting if not doubt.is_over]
        excess = max(0, len(waiting) - self._most)
        continuing = [(doubt.job, None) for doubt in self._waiting if doubt.is_over]
        self._waiting = waiting[excess:]
        return [*continuing, *((doubt.job, VERIFY) for doubt in waiting[:excess])]

    def take_all(self) -> list[Job]:
        """Remove and return all of them, once no other walk can return a longer page; send None to each."""
        waiting, self._waiting = self._waiting, []
        return [doubt.job for doubt in waiting]
