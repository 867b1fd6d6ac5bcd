"""What a run has observed about undocumented behaviour of the exchange."""

from dataclasses import dataclass, field
from enum import Enum

from etl.core.hints import HintTrust
from etl.core.page_limits import PageLimits
from etl.core.retention import Retention


class Truncation(Enum):
    """Which rows a page keeps when more rows match than the limit allows."""

    KEEPS_OLDEST = "oldest"
    KEEPS_NEWEST = "newest"


class TruncationSide:
    """Which end of a window the exchange truncates, as full pages have shown.

    It only chooses the next request. A wrong belief costs requests, never rows.
    """

    def __init__(self) -> None:
        self.observed: Truncation | None = None
        self._failures = 0

    def confirmed(self, kept: Truncation) -> None:
        """A page that was expected to be short was short."""
        self.observed, self._failures = kept, 0

    def failed(self) -> None:
        """It was full instead. The second failure in a row drops the observation."""
        self._failures += 1
        if self._failures >= 2:
            self.observed = None


@dataclass
class Observations:
    """All that one walk passes on to the next walks of its account and scope."""

    truncation_side: TruncationSide
    page_limits: PageLimits
    retention: Retention
    symbols: set[str] = field(default_factory=set)
    """The symbols that the database or a page has shown: the exchange's list may lack those it has delisted."""
    hints: HintTrust | None = None
    """None: there is no list that could give hints."""
