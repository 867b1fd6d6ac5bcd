"""From a query to its page: match, truncate, arrange, add faults. Pure: the same query gives the same page."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from etl.simulator.book import Book, instant
from etl.simulator.orders import CloseType, Order
from etl.simulator.scenario import DAY_MS, Kept, RowOrder, Scenario

RandomSource = Callable[[str], Random]
"""Returns the random source for a purpose: one per query and purpose, so that earlier requests have no effect."""


@dataclass(frozen=True, slots=True)
class Query:
    """The request with all defaults filled in: both ends in milliseconds, the limit at most 100."""

    start_ms: int
    end_ms: int
    limit: int
    symbol: str | None = None
    close_type: CloseType | None = None


def page(book: Book, query: Query, scenario: Scenario, now_ms: int) -> list[Order]:
    """The rows of the response, in order."""
    random_for = _random_source(query, scenario)
    limit = min(query.limit, scenario.page_limit_cap)
    found = matching(book, query, scenario, now_ms)
    rows = arranged(survivors(found, scenario.kept, limit, random_for), scenario, random_for)
    return disturbed(rows, book, query, scenario, now_ms)


def disturbed(rows: list[Order], book: Book, query: Query, scenario: Scenario, now_ms: int) -> list[Order]:
    """The rows with the scenario's duplicates and strays among them."""
    random_for = _random_source(query, scenario)
    if scenario.duplicates:
        random = random_for("duplicates")
        rows = _mixed(rows, random.sample(rows, min(scenario.duplicates, len(rows))), random)
    if scenario.strays:
        random = random_for("strays")
        others = _not_asked_for(book, query, scenario, now_ms)
        rows = _mixed(rows, random.sample(others, min(scenario.strays, len(others))), random)
    return rows


def matching(book: Book, query: Query, scenario: Scenario, now_ms: int) -> list[Order]:
    """Every readable row inside the window, oldest first, before truncation."""
    low = query.start_ms + (0 if scenario.start_inclusive else 1)
    high = query.end_ms + (1 if scenario.end_inclusive else 0)
    if scenario.retention_days:
        low = max(low, now_ms - scenario.retention_days * DAY_MS)
    series = book.series(scenario.filter_field, query.symbol, query.close_type)
    return series.between(low, high, now_ms - scenario.visibility_delay_ms)


def survivors(rows: list[Order], kept: Kept, limit: int, random_for: RandomSource) -> list[Order]:
    """The rows that remain after truncation to `limit`; Binance's similar endpoints differ in which rows they keep."""
    if len(rows) <= limit:
        return rows
    if kept == "oldest":
        return rows[:limit]
    if kept == "newest":
        return rows[-limit:]
    if kept == "by_symbol":
        return sorted(rows, key=lambda order: order.symbol)[:limit]
    return [rows[index] for index in sorted(random_for("survivors").sample(range(len(rows)), limit))]


def arranged(rows: list[Order], scenario: Scenario, random_for: RandomSource) -> list[Order]:
    """The rows in the scenario's order."""
    order: RowOrder = scenario.order
    if order == "shuffled":
        return random_for("order").sample(rows, len(rows))
    if scenario.kept == "by_symbol":
        rows = sorted(rows, key=lambda row: instant(row, scenario.filter_field))
    return rows[::-1] if order == "descending" else rows


def _random_source(query: Query, scenario: Scenario) -> RandomSource:
    return lambda purpose: Random(f"{scenario.seed}/{query}/{purpose}")


def _mixed(rows: list[Order], more: list[Order], random: Random) -> list[Order]:
    mixed = list(rows)
    for row in more:
        mixed.insert(random.randint(0, len(mixed)), row)
    return mixed


def _not_asked_for(book: Book, query: Query, scenario: Scenario, now_ms: int) -> list[Order]:
    """Readable rows of another time, symbol or close type."""
    asked = {id(order) for order in matching(book, query, scenario, now_ms)}
    return [order for order in book.readable(now_ms - scenario.visibility_delay_ms) if id(order) not in asked]
