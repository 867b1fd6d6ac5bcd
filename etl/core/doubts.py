"""Walks that wait because a later page of another walk may settle what they doubt.

Waiting costs nothing and usually saves the requests that settle it. But a waiting walk is not proven, and a crash
repeats it, so only a bounded number of walks may wait.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Job = TypeVar("Job")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Job]):
    job: Job
    is_settled: Callable[[], bool]


class Doubts(Generic[Job]):
    """The waiting walks, the oldest first; at most `most` after each call of `due`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: list[_Waiting[Job]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, job: Job, is_settled: Callable[[], bool]) -> None:
        """Add a walk. `is_settled` tells whether it can continue without the requests that settle its doubts."""
        self._waiting.append(_Waiting(job, is_settled))

    def due(self) -> list[Job]:
        """Remove and return the walks that continue now: those that are settled, and the oldest beyond `most`."""
        settled = [one for one in self._waiting if one.is_settled()]
        waiting = [one for one in self._waiting if one not in settled]
        excess = max(0, len(waiting) - self._most)
        self._waiting = waiting[excess:]
        return [one.job for one in [*settled, *waiting[:excess]]]

    def take_oldest(self) -> Job:
        """Remove and return the oldest, once no other walk is under way. What it requests may settle the others."""
        return self._waiting.pop(0).job
