"""Reading the list of all orders of an account that has more of them than are worth reading."""

import json
from collections import Counter
from threading import Event
from typing import Any

import pytest

from etl.core.markets import market_named
from etl.core.timeline import DAY, Window
from etl.runs.all_orders import REQUESTS, SPARE_BY_SYMBOL, SYMBOLS, AllOrders
from tests.documented import ROW

NOW = 20_000 * DAY
WEEK = Window(NOW - 8 * DAY, NOW - DAY - 2)
NAMES = [f"COIN{number:02d}USD_PERP" for number in range(SYMBOLS)]


class Busy:
    """An exchange on which every symbol has an order of the owner's in every second; a page keeps the newest."""

    def __init__(self) -> None:
        self.asked: Counter[str | None] = Counter()

    def ask(self, question: Any) -> Any:
        asked = question.parameters
        self.asked[asked.get("symbol")] += 1
        name, end = asked.get("symbol", "BTCUSDT"), asked["endTime"] // 1_000
        times = range(max(asked["startTime"] // 1_000 + 1, end - asked["limit"] + 1), end + 1)
        own = [
            {"orderId": at, "symbol": name, "clientOrderId": "x", "time": at * 1_000, "updateTime": at * 1_000}
            for at in times
        ]
        return question.read(json.dumps([ROW | row for row in own]).encode(), NOW)


def reading(market: str, busy: Busy) -> AllOrders:
    records = market_named(market).all_orders
    assert records is not None
    client: Any = busy
    return AllOrders(client, records, NOW, (), Event())


def test_busy_symbols_share_the_requests_that_go_beyond_one_for_each() -> None:
    busy = Busy()
    one = reading("coinm", busy)
    one.read([WEEK], lambda: NAMES)
    assert [*busy.asked] == NAMES, "each is asked for once at least"
    assert busy.asked.total() == SYMBOLS + SPARE_BY_SYMBOL
    assert busy.asked[NAMES[0]] == REQUESTS
    reasons = {unread.reason.partition(": ")[2] for unread in one.listing.unread if unread.reason.startswith("COIN")}
    assert reasons == {
        "more orders than 20 requests show",
        "the 100 requests that symbols share are spent",
    }


@pytest.mark.parametrize("weeks", [1, 3])
def test_without_symbol_each_window_has_its_own(weeks: int) -> None:
    busy = Busy()
    windows = [Window(WEEK.start - week * 7 * DAY, WEEK.end - week * 7 * DAY) for week in range(weeks)]
    reading("usdm", busy).read(windows, list)
    assert busy.asked == {None: weeks * REQUESTS}
