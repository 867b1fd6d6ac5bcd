"""How the requests ended that were sent, in one word each: answered, or what the error's class calls it."""

import re
from collections import Counter
from collections.abc import Iterator
from threading import Lock

from etl.errors import ExchangeError

ANSWERED = "answered"


def outcome_of(error: type[ExchangeError]) -> str:
    """`ClockSkewError` is `clock_skew`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", error.__name__.removesuffix("Error")).lower()


def _kinds(of: type[ExchangeError]) -> Iterator[type[ExchangeError]]:
    for kind in of.__subclasses__():
        yield kind
        yield from _kinds(kind)


OUTCOMES = (ANSWERED, *sorted(map(outcome_of, _kinds(ExchangeError))))


class Outcomes:
    """Counts them, each from 0 on: to a monitor, the first of a kind that was not there before is no increase.

    Safe to use from several threads. Its lock is its own, because the gate's may wait for the database.
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
