"""Counts how requests ended, one word each: answered, or the name of the error's class."""

import re
from collections import Counter
from collections.abc import Iterator
from threading import Lock

from etl.errors import ExchangeError

ANSWERED = "answered"


def outcome_of(error: type[ExchangeError]) -> str:
    """`ClockSkewError` is `clock_skew`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", error.__name__.removesuffix("Error")).lower()


def _subclasses(of: type[ExchangeError]) -> Iterator[type[ExchangeError]]:
    for error in of.__subclasses__():
        yield error
        yield from _subclasses(error)


OUTCOMES = (ANSWERED, *sorted(map(outcome_of, _subclasses(ExchangeError))))


class Outcomes:
    """Counts of all outcomes, each present from 0 on: a monitor sees no increase in a series that begins at 1.

    Safe to use from several threads. It has a lock of its own, because the rate limiter's may wait for the database.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts = Counter(dict.fromkeys(OUTCOMES, 0))

    def add(self, outcome: str) -> None:
        with self._lock:
            self._counts[outcome] += 1

    def counts(self) -> Counter[str]:
        with self._lock:
            return self._counts.copy()
