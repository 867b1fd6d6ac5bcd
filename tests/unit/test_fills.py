"""Fills of force orders: their rows, the fewest requests for them, and when they are complete."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from etl.core.fill_requests import FillRequest, FillRequests
from etl.core.fills import DueOrder, Fill, Reason, Sums, judge, readable
from etl.core.markets import market_named
from etl.core.markets.market import Records
from etl.core.orders import Reject
from etl.core.planning import Rules
from etl.core.timeline import DAY, HOUR, MINUTE, SECOND, Window
from etl.errors import ContractError, TransientError
from etl.exchange.fills import question, read_fill, read_fills

T = 1_700_000_000_000
ROW = {
    "symbol": "BTCUSDT",
    "id": 698_759,
    "orderId": 25_851_813,
    "side": "SELL",
    "price": "7819.01",
    "qty": "0.002",
    "realizedPnl": "-0.91539999",
    "marginAsset": "USDT",
    "quoteQty": "15.63802",
    "commission": "0.00625521",
    "commissionAsset": "USDT",
    "time": T,
    "positionSide": "SHORT",
    "buyer": False,
    "maker": False,
}


def records(market: str = "usdm") -> Records:
    found = market_named(market).fills
    assert found is not None
    return found


def due(order_id: int = 1, at: int = T, symbol: str = "BTCUSDT", **changes: Any) -> DueOrder:
    return DueOrder(symbol, order_id, at, at + 5, Decimal(1))._replace(**changes)


def asked(orders: list[DueOrder], market: str = "usdm") -> list[list[int]]:
    """The order ids of each request, if no page is full."""
    requests = FillRequests(orders, records(market))
    found = []
    while request := requests.next():
        found.append([order.order_id for order in request.orders])
        requests.answered(request, 0, ())
    return found


def raw(**changes: Any) -> bytes:
    return json.dumps(ROW | changes).encode()


def reason(row: bytes) -> str:
    read = read_fill(row, T + HOUR)
    assert isinstance(read, Reject)
    return read.reason


def test_a_row_is_kept_as_received() -> None:
    row = raw(qty="0.00200000000000000000000000001", id=(1 << 63) - 1, new={"a": [1]})
    assert read_fill(row, T) == Fill("BTCUSDT", 25_851_813, (1 << 63) - 1, T, row.decode())


@pytest.mark.parametrize("name", ["symbol", "orderId", "id", "time"])
def test_a_row_without_its_key_or_time_is_rejected(name: str) -> None:
    assert reason(raw(**{name: None})) == "symbol, orderId, id or time is missing"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"qty": "much"}, "qty is not a decimal"),
        ({"qty": None}, "price or qty is missing"),
        ({"price": None}, "price or qty is missing"),
        ({"commission": True}, "commission is not a decimal"),
        ({"id": 1 << 63}, "orderId or id is not an integer"),
        ({"id": 1.5}, "id is not an integer"),
        ({"time": T // 1_000}, "time is not a time in epoch milliseconds"),
        ({"time": T + 2 * DAY}, "time is more than a day later than the row was received"),
        ({"buyer": "yes"}, "buyer is not a boolean"),
        ({"commissionAsset": 7}, "commissionAsset is not text"),
    ],
)
def test_what_cannot_be_read_is_rejected_with_its_reason(changes: dict[str, Any], said: str) -> None:
    assert reason(raw(**changes)) == said


def test_rows_of_other_orders_are_the_owners_own_trades() -> None:
    rows = [ROW, ROW | {"orderId": 7, "qty": "much"}, ROW | {"symbol": "ETHUSDT"}, ROW | {"orderId": "x"}, 5]
    page = read_fills({("BTCUSDT", 25_851_813)}, json.dumps(rows).encode(), T)
    assert [fill.trade_id for fill in page.fills] == [698_759]
    assert [reject.reason for reject in page.rejects] == ["orderId is not an integer", "the row is not an object"]
    assert page.shown == 5


def test_what_is_no_list_is_no_page() -> None:
    with pytest.raises(ContractError):
        read_fills((), b'{"code": 0}', T)
    with pytest.raises(TransientError):
        read_fills((), b'[{"symbol": ', T)


def test_both_times_are_sent_also_with_an_order_id() -> None:
    request = FillRequests([due(7)], records()).next()
    assert request is not None
    asking = question(records(), request)
    assert asking.parameters == {
        "symbol": "BTCUSDT",
        "startTime": T - SECOND - 1,
        "endTime": T + 5 + SECOND + 1,
        "orderId": 7,
        "limit": 1_000,
    }
    assert asking.endpoint.path == "/fapi/v1/userTrades"


def test_portfolio_margin_is_asked_by_time_alone() -> None:
    request = FillRequests([due(7)], records("pm-usdm")).next()
    assert request is not None
    assert "orderId" not in question(records("pm-usdm"), request).parameters


def test_a_cascade_is_one_request() -> None:
    orders = [due(number, T + number * HOUR) for number in range(100)]
    assert asked(orders) == [[*range(100)]]


def test_orders_of_other_symbols_and_distant_ones_have_requests_of_their_own_the_most_urgent_first() -> None:
    orders = [due(1, T + 20 * DAY), due(2, T), due(3, T + DAY, "ETHUSDT"), due(4, T + DAY), due(5, T + 8 * DAY)]
    assert asked(orders) == [[1], [2, 4], [3], [5]]
    assert asked(orders, "pm-coinm") == [[1], [2], [3], [4], [5]], "its windows are a day wide at most"


def test_a_window_is_never_wider_than_the_endpoint_takes() -> None:
    orders = [due(1, T, update_time=T + 20 * DAY), due(2, T + DAY)]
    requests = FillRequests(orders, records())
    windows = []
    while request := requests.next():
        windows.append(request.window)
        requests.answered(request, 0, ())
    assert max(window.width for window in windows) <= records().widest
    assert windows[0].start == T - SECOND
    assert max(window.end for window in windows) == T + 20 * DAY + SECOND + 1


def test_a_full_page_divides_the_orders_that_are_not_complete() -> None:
    requests = FillRequests([due(number, T + number * MINUTE) for number in range(8)], records())
    whole = requests.next()
    assert whole is not None
    assert requests.answered(whole, 1_000, [("BTCUSDT", number) for number in range(5)]) == []
    first, second = requests.next(), requests.next()
    assert first is not None
    assert second is not None
    assert [order.order_id for order in first.orders] == [5, 6]
    assert ([order.order_id for order in second.orders], second.is_by_order_id) == ([7], True)
    assert requests.next() is None


@pytest.mark.parametrize(
    ("shown", "is_divided"), [(999, False), (1_000, True), (1_001, True), (500, True), (501, False)]
)
def test_a_page_may_be_cut_at_the_limit_or_at_the_default_length(shown: int, is_divided: bool) -> None:
    requests = FillRequests([due(1), due(2)], records())
    request = requests.next()
    assert request is not None
    left = requests.answered(request, shown, ())
    assert (requests.next() is not None, left == []) == (is_divided, is_divided)


def test_one_order_is_divided_by_time_down_to_a_millisecond_and_is_crowded_then() -> None:
    order = due(1)
    requests = FillRequests([order], records("pm-usdm"))
    asked_for: list[FillRequest] = []
    left: list[DueOrder] = []
    while request := requests.next():
        asked_for.append(request)
        left += requests.answered(request, 1_000 if request.window.contains(T) else 0, ())
    assert left == [order]
    assert requests.is_crowded(order)
    assert min(request.window.width for request in asked_for) == 1
    assert len(asked_for) < 30


def test_a_refused_symbol_is_not_asked_for_again() -> None:
    orders = [due(1, T), due(2, T + 20 * DAY), due(3, T, "ETHUSDT")]
    requests = FillRequests(orders, records())
    request = requests.next()
    assert request is not None
    assert requests.refused_symbol(request) == orders[:2]
    other = requests.next()
    assert other is not None
    assert other.symbol == "ETHUSDT"
    requests.answered(other, 0, ())
    assert requests.next() is None


def test_a_time_that_is_no_longer_kept_costs_only_the_orders_in_it() -> None:
    requests = FillRequests([due(1), due(2, T + DAY)], records())
    both = requests.next()
    assert both is not None
    assert requests.too_old(both) == []
    old, young = requests.next(), requests.next()
    assert old is not None
    assert young is not None
    assert requests.too_old(old) == [due(1)]
    assert requests.answered(young, 1, [young.orders[0].key]) == []
    assert requests.next() is None


def test_a_failure_ends_its_orders_for_this_run() -> None:
    requests = FillRequests([due(1)], records())
    request = requests.next()
    assert request is not None
    assert requests.give_up(request) == [due(1)]
    assert requests.next() is None


@pytest.mark.parametrize(
    ("order", "sums", "lacks"),
    [
        (due(), Sums(Decimal("1.000")), None),
        (due(), Sums(), Reason.TOO_FEW),
        (due(), Sums(Decimal("0.9999999999999999999999999999999999")), Reason.TOO_FEW),
        (due(), Sums(Decimal("1.0000000000000000000000000000000001")), Reason.TOO_MANY),
        (due(quote=Decimal("5.0")), Sums(Decimal(1), Decimal(5)), None),
        (due(quote=Decimal("5.0")), Sums(Decimal(1), Decimal("5.0000000000000000000000000000000001")), Reason.WORTH),
        (due(quote=Decimal("5.0")), Sums(Decimal(1)), None),
        (due(), Sums(Decimal(1), Decimal(5)), None),
        (due(quote=Decimal("0.0")), Sums(Decimal(1), Decimal(5)), None),
    ],
)
def test_fills_are_complete_where_they_add_up_to_the_order(order: DueOrder, sums: Sums, lacks: Reason | None) -> None:
    assert judge(order, sums) == lacks


def test_fills_are_read_once_they_are_settled_and_as_long_as_they_are_kept() -> None:
    rules = Rules(now=T, settle_lag=10 * MINUTE, keeps=90 * DAY, widest=7 * DAY)
    assert readable(rules, 90 * DAY) == Window(T - 90 * DAY + MINUTE + SECOND, T - 10 * MINUTE)
    assert readable(replace(rules, keeps=None), 90 * DAY) == readable(rules, 90 * DAY)
    assert readable(replace(rules, earliest=T - HOUR), 90 * DAY) == Window(
        T - 90 * DAY + MINUTE + SECOND, T - 70 * MINUTE
    )
    assert readable(replace(rules, keeps=5 * MINUTE), 90 * DAY) is None
