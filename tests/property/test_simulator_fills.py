"""Random forced orders of every market: their fills add up to them, whatever else the exchange keeps to itself."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from etl.simulator.accounts import MAIN
from etl.simulator.fills import Fill, fills_of
from etl.simulator.history import Form, Profile, generate
from etl.simulator.ledger import Basis, Ledger, Owner
from etl.simulator.markets import COINM, PM_COINM, PM_USDM, USDM, Market
from etl.simulator.orders import order_from_row
from etl.simulator.scenario import DAY_MS, Scenario

AT = 1_795_000_000_000

scales = st.integers(0, 8)
amounts = st.integers(1, 10**9)


@st.composite
def decimals(draw: st.DrawFn) -> Decimal:
    """A positive decimal as the exchange writes one."""
    return Decimal(draw(amounts)).scaleb(-draw(scales))


@st.composite
def linear_rows(draw: st.DrawFn) -> dict[str, Any]:
    """A row of fapi whose cumQuote is its average price times its quantity, or any other number."""
    average, executed = draw(decimals()), draw(decimals())
    return _row(draw) | {
        "symbol": "ETHUSDT",
        "price": f"{draw(decimals()):f}",
        "avgPrice": f"{average:f}",
        "executedQty": f"{executed:f}",
        "cumQuote": f"{draw(st.one_of(st.just(average * executed), decimals())):f}",
    }


@st.composite
def inverse_rows(draw: st.DrawFn) -> dict[str, Any]:
    """A row of dapi; its quantities are contracts."""
    contracts = draw(st.integers(1, 10**6))
    return _row(draw) | {
        "symbol": "BTCUSD_PERP",
        "price": f"{draw(decimals()):f}",
        "avgPrice": f"{draw(decimals()):f}",
        "executedQty": str(contracts),
        "cumQuote": str(contracts * 100),
        "cumBase": f"{draw(decimals()):f}",
    }


def _row(draw: st.DrawFn) -> dict[str, Any]:
    at_ms = AT + draw(st.integers(0, 1000))
    return {
        "orderId": draw(st.integers(1, 2**63 - 1)),
        "clientOrderId": draw(st.sampled_from(["autoclose-1", "adl_autoclose", "settlement_autoclose-1", "web_1"])),
        "side": draw(st.sampled_from(["BUY", "SELL"])),
        "time": at_ms,
        "updateTime": at_ms + draw(st.integers(-50, 50)),
    }


def sums(fills: list[Fill]) -> tuple[Decimal, Decimal, Decimal]:
    """Quantity, and worth in the quote and in the base asset."""
    zero = Decimal(0)
    return (
        sum((one.quantity for one in fills), zero),
        sum((one.quote for one in fills), zero),
        sum((one.base for one in fills), zero),
    )


@given(row=linear_rows(), market=st.sampled_from([USDM, PM_USDM]))
def test_the_fills_of_a_linear_order_add_up_to_it(row: dict[str, Any], market: Market) -> None:
    fills = fills_of(order_from_row(row), market)
    executed = Decimal(row["executedQty"])
    assert 1 <= len(fills) <= 4
    assert sums(fills) == (executed, Decimal(row["cumQuote"]), executed)
    assert all(fill.quantity > 0 and fill.price > 0 for fill in fills)
    assert all(min(row["time"], row["updateTime"]) <= one.time <= max(row["time"], row["updateTime"]) for one in fills)
    assert [one.trade_id for one in fills] == sorted({one.trade_id for one in fills})
    assert all(0 < one.trade_id < 2**63 for one in fills)


@given(row=inverse_rows(), market=st.sampled_from([COINM, PM_COINM]))
def test_the_fills_of_an_inverse_order_add_up_to_it(row: dict[str, Any], market: Market) -> None:
    fills = fills_of(order_from_row(row), market)
    assert 1 <= len(fills) <= 4
    assert sums(fills) == (Decimal(row["executedQty"]), Decimal(row["cumQuote"]), Decimal(row["cumBase"]))
    assert all(one.quantity == int(one.quantity) > 0 for one in fills)


@given(
    seed=st.text("ab12", min_size=1, max_size=4),
    market=st.sampled_from([USDM, COINM, PM_USDM, PM_COINM]),
    shape=st.sampled_from(["2026-08", "2025"]),
    own=st.integers(0, 4),
    offset=st.sampled_from([0, 8_389_766_251_307_928_000]),
)
def test_the_books_of_a_random_history_agree(seed: str, market: Market, shape: Any, own: int, offset: int) -> None:
    scenario = Scenario(row_shape=shape, own_orders_a_day=own, order_id_offset=offset)
    forced = generate(seed, 0, 12 * DAY_MS, Profile("bursty", 8.0), 0, Form(market, shape, offset))
    owner = Owner(MAIN, market, range(12), 0, scenario)
    ledger = Ledger(Basis(scenario, MAIN, 0, 12), market, owner, forced, [])
    fills = defaultdict[int, list[Fill]](list)
    for fill in ledger.fills.rows:
        fills[id(fill.order)].append(fill)
    for order in ledger.orders.all():
        row = order.document()
        quantity, quote, base = sums(fills[id(order)])
        assert quantity == Decimal(row["executedQty"])
        assert quote == Decimal(row.get("cumQuote", quote))
        assert base == Decimal(row.get("cumBase", base))
    realized = sum((one.amount for one in ledger.income.rows if one.kind == "REALIZED_PNL"), Decimal(0))
    assert realized == sum((fill.realized_pnl for fill in ledger.fills.rows), Decimal(0))
    assert len({(fill.order.symbol, fill.trade_id) for fill in ledger.fills.rows}) == len(ledger.fills.rows)
