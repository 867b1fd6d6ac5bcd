"""The report views at their edges: signs, rounding, what is missing, time zones; and every column says what it is."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, text

from etl.core.timeline import DAY, MINUTE, to_millis
from etl.store import coverage, runs
from tests.postgres.reported import MARKET, at, found, write
from tests.postgres.samples import proven, row

VIEWS = (
    *(
        "report_archives",
        "report_cascades",
        "report_costs",
        "report_coverage",
        "report_daily",
        "report_force_orders",
        "report_liquidation_flows",
    ),
    *("report_runs", "report_scopes", "report_slippage", "report_symbols"),
    *("report_gaps", "report_jobs", "report_quarantine", "report_revisions", "report_verifications"),
    *("report_run_wallets", "report_order_counts"),
    *("report_watermarks", "report_force_orders_as_of", "report_daily_as_of"),
    *("report_symbols_as_of", "report_cascades_as_of"),
)
REASONS = {"as_of", "cascade_pause", "not_fetched", "beyond_retention", "market_not_read"}
"""Words that are values, not columns."""
MIDNIGHT = to_millis(datetime(2026, 3, 5, tzinfo=UTC))


def order(connection: Connection, **changes: Any) -> dict[str, Any]:
    """What report_force_orders makes of the documented row with some fields changed."""
    write(connection, row(**changes))
    (one,) = found(connection, "report_force_orders")
    return one


def digits(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def test_every_column_of_the_documented_row_in_a_readers_terms(connection: Connection) -> None:
    found = order(connection)
    assert found.pop("changed_at") == found.pop("first_seen_at") == connection.scalar(STORED_AT)
    assert found == {
        "account": "main",
        "market": "usdm",
        "symbol": "BTCUSDT",
        "order_id": 6071832819,
        "close_type": "LIQUIDATION",
        "side": "SELL",
        "position_closed": "LONG",
        "order_time": datetime(2020, 7, 30, 11, 13, 40, 44_000, tzinfo=UTC),
        "update_time": datetime(2020, 7, 30, 11, 13, 40, 87_000, tzinfo=UTC),
        "status": "FILLED",
        "quantity_ordered": Decimal("0.001"),
        "quantity_filled": Decimal("0.001"),
        "fill_ratio": 1,
        "price": Decimal("10871.09"),
        "average_price": Decimal("10913.21"),
        "improvement_bps": Decimal("38.74"),
        "notional": Decimal("10.91321"),
        "quote_asset": "USDT",
        "base_asset": "BTC",
        "margin_asset": "USDT",
        "coin_notional": None,
        "pair": "BTCUSDT",
        "contract_type": None,
        "contract_size": None,
        "delivery_at": None,
        "is_isolated": None,
        "order_time_source": "time",
        "source": "api",
        "client_order_id": "autoclose-1596107620040000020",
        "position_side": "BOTH",
    }


STORED_AT = text("SELECT changed_at FROM force_orders")


@pytest.mark.parametrize(
    ("side", "position_side", "closed"),
    [
        ("SELL", "BOTH", "LONG"),
        ("BUY", "BOTH", "SHORT"),
        ("SELL", "LONG", "LONG"),
        ("BUY", "SHORT", "SHORT"),
        ("SELL", None, "LONG"),
        ("BUY", None, "SHORT"),
        (None, "SHORT", "SHORT"),
        (None, "BOTH", None),
        ("HOLD", None, None),
    ],
)
def test_a_sell_closes_a_long_and_a_buy_a_short(
    connection: Connection, side: str | None, position_side: str | None, closed: str | None
) -> None:
    assert order(connection, side=side, positionSide=position_side)["position_closed"] == closed


@pytest.mark.parametrize(
    ("side", "price", "average", "bps"),
    [
        pytest.param("SELL", "100", "99", "-100.00", id="sold lower"),
        pytest.param("SELL", "100", "101.5", "150.00", id="sold higher"),
        pytest.param("BUY", "100", "101", "-100.00", id="bought higher"),
        pytest.param("BUY", "100", "98.5", "150.00", id="bought lower"),
        pytest.param("SELL", "100", "100", "0.00", id="as ordered"),
        pytest.param("SELL", "1000000", "999999.5", "-0.01", id="half of the last digit, worse"),
        pytest.param("BUY", "1000000", "999999.5", "0.01", id="half of the last digit, better"),
        pytest.param("SELL", "1000000", "999999.50001", "0.00", id="less than half of it"),
        pytest.param("SELL", "3", "2", "-3333.33", id="a third"),
        pytest.param("BUY", "3", "5", "-6666.67", id="two thirds"),
        pytest.param("SELL", "0", "99", None, id="no limit"),
        pytest.param("SELL", None, "99", None, id="limit not sent"),
        pytest.param("BUY", "100", "0.00000", None, id="no fill"),
        pytest.param("SELL", "100", "0", None, id="no fill of a sell"),
        pytest.param("BUY", "100", None, None, id="average not sent"),
        pytest.param(None, "100", "99", None, id="side not sent"),
    ],
)
def test_an_improvement_is_positive_where_the_fill_was_better_than_the_limit(
    connection: Connection, side: str | None, price: str | None, average: str | None, bps: str | None
) -> None:
    assert digits(order(connection, side=side, price=price, avgPrice=average)["improvement_bps"]) == bps


@pytest.mark.parametrize(
    ("ordered", "filled", "ratio"),
    [
        *(("3", "1", "0.333333"), ("3", "2", "0.666667"), ("2", "0", "0.000000"), ("0", "0", None)),
        *((None, "1", None), ("1", None, None), ("2000000", "1", "0.000001"), ("2000001", "1", "0.000000")),
    ],
)
def test_the_fill_ratio_has_six_decimals(
    connection: Connection, ordered: str | None, filled: str | None, ratio: str | None
) -> None:
    assert digits(order(connection, origQty=ordered, executedQty=filled)["fill_ratio"]) == ratio


@pytest.mark.parametrize(
    ("cum_quote", "filled", "average", "notional"),
    [
        pytest.param("10.91321", "7", "8", "10.91321", id="as sent"),
        pytest.param(None, "0.003", "10871.09", "32.61327", id="not sent"),
        pytest.param(None, "0.1234567890123456789", "3", "0.3703703670370370367", id="not sent, many digits"),
        pytest.param(None, "0", "0", "0", id="nothing filled"),
        pytest.param("0", "0", "0", "0", id="nothing filled, as sent"),
        pytest.param(None, None, "8", None, id="quantity not sent"),
        pytest.param(None, "7", None, None, id="average not sent"),
        pytest.param(None, "7", "0", None, id="filled at an unknown price"),
        pytest.param("0", "7", "0", None, id="filled, sent as worth nothing"),
        pytest.param("0", "0.00000001", "8", "0", id="dust, as sent"),
    ],
)
def test_the_notional_is_what_was_sent_or_else_quantity_times_price(
    connection: Connection, cum_quote: str | None, filled: str | None, average: str | None, notional: str | None
) -> None:
    assert digits(order(connection, cumQuote=cum_quote, executedQty=filled, avgPrice=average)["notional"]) == notional


def test_a_price_of_zero_is_none(connection: Connection) -> None:
    one = order(connection, price="0.00", avgPrice="0.00000")
    assert (one["price"], one["average_price"]) == (None, None)


@pytest.mark.parametrize(
    ("symbol", "asset"),
    [
        *(("BTCUSDT", "USDT"), ("ETHUSDC", "USDC"), ("ETHBTC", "BTC"), ("BTCUSDT_260327", "USDT"), ("BTCBUSD", "BUSD")),
        *(("BTCFDUSD", "FDUSD"), ("BTCTUSD", "TUSD"), ("BTCUSD1", "USD1"), ("1000PEPEUSDT", "USDT")),
        ("BTCDOMUSDT", "USDT"),
        *(("币安人生USDT", "USDT"), ("BTCXYZ", None), ("BTCUSDT_PERP", None), ("btcusdt", None)),
        ("BTCUSDT\nX", None),
    ],
)
def test_the_quote_asset_is_read_off_the_symbols_end(connection: Connection, symbol: str, asset: str | None) -> None:
    assert order(connection, symbol=symbol)["quote_asset"] == asset
    for view in ("report_daily", "report_symbols"):
        assert [one["quote_asset"] for one in found(connection, view)] == [asset]
    assert [one["quote_assets"] for one in found(connection, "report_cascades")] == [asset]


def test_a_day_weighs_improvements_by_notional_and_adds_up_what_was_not_filled(connection: Connection) -> None:
    sold = {"side": "SELL", "price": "100"}
    write(
        connection,
        at(MIDNIGHT, 1, **sold, avgPrice="99", cumQuote="300", origQty="5", executedQty="3"),
        at(MIDNIGHT, 2, **sold, avgPrice="100.5", cumQuote="100", origQty="1", executedQty="1.5"),
        at(MIDNIGHT, 3, side="SELL", price="0", avgPrice="1", cumQuote="1000", origQty="1000", executedQty="1000"),
        at(MIDNIGHT, 4, **sold, clientOrderId="adl_autoclose", avgPrice="0", cumQuote="0", executedQty="0"),
    )
    adl, liquidations = found(connection, "report_daily")
    assert {name: str(value) for name, value in liquidations.items()} == {
        "account": "main",
        "market": "usdm",
        "day": "2026-03-05",
        "symbol": "BTCUSDT",
        "close_type": "LIQUIDATION",
        "quote_asset": "USDT",
        "orders": "3",
        "quantity_filled": "1004.5",
        "notional": "1400",
        "improvement_bps": "-62.50",
        "largest_notional": "1000",
        "quantity_unfilled": "2",
        "base_asset": "BTC",
        "margin_asset": "USDT",
        "coin_notional": "None",
    }
    assert (adl["close_type"], adl["improvement_bps"], adl["notional"]) == ("ADL", None, 0)
    assert adl["quantity_unfilled"] == Decimal("0.001")


@pytest.mark.parametrize("missing", ["origQty", "executedQty"])
def test_a_day_without_quantities_does_not_know_what_was_left(connection: Connection, missing: str) -> None:
    write(connection, row(time=MIDNIGHT, updateTime=MIDNIGHT, **{missing: None}))
    (day,) = found(connection, "report_daily")
    assert day["quantity_unfilled"] is None


def test_the_days_of_an_account_that_was_never_read_are_there(connection: Connection) -> None:
    write(connection, at(MIDNIGHT), account="imported")
    connection.execute(text("DELETE FROM coverage"))
    assert [(one["account"], one["orders"]) for one in found(connection, "report_daily")] == [("imported", 1)]


def test_a_day_without_notional_has_none_and_no_mean(connection: Connection) -> None:
    write(connection, at(MIDNIGHT, cumQuote=None, executedQty=None))
    (day,) = found(connection, "report_daily")
    assert (day["orders"], day["notional"], day["improvement_bps"], day["largest_notional"]) == (1, None, None, None)


def test_thirty_days_end_thirty_days_ago(connection: Connection) -> None:
    now = to_millis(connection.execute(text("SELECT now()")).scalar_one())
    times = {1: now - 30 * DAY - MINUTE, 2: now - 30 * DAY + MINUTE, 3: now - MINUTE, 4: now - 400 * DAY}
    adl = {"clientOrderId": "adl_autoclose"}
    write(
        connection, *(at(instant, n, cumQuote=f"{10**n}.5", **(adl if n == 3 else {})) for n, instant in times.items())
    )
    write(connection, at(times[4], symbol="ETHUSDC"), *(at(times[1], n, symbol="XRPUSDT", **adl) for n in (8, 9)))
    write(connection, at(times[1], 7, symbol="XRPUSDT"))

    bitcoin, ether, ripple = found(connection, "report_symbols")
    assert {name: str(value) for name, value in bitcoin.items() if not name.endswith("order_at")} == {
        "account": "main",
        "market": "usdm",
        "symbol": "BTCUSDT",
        "quote_asset": "USDT",
        "orders": "4",
        "notional": "11112.0",
        "adl_share": "0.2500",
        "orders_30d": "2",
        "notional_30d": "1101.0",
        "adl_share_30d": "0.5000",
        "base_asset": "BTC",
        "margin_asset": "USDT",
        "coin_notional": "None",
        "contract_type": "None",
        "delivery_at": "None",
        "is_listed": "None",
    }
    assert [to_millis(bitcoin[name]) for name in ("first_order_at", "last_order_at")] == [times[4], times[3]]
    assert (ether["orders"], ether["orders_30d"], ether["notional_30d"], ether["adl_share_30d"]) == (1, 0, 0, None)
    assert (str(ripple["adl_share"]), ripple["adl_share_30d"]) == ("0.6667", None)


def clocks_changed_a_fortnight_ago() -> str:
    """A time zone of one's own, in Postgres's words: UTC, and an hour ahead of it since a fortnight."""
    today = datetime.now(UTC).timetuple().tm_yday
    changes, back = ((today + days) % 365 for days in (-14, 100))
    return f"OWN0SUMMER,{changes}/0,{back}/0"


@pytest.mark.parametrize(
    "zone", ["Asia/Kolkata", "America/New_York", "Pacific/Kiritimati", clocks_changed_a_fortnight_ago()]
)
def test_whatever_the_sessions_time_zone_a_day_is_one_of_utc(connection: Connection, zone: str) -> None:
    now = to_millis(connection.execute(text("SELECT now()")).scalar_one())
    runs.start(connection, "sync")
    times = [MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + DAY, now - 30 * DAY - 30 * MINUTE, now - 30 * DAY + 30 * MINUTE]
    write(connection, *(at(instant, number) for number, instant in enumerate(times)), account="hedge")
    shown = [proven(MIDNIGHT - DAY, MIDNIGHT), proven(MIDNIGHT + 1, MIDNIGHT + DAY)]
    coverage.record(connection, "hedge", MARKET, shown)
    connection.commit()
    in_utc = {view: found(connection, view) for view in VIEWS}
    assert [one["day"].day for one in in_utc["report_daily"][:3]] == [4, 5, 6]
    days = [(one["day"].day, one["coverage"], one["orders"]) for one in in_utc["report_coverage"][:4]]
    assert days == [(4, "proven", 1), (5, "partly", 1), (6, "not", 1), (7, "not", 0)]
    assert [one["orders_30d"] for one in in_utc["report_symbols"]] == [1]

    connection.commit()
    connection.execute(text("SELECT set_config('timezone', :zone, false)"), {"zone": zone})
    assert {view: found(connection, view) for view in VIEWS} == in_utc


COMMENTS = text("""
    SELECT relname AS view, attname AS column, obj_description(pg_class.oid, 'pg_class') AS of_view,
           col_description(pg_class.oid, attnum) AS of_column
      FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
     WHERE relnamespace = 'public'::regnamespace AND relname LIKE 'report\\_%'
""")


def test_every_view_and_every_column_says_what_it_means(connection: Connection) -> None:
    said = connection.execute(COMMENTS).all()
    assert {one.view for one in said} == set(VIEWS)
    assert [(one.view, one.column) for one in said if not one.of_view or not one.of_column] == []


def test_no_comment_speaks_of_a_column_that_is_not_there(connection: Connection) -> None:
    said = connection.execute(COMMENTS).all()
    there = {(one.view, one.column) for one in said}
    relations = set(connection.scalars(text("SELECT relname FROM pg_class WHERE relkind IN ('r', 'v')")))
    relations |= set(connection.scalars(text("SELECT proname FROM pg_proc WHERE proname LIKE 'report\\_%'")))
    spoken = {
        (one.view, word)
        for one in said
        for comment in (one.of_view, one.of_column)
        for word in re.findall(r"[a-z0-9]+(?:_[a-z0-9]+)+", comment.replace("force_orders.", ""))
    }
    assert ("report_force_orders", "quantity_ordered") in spoken
    assert {(view, word) for view, word in spoken if word not in relations | REASONS} <= there
