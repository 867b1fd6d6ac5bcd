"""What a probe has asked and seen, and the weight that it may still spend.

A probe is a generator, as a walk is: it yields a `ProbeRequest` and is sent what came back.
"""

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

from etl.core.markets.market import Market, Pager
from etl.core.orders import Key, Order
from etl.core.paging import GREATEST_LIMIT, Page, Refusal
from etl.core.retention import DOCUMENTED
from etl.core.timeline import HOUR, MINUTE, SECOND

T = TypeVar("T")

MOST_WEIGHT = 1_000
"""What a probe of one account in one market may cost."""

YOUNG = 10 * MINUTE
"""Younger orders may still change or appear; milliseconds."""

ASIDE = SECOND
"""How far a request for one order reaches beyond it, milliseconds."""

NO_WEIGHT = "no weight was left for it"


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """The parameters exactly as they are sent: a `PageRequest` reaches a millisecond beyond its window instead.

    Epoch milliseconds. `symbol` None: all.
    """

    start: int
    end: int
    limit: int
    symbol: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal of the request itself. `why` is None for a reason that no walk needs to know."""

    why: Refusal | None
    code: int | None

    @property
    def said(self) -> str:
        return "refused" if self.code is None else f"refused ({self.code})"


ProbeAnswer = Page | Refused | None
"""None: there is no weight for the request."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request and the page that answered it."""

    request: ProbeRequest
    page: Page

    @property
    def rows(self) -> int:
        """How many rows the page has, each order once."""
        return len({order.key for order in self.page.orders}) + len(self.page.rejects)

    @property
    def is_stray(self) -> bool:
        """Whether the page has a row that no reading of the request includes."""
        start, end, symbol = self.request.start, self.request.end, self.request.symbol
        return any(
            symbol not in (None, order.symbol) or not any(start <= at <= end for at in times_of(order))
            for order in self.page.orders
        )


Reply = Asked | Refused | None
Asking = Generator[ProbeRequest, ProbeAnswer, T]


def times_of(order: Order) -> tuple[int, int]:
    return order.order_time, order.update_time


class Notebook:
    """The pages of one probe. It sends nothing beyond its allowance; a refused request counts, too."""

    def __init__(self, market: Market, now: int, allowance: int = MOST_WEIGHT) -> None:
        """`now`: the exchange's clock, epoch milliseconds."""
        self.market = market
        self.now = now
        self.pages: list[Asked] = []
        self.orders: dict[Key, Order] = {}
        """The newest version of every order that was shown."""
        self.left = allowance
        self._unknown: set[str] = set()

    @property
    def is_numbered(self) -> bool:
        return self.market.pager is Pager.NUMBERED

    @property
    def is_spent(self) -> bool:
        """Whether no weight is left for the cheapest request."""
        return self.left < self.market.weights.by_symbol

    @property
    def longest(self) -> int:
        """Rows of the longest page."""
        return max((asked.rows for asked in self.pages), default=0)

    def ask(self, start: int, end: int, limit: int = GREATEST_LIMIT, symbol: str | None = None) -> Asking[Reply]:
        """Send a request; without the symbol if the exchange does not know it (any more). None: no weight is left."""
        request = ProbeRequest(start, end, limit, None if symbol in self._unknown else symbol)
        weight = self.market.weights.of(request.symbol)
        answer = (yield request) if weight <= self.left else None
        if answer is None:
            self.left = min(self.left, weight - 1)
            return None
        self.left -= weight
        if isinstance(answer, Page):
            asked = Asked(request, answer)
            self._note(asked)
            return asked
        if request.symbol is not None and answer.why in (Refusal.UNKNOWN_SYMBOL, Refusal.NO_ISOLATED_MARGIN):
            self._unknown.add(request.symbol)
            return (yield from self.ask(start, end, limit))
        return answer

    def shows(self, order: Order, start: int, end: int) -> Asking[bool | None]:
        """Whether a request between these ends shows the order. None: it was not answered, or perhaps cut off.

        A page is whole if it is shorter than another one: it could have held more.
        """
        asked = yield from self.ask(start, end, symbol=self.symbol_of(order))
        if not isinstance(asked, Asked):
            return None
        if any(other.key == order.key for other in asked.page.orders):
            return True
        return False if asked.rows == 0 or asked.rows < self.longest else None

    def usable(self) -> list[Order]:
        """The orders that neither change nor leave while the probe lasts, newest first."""
        oldest, newest = self.now - DOCUMENTED + HOUR, self.now - YOUNG
        kept = (order for order in self.orders.values() if all(oldest <= at <= newest for at in times_of(order)))
        return sorted(kept, key=lambda order: (order.update_time, order.key), reverse=True)

    def symbol_of(self, order: Order) -> str | None:
        """What to ask for in order to see this order. None where a request without symbol costs no more."""
        return order.symbol if self.market.weights.by_symbol < self.market.weights.of_all else None

    @property
    def symbol(self) -> str | None:
        """What to ask for if any order will do: the symbol with the most orders."""
        counts = Counter(self.symbol_of(order) for order in self.usable())
        return counts.most_common(1)[0][0] if counts else self.market.probe_symbol

    def is_alone(self, order: Order) -> bool:
        """Whether a request for this order shows no other one, as far as is known."""
        low, high = min(times_of(order)) - ASIDE, max(times_of(order)) + ASIDE
        symbol = self.symbol_of(order)
        others = (one for one in self.orders.values() if one.key != order.key and symbol in (None, one.symbol))
        return not any(low <= at <= high for other in others for at in times_of(other))

    def _note(self, asked: Asked) -> None:
        self.pages.append(asked)
        for order in asked.page.orders:
            known = self.orders.get(order.key)
            if known is None or order.version >= known.version:
                self.orders[order.key] = order
