"""Numbered pages: margin orders by `current` and `size`, and rows that arrive while they are read."""

import json
from collections import deque
from dataclasses import dataclass, field

from etl.simulator.book import Book
from etl.simulator.orders import Order, json_array
from etl.simulator.page import Query, disturbed, matching
from etl.simulator.scenario import Scenario


@dataclass(frozen=True, slots=True)
class NumberedQuery:
    """The request with all defaults filled in: both ends in milliseconds, pages counted from 1."""

    start_ms: int
    end_ms: int
    current: int
    size: int
    isolated_symbol: str | None = None


@dataclass(slots=True)
class Arrivals:
    """Rows of one market that arrive while its pages are read: held back until then, and never again after."""

    seen: set[int] = field(default_factory=set)
    held: deque[Order] = field(default_factory=deque)

    def visible(self, found: list[Order], size: int, late_rows: int) -> list[Order]:
        """What is shown of these rows now.

        Where a window needs several pages, the newest of the rows not asked for before are held back. At most one for
        each page but the last, so that all are there when the last is read.
        """
        new = [order for order in found if id(order) not in self.seen]
        self.seen.update(map(id, new))
        between = (len(found) - 1) // size
        if late_rows and between:
            self.held.extend(new[-min(late_rows, between) :])
        held = set(map(id, self.held))
        return [order for order in found if id(order) not in held]

    def page_read(self) -> None:
        """After a page has been answered, one row arrives."""
        if self.held:
            self.held.popleft()


def numbered_page(
    book: Book, query: NumberedQuery, scenario: Scenario, now_ms: int, arrivals: Arrivals
) -> tuple[list[Order], int]:
    """The rows of one page and the total of all pages."""
    size = min(query.size, scenario.page_limit_cap)
    alike = Query(query.start_ms, query.end_ms, size, query.isolated_symbol)
    found = [order for order in matching(book, alike, scenario, now_ms) if _asked_for(order, query, scenario)]
    visible = arrivals.visible(found, size, scenario.late_rows)
    arranged = visible[::-1] if scenario.numbered_order == "descending" else visible
    rows = arranged[(query.current - 1) * size : query.current * size]
    arrivals.page_read()
    return disturbed(rows, book, alike, scenario, now_ms), len(visible)


def numbered_body(rows: list[Order], total: int) -> bytes:
    """The page as it goes over the wire."""
    return b'{"rows":' + json_array(rows) + b',"total":' + json.dumps(total).encode() + b"}"


def _asked_for(order: Order, query: NumberedQuery, scenario: Scenario) -> bool:
    if query.isolated_symbol is not None:
        return order.is_isolated
    return scenario.isolated_in_cross or not order.is_isolated
