"""Dialogues with the time cursor: pages to answer with, and what a walk said meanwhile."""

from collections.abc import Iterable, Sequence

import pytest

from etl.core.dialogue import Reply, Step
from etl.core.findings import Finding
from etl.core.observations import Observations, TruncationSide
from etl.core.orders import CloseType, Order
from etl.core.page_limits import PageLimits
from etl.core.paging import Page, PageRequest
from etl.core.retention import Retention
from etl.core.timeline import DAY, Window
from etl.core.walking import Target, walk

LIMIT = 100
NOW = 1_000 * DAY
WINDOW = Window(NOW - DAY, NOW)


def page(times: Iterable[int] = (), symbol: str = "BTCUSDT") -> Page:
    orders = [Order(symbol, number, at, at, CloseType.LIQUIDATION, "{}") for number, at in enumerate(times)]
    return holding(orders)


def holding(orders: Sequence[Order]) -> Page:
    return Page(tuple(orders), (), NOW, size=2 + sum(1 + len(order.raw) for order in orders))


def full(window: Window = WINDOW) -> Page:
    """A page of the limit, its rows spread over the first half of a window."""
    return page(window.start + window.width * number // (2 * LIMIT) for number in range(LIMIT))


def observations(keeps: int | None = None, symbols: Iterable[str] = ()) -> Observations:
    return Observations(TruncationSide(), PageLimits(LIMIT), Retention(keeps, NOW), set(symbols))


def dialogue(target: Target, script: Sequence[Reply], held: Observations | None = None) -> list[Step]:
    """All steps of a walk that receives exactly these answers."""
    steps = walk(target, held or observations())
    said = [next(steps)]
    for answer in script:
        said.append(steps.send(answer))
    with pytest.raises(StopIteration):
        next(steps)
    assert said[-1].request is None
    return said


def requested(steps: Sequence[Step]) -> list[Window]:
    return [step.request.window for step in steps if isinstance(step.request, PageRequest)]


def found(steps: Sequence[Step]) -> list[Finding]:
    return [finding for step in steps for finding in step.findings]


def plain(window: Window = WINDOW, symbol: str | None = None) -> Target:
    return Target(window, window, symbol)


def full_of(length: int) -> Page:
    return page(WINDOW.start + DAY // 4 + 10 * number for number in range(length))


def an_order(order_id: int = 1, symbol: str = "BTCUSDT", at: int = 15, updated: int = 15, **kind: CloseType) -> Order:
    return Order(symbol, order_id, at, updated, kind.get("close_type", CloseType.ADL), "{}")
