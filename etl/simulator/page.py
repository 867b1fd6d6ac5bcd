"""From a query to its page: match, cut, arrange, spoil. Pure, and the same page for the same query."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from etl.simulator.book import Book, instant
from etl.simulator.orders import CloseType, Order
from etl.simulator.scenario import DAY_MS, Kept, RowOrder, Scenario

Lot = Callable[[str], Random]
"""Gives the random source for a purpose: one per query and purpose, so that nothing depends on what came before."""


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked for, after every default: both ends in milliseconds, the limit at most 100."""

    start_ms: int
    end_ms: int
    limit: int
    symbol: str | None = None
    close_type: CloseType | None = None


def page(book: Book, query: Query, scenario: Scenario, now_ms: int) -> list[Order]:
    """The rows of the answer in their order."""

    def lot(purpose: str) -> Random:
        return Random(f"{scenario.seed}/{query}/{purpose}")

    limit = min(query.limit, scenario.page_limit_cap)
    rows = arranged(survivors(matching(book, query, scenario, now_ms), scenario.kept, limit, lot), scenario, lot)
    if scenario.duplicates:
        draw = lot("duplicates")
        rows = _mixed(rows, draw.sample(rows, min(scenario.duplicates, len(rows))), draw)
    if scenario.strays:
        draw = lot("strays")
        others = _not_asked_for(book, query, scenario, now_ms)
        rows = _mixed(rows, draw.sample(others, min(scenario.strays, len(others))), draw)
    return rows


def matching(book: Book, query: Query, scenario: Scenario, now_ms: int) -> list[Order]:
    """Every readable row inside the window, oldest first, before any cut."""
    low = query.start_ms + (0 if scenario.start_inclusive else 1)
    high = query.end_ms + (1 if scenario.end_inclusive else 0)
    if scenario.retention_days:
        low = max(low, now_ms - scenario.retention_days * DAY_MS)
    series = book.series(scenario.filter_field, query.symbol, query.close_type)
    return series.between(low, high, now_ms - scenario.visibility_delay_ms)


def survivors(rows: list[Order], kept: Kept, limit: int, lot: Lot) -> list[Order]:
    """The rows that survive the cut to `limit`; sister endpoints contradict each other about which."""
    if len(rows) <= limit:
        return rows
    if kept == "oldest":
        return rows[:limit]
    if kept == "newest":
        return rows[-limit:]
    if kept == "by_symbol":
        return sorted(rows, key=lambda order: order.symbol)[:limit]
    return [rows[index] for index in sorted(lot("survivors").sample(range(len(rows)), limit))]


def arranged(rows: list[Order], scenario: Scenario, lot: Lot) -> list[Order]:
    """The rows in the order the scenario lists them."""
    order: RowOrder = scenario.order
    if order == "shuffled":
        return lot("order").sample(rows, len(rows))
    if scenario.kept == "by_symbol":
        rows = sorted(rows, key=lambda row: instant(row, scenario.filter_field))
    return rows[::-1] if order == "descending" else rows


def _mixed(rows: list[Order], more: list[Order], draw: Random) -> list[Order]:
    mixed = list(rows)
    for row in more:
        mixed.insert(draw.randint(0, len(mixed)), row)
    return mixed


def _not_asked_for(book: Book, query: Query, scenario: Scenario, now_ms: int) -> list[Order]:
    """Readable rows of another time, symbol or close type."""
    asked = {id(order) for order in matching(book, query, scenario, now_ms)}
    return [order for order in book.readable(now_ms - scenario.visibility_delay_ms) if id(order) not in asked]
