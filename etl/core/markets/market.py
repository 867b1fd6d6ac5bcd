"""What a market is: where its orders are asked for, what that costs, and how its answers are divided into pages."""

from dataclasses import dataclass
from enum import Enum

from etl.core.timeline import DAY


@dataclass(frozen=True, slots=True)
class Pool:
    """Requests that share one allowance of weight per minute and IP address."""

    name: str
    allowance: int
    """The documented weight per minute and address; what the exchange says of itself counts for more."""
    used_weight_header: str
    """The header of every response that tells the weight which the address has used in this minute."""


@dataclass(frozen=True, slots=True)
class Api:
    """One of the exchange's hosts."""

    name: str
    base_url: str
    pool: Pool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path of an API that needs no signature, and its weight."""

    api: Api
    path: str
    weight: int = 1


class Pager(Enum):
    """How an answer is divided into pages."""

    TIME_CURSOR = "a page holds the rows of a window, up to a limit"
    NUMBERED = "the rows of a window have numbered pages, and each tells how many rows there are"


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight of one request for force orders."""

    by_symbol: int
    of_all: int
    """Of a request without symbol."""

    def of(self, symbol: str | None) -> int:
        return self.of_all if symbol is None else self.by_symbol


FUTURES = Weights(by_symbol=20, of_all=50)
"""Of every endpoint for the force orders of futures."""


@dataclass(frozen=True, slots=True)
class Records:
    """An endpoint that lists other records of an account: all its orders, its fills or its income."""

    endpoint: Endpoint
    greatest_limit: int
    """The most rows on a page."""
    default_limit: int
    """Rows on a page if the request names no limit."""
    widest: int = 7 * DAY - 2
    """The widest window, milliseconds: the request's ends lie one more apart, and that must be less than 7 days."""
    keeps: int = 90 * DAY
    """How long the exchange keeps the records, milliseconds."""
    needs_symbol: bool = False
    takes_order_id: bool = False
    """Whether the records of one order can be asked for."""


@dataclass(frozen=True, slots=True)
class Archive:
    """Where files of all orders of a span are asked for, which the exchange makes while one waits."""

    request: Endpoint
    """Takes the span, at most a year; the answer names the file."""
    state: Endpoint
    """Takes that name, and tells where the file can be downloaded once it is made."""
    monthly: int
    """Files a month, together with those that the web page was asked for."""


@dataclass(frozen=True, slots=True)
class Market:
    """One kind of force orders of an account, as one endpoint shows them. An account has several."""

    name: str
    title: str
    """As the exchange calls it, for people."""
    api: Api
    path: str
    """The endpoint of the force orders."""
    weights: Weights
    clock: Endpoint
    """Where the time is asked for that the exchange checks requests of this market against."""
    listing: Endpoint | None
    """Where the symbols of this market are listed. None: a request cannot name a symbol."""
    probe_symbol: str | None
    """A symbol that the market has had since it opened, for a request that only asks whether the key works."""
    pager: Pager = Pager.TIME_CURSOR
    symbol_parameter: str | None = "symbol"
    has_close_types: bool = True
    """Whether `autoCloseType` can be asked for."""
    is_split_by_symbol: bool = False
    """Whether a request without symbol leaves rows out that only requests with one show."""
    default_limit: int = 50
    """Rows on a page if the request names no limit."""
    keeps: int = 90 * DAY
    """How long the exchange keeps orders, milliseconds."""
    all_orders: Records | None = None
    """Where every order of the account is listed, also its own. None: the market has no such list."""
    fills: Records | None = None
    income: Records | None = None
    mark_prices: Endpoint | None = None
    """Where the mark prices of each minute are listed, for anyone; the weight of fewer than 100 minutes."""
    archive: Archive | None = None
    """Where files of older orders come from. None: the exchange gives none."""
    is_portfolio_margin: bool = False
    """Whether only accounts in Portfolio Margin have it; the others have only markets that are not."""

    @property
    def tells_weight_limit(self) -> bool:
        """Whether the list of symbols also says what weight the pool of this market has. Else the documented counts."""
        is_own = self.listing is not None and self.listing.api == self.api
        return is_own and self.pager is Pager.TIME_CURSOR

    def __str__(self) -> str:
        return self.name
