"""Random orders, fills and own trades under every cut: what is called complete is complete, and every reading ends."""

from decimal import Decimal
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from etl.core.fill_requests import FillRequest, FillRequests
from etl.core.fills import AROUND, DueOrder, Sums, judge
from etl.core.markets.apis import FAPI
from etl.core.markets.market import Endpoint, Records
from etl.core.orders import Key

T = 1_700_000_000_000
SYMBOLS = ("BTCUSDT", "ETHUSDT")


class Traded(NamedTuple):
    """One row of the exchange. `is_shown`: one that is not is late."""

    key: Key
    trade_id: int
    time: int
    quantity: int
    is_shown: bool


class History(NamedTuple):
    orders: list[DueOrder]
    rows: list[Traded]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Orders with fills within their times, between trades of the owner."""
    orders: list[DueOrder] = []
    rows: list[Traded] = []
    spread = draw(st.sampled_from([3, 100, 60_000]))
    for order_id in range(draw(st.integers(1, 12))):
        symbol, at = draw(st.sampled_from(SYMBOLS)), T + draw(st.integers(0, spread))
        lasted = draw(st.sampled_from([0, 1, 40, 9_000]))
        key = symbol, order_id
        for _ in range(draw(st.integers(1, 4))):
            time, quantity = at + draw(st.integers(0, lasted)), draw(st.integers(1, 9))
            rows.append(Traded(key, len(rows), time, quantity, draw(st.integers(0, 9)) > 0))
        executed = sum(row.quantity for row in rows if row.key == key)
        orders.append(DueOrder(symbol, order_id, at, at + lasted, Decimal(executed)))
    for _ in range(draw(st.integers(0, 40))):
        key = draw(st.sampled_from(SYMBOLS)), -1
        rows.append(Traded(key, len(rows), T + draw(st.integers(-AROUND, spread + AROUND)), 1, True))
    return History(draw(st.permutations(orders)), rows)


def matching(history: History, request: FillRequest) -> list[Traded]:
    """What the exchange has of a request, both ends included as it may read them."""
    start, end = request.window.wire()
    return [
        row
        for row in sorted(history.rows, key=lambda row: (row.time, row.trade_id))
        if row.is_shown and row.key[0] == request.symbol and start <= row.time <= end
        if not request.is_by_order_id or row.key == request.orders[0].key
    ]


@given(
    history=histories(),
    limits=st.lists(st.integers(2, 8), min_size=2, max_size=2).map(sorted),
    honours_limit=st.booleans(),
    widest=st.sampled_from([2_500, 20_000, 1_000_000]),
    takes_order_id=st.booleans(),
    keeps_newest=st.booleans(),
    picks=st.lists(st.integers(0, 2), min_size=1, max_size=9),
)
def test_what_is_called_complete_is_complete_and_every_reading_ends(
    history: History,
    limits: list[int],
    honours_limit: bool,
    widest: int,
    takes_order_id: bool,
    keeps_newest: bool,
    picks: list[int],
) -> None:
    endpoint = Endpoint(FAPI, "/fapi/v1/userTrades", 5)
    default, greatest = limits
    limit = greatest if honours_limit else default
    records = Records(endpoint, greatest, default, widest, needs_symbol=True, takes_order_id=takes_order_id)
    requests = FillRequests(history.orders, records)
    received: set[Traded] = set()
    complete: set[Key] = set()
    ended: list[Key] = []
    in_flight: list[FillRequest] = []
    sent = 0
    while True:
        while len(in_flight) < 3 and (request := requests.next()):
            assert request.window.width <= widest
            assert {order.symbol for order in request.orders} == {request.symbol}
            assert not request.is_by_order_id or (takes_order_id and len(request.orders) == 1)
            assert not complete & {order.key for order in request.orders}
            in_flight.append(request)
            sent += 1
        if not in_flight:
            break
        request = in_flight.pop(picks[sent % len(picks)] % len(in_flight))
        found = matching(history, request)
        page = found[-limit:] if keeps_newest else found[:limit]
        received |= {*page}
        done = {
            order.key
            for order in request.orders
            if judge(order, Sums(Decimal(sum(row.quantity for row in received if row.key == order.key)))) is None
        }
        complete |= done
        ended += [order.key for order in requests.answered(request, len(page), done)]
    assert len(ended) == len({*ended}), "each order ends once"
    assert {*ended}.isdisjoint(complete)
    assert {*ended} | complete == {order.key for order in history.orders}
    for order in history.orders:
        own = [row for row in history.rows if row.key == order.key]
        assert order.key not in complete or {*own} <= received
        crowd = max(
            sum(row.key[0] == order.symbol and abs(row.time - one.time) <= 1 for row in history.rows) for one in own
        )
        if all(row.is_shown for row in own) and crowd < limit:
            assert order.key in complete
    halvings, most_cut = 21, 3 * len(history.rows) // default + 1
    assert sent <= 2 * len(history.orders) * (1 + halvings * most_cut)
