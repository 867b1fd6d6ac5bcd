"""What is known about an interval: the result of a walk."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from etl.core.paging import Page
from etl.core.timeline import Window


class Verdict(StrEnum):
    """What is known about an interval. All but the first are the reasons of a gap."""

    PROVEN = "proven"
    SATURATED = "saturated"
    BEYOND_RETENTION = "beyond_retention"
    FAILED = "failed"
    DISPUTED = "disputed"
    """The answer contradicts the question or the stored orders."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict on an interval, for the whole scope of the walk or, with `symbol`, for that symbol alone."""

    window: Window
    verdict: Verdict
    symbol: str | None = None
    pages: Sequence[Page] = field(default=(), compare=False, repr=False)
    """The pages that prove the interval, perhaps of a wider one."""
