"""Every report view against a recomputation of its own, over three changes of the clocks and in four time zones."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from tests.postgres import recomputing as expected
from tests.postgres import recomputing_costs, recomputing_days
from tests.postgres.recomputing import History, Interval, Row

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
"""Their clocks changed on 2026-03-29, on 2026-03-08, and by half an hour on 2026-04-04 in UTC."""
FIRST, LAST = date(2026, 3, 1), date(2026, 4, 12)
THEN, LATER = datetime(2026, 4, 20, tzinfo=UTC), datetime(2026, 4, 21, tzinfo=UTC)
BETWEEN = datetime(2026, 4, 20, 12, tzinfo=UTC)
CHANGES = [
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
]
SYMBOLS = {"usdm": ("BTCUSDT", "ETHUSDC", "ODDCOIN"), "coinm": ("BTCUSD_PERP", "ETHUSD_PERP"), "margin": ("BNBBTC",)}


STATES = {"proven", "quarantined", "partly", "never asked", "beyond retention", "not"}
CHANGED = """
    UPDATE force_orders SET executed_qty = 2, close_type = 'ADL', raw = '{"version": 2}', changed_at = %s
     WHERE order_id = %s
"""


def utc(month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def instants(random: Random) -> Iterator[datetime]:
    """Around each change of the clocks and each midnight near it, alone and in bursts."""
    while True:
        at = random.choice(CHANGES) + timedelta(hours=random.randrange(-40, 40)) + random.choice(
            [timedelta(0), -expected.MILLISECOND, timedelta(minutes=random.randrange(60))]
        )  # fmt: skip
        for _ in range(random.choice([1, 1, 4])):
            yield at
            at += random.choice(
                [timedelta(0), timedelta(milliseconds=400), timedelta(minutes=1), timedelta(seconds=61)]
            )


def amount(random: Random, *values: str | None) -> Decimal | None:
    value = random.choice(values)
    return None if value is None else Decimal(value)


def order(random: Random, number: int, at: datetime) -> Row:
    account, market = (
        random.choice(["main", "hedge"]),
        random.choice(["usdm", "usdm", "usdm", "coinm", "pm-usdm", "margin"]),
    )
    symbol = random.choice(SYMBOLS[market.removeprefix("pm-")])
    return {
        **dict(zip(expected.KEY, (account, market, symbol, 2**53 + number), strict=True)),
        "client_order_id": f"autoclose-{number}",
        "close_type": random.choice(["LIQUIDATION", "LIQUIDATION", "ADL", "UNKNOWN"]),
        "status": "FILLED",
        "side": random.choice(["BUY", "SELL", None]),
        "position_side": random.choice(["BOTH", "LONG", None]),
        "price": amount(random, "100", "3", "0", None),
        "avg_price": amount(random, "99.995", "7", "0", None),
        "orig_qty": amount(random, "3", "0.7", "0", None),
        "executed_qty": amount(random, "2", "0.123456789012345678901234", "0", None),
        "cum_quote": amount(random, "200.00000000000000000001", "12345678901234567890", "0", None),
        "cum_base": amount(random, "0.5", None),
        "pair": random.choice(["PAIR", None]),
        "is_isolated": None,
        "order_time": at,
        "update_time": at + timedelta(milliseconds=random.randrange(3)),
        "order_time_source": "time",
        "source": "api",
        "raw": Jsonb({}),
        **dict.fromkeys(("first_seen_at", "changed_at"), THEN),
        **dict.fromkeys(("first_run_id", "last_run_id"), 1),
    }


def listed(market: str, symbol: str, base: str, quote: str, margin: str, size: str | None) -> Row:
    names = ("market", "symbol", "base_asset", "quote_asset", "margin_asset", "pair")
    return {
        **dict(zip(names, (market, symbol, base, quote, margin, f"{base}{quote}"), strict=True)),
        "contract_type": "PERPETUAL",
        "contract_size": None if size is None else Decimal(size),
        "delivery_at": utc(12, 25),
        **dict.fromkeys(("first_seen_at", "changed_at", "seen_at"), THEN),
        "is_listed": symbol != "BTCUSD_PERP",
    }


def known(asked_since: datetime, proven: Sequence[Interval], **others: list[Interval]) -> Row:
    return {"asked_since": asked_since, "proven": [*proven], "failed": [], "beyond_retention": []} | others


def make_history() -> tuple[History, list[Row]]:
    """A history as it is now, and its orders as they were in between."""
    random = Random(1903)
    then = [order(random, number, at) for number, at in zip(range(260), instants(random), strict=False)]
    now = [
        o if random.random() < 0.8 else o | {"executed_qty": Decimal(2), "close_type": "ADL", "changed_at": LATER}
        for o in then
    ]
    hole = utc(3, 29, 0, 30), utc(3, 29, 1, 30)
    main = known(utc(3, 2, 5), [(utc(3, 5), hole[0]), (hole[1], utc(4, 6, 13, 30))], failed=[hole])
    main["beyond_retention"] = [(utc(3, 2, 5), utc(3, 5))]
    fills: list[Row] = []
    checked: set[tuple[str, ...]] = set()
    income: list[Row] = []
    for o in now:
        if o["market"] != "usdm" or not o["executed_qty"] or random.random() < 0.4:
            continue
        own = {name: o[name] for name in expected.KEY}
        for _ in range(random.choice([1, 2])):
            paid: Row = {"realized_pnl": amount(random, "-5.5", "0", "3"), "commission": amount(random, "0.004", "0.1")}
            paid |= {"commission_asset": random.choice(["BNB", "USDT"]), "trade_id": 1000 + len(fills)}
            fills.append(own | paid)
            if random.random() < 0.5:
                income.append(fee(o, fills[-1]["trade_id"], len(income), o["order_time"]))
        if random.random() < 0.8:
            checked.add(tuple(own.values()))
    for number, o in enumerate(now[:40:4]):
        apart = timedelta(seconds=random.choice([-61, -60, 0, 30, 60, 61]))
        income.append(fee(o, None, 500 + number, o["order_time"] + apart))
    history = History(
        orders=now,
        instruments={
            ("usdm", "BTCUSDT"): listed("usdm", "BTCUSDT", "BTC", "USDT", "USDT", None),
            ("coinm", "BTCUSD_PERP"): listed("coinm", "BTCUSD_PERP", "BTC", "USD", "BTC", "100"),
        },
        coverage={
            ("main", "usdm", "*"): main,
            ("main", "usdm", "BTCUSDT"): known(utc(3, 2, 5), [(utc(3, 1), utc(3, 3))]),
            ("hedge", "usdm", "*"): known(utc(3, 7), [(utc(3, 7), utc(4, 9))]),
            ("hedge", "coinm", "*"): known(
                utc(3, 8, 5), [(utc(3, 8, 5), utc(3, 9, 4)), (utc(4, 4, 13), utc(4, 4, 14))]
            ),
        },
        unreadable=[
            {"account": "hedge", "market": "usdm", "days": [date(2026, 3, 8)], "time": utc(3, 8, 12)},
            {"account": "main", "market": "usdm", "days": [date(2026, 4, 4)], "time": utc(4, 4, 23)},
        ],
        fills=fills,
        checked=checked,
        income=income,
        fees_proven={("main", "usdm"): [(utc(3, 1), utc(4, 1))]},
        mark_prices={
            (o["market"], o["symbol"], o["order_time"].replace(second=0, microsecond=0)): Decimal("98.7")
            for o in now
            if o["market"] in ("usdm", "coinm")
        },
    )
    return history, then


def fee(o: Row, trade_id: int | None, tran_id: int, at: datetime) -> Row:
    said = {"income_type": "INSURANCE_CLEAR", "tran_id": tran_id, "trade_id": trade_id, "time": at, "asset": "USDT"}
    ours = {"amount": Decimal("-0.75"), "raw": Jsonb({}), "first_run_id": 1, "copy": 0}
    return {name: o[name] for name in ("account", "market", "symbol")} | said | ours


def store(connection: psycopg.Connection[Row], history: History, then: Sequence[Row]) -> None:
    """As plain rows, without the program."""
    _insert(connection, "force_orders", then)
    for o in history.orders:
        if o["changed_at"] == LATER:
            connection.execute(CHANGED, [LATER, o["order_id"]])
    _insert(connection, "instruments", history.instruments.values())
    for key, own in history.coverage.items():
        sets = {name: _multirange(own[name]) for name in ("proven", "failed", "beyond_retention")}
        scope = dict(zip(("account", "market", "symbol"), key, strict=True))
        _insert(connection, "coverage", [scope | {"asked_since": own["asked_since"]} | sets])
    for row in history.unreadable:
        raw = Jsonb({"time": int(row["time"].timestamp() * 1000), "price": "seven"})
        unread = {"raw": raw, "reason": "price", "run_id": 1, "seen_at": THEN}
        _insert(connection, "quarantined_orders", [unread | {name: row[name] for name in ("account", "market")}])
    shape = {"price": 1, "qty": 1, "quote_qty": 1, "raw": Jsonb({}), "first_run_id": 1, "time": THEN}
    _insert(connection, "force_order_fills", [f | shape for f in history.fills])
    sizes = {tuple(o[name] for name in expected.KEY): o for o in history.orders}
    for of_order in history.checked:
        read = {
            "state": "complete",
            "run_id": 1,
            **{name: sizes[of_order][name] for name in ("executed_qty", "cum_quote")},
        }
        _insert(connection, "fill_checks", [dict(zip(expected.KEY, of_order, strict=True)) | read])
    _insert(connection, "income", history.income)
    for (account, market), proven in history.fees_proven.items():
        of_type = {"account": account, "market": market, "income_type": "INSURANCE_CLEAR"}
        _insert(connection, "income_coverage", [of_type | {"proven": _multirange(proven)}])
    marks = [
        {"market": market, "symbol": symbol, "minute": minute, "price": price, "raw": Jsonb([])}
        for (market, symbol, minute), price in history.mark_prices.items()
    ]
    _insert(connection, "mark_prices", marks)


def _multirange(intervals: Sequence[Interval]) -> Multirange[datetime]:
    return Multirange(Range(*interval) for interval in intervals)


def _insert(connection: psycopg.Connection[Row], table: str, rows: Any) -> None:
    for row in rows:
        names, marks = sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join([sql.Placeholder()] * len(row))
        query = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), names, marks)
        connection.execute(query, [*row.values()])


@pytest.fixture
def history() -> History:
    return make_history()[0]


@pytest.fixture
def stored(database_url: str, history: History) -> Iterator[psycopg.Connection[Row]]:
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        store(connection, history, make_history()[1])
        yield connection


def same(found: Sequence[Row], wanted: Sequence[Row]) -> None:
    """The same rows in any order; numbers are equal by value."""
    assert len(found) == len(wanted) > 0
    for one, other in zip(*(sorted(map(_plain, rows), key=str) for rows in (found, wanted)), strict=True):
        assert one == other


def _plain(row: Row) -> Row:
    """Columns by name; instants in UTC, numbers without zeros at the end, so that equal rows stand in one order."""
    return {name: _value(row[name]) for name in sorted(row)}


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _value(None if one is None else Decimal(one)) for key, one in sorted(value.items())}
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return f"{Decimal(value).normalize():f}" if is_number else value


def views(history: History, orders: Sequence[Row], now: datetime, as_of: datetime) -> dict[str, list[Row]]:
    """Of the views that have a past: what they say of these orders."""
    told = expected.force_orders(history, orders)
    return {
        "report_force_orders": told,
        "report_daily": expected.daily(told),
        "report_symbols": expected.symbols(history, told, min(now, as_of)),
        "report_cascades": expected.cascades(told),
    }


def read(connection: psycopg.Connection[Row], source: str, where: str = "true") -> list[Row]:
    return connection.execute(f"SELECT * FROM {source} WHERE {where}".encode()).fetchall()


@pytest.mark.parametrize("zone", ZONES)
def test_every_view_says_what_a_person_would_work_out(
    stored: psycopg.Connection[Row], history: History, zone: str
) -> None:
    stored.execute("SELECT set_config('timezone', %s, false)", [zone])
    with localcontext(prec=100), stored.transaction():
        (now,) = (row["now"] for row in stored.execute("SELECT now() AS now").fetchall())
        present = views(history, history.orders, now, now)
        for view, wanted in present.items():
            same(read(stored, view), wanted)
            same(read(stored, f"{view}_as_of"), wanted)
        same(read(stored, "report_cascades_between()"), present["report_cascades"])
        stored.execute("SELECT set_config('force_orders.as_of', %s, false)", [BETWEEN.isoformat()])
        for view, wanted in views(history, make_history()[1], now, BETWEEN).items():
            same(read(stored, f"{view}_as_of"), wanted)

        told = present["report_force_orders"]
        counted = Counter((o["account"], o["market"], o["close_type"]) for o in told)
        names = ("account", "market", "close_type", "orders")
        same(read(stored, "report_order_counts"), [dict(zip(names, (*k, n), strict=True)) for k, n in counted.items()])
        same(read(stored, "report_costs"), recomputing_costs.costs(history, told, now))
        same(read(stored, "report_slippage"), expected.slippage(history, told))
        same(read(stored, "report_watermarks"), recomputing_days.watermarks(history))
        same(read(stored, "report_gaps", "symbol = '*'"), recomputing_days.gaps_of_all_symbols(history))
        same(read(stored, "report_coverage", f"day <= '{LAST}'"), recomputing_days.coverage_days(history, LAST))
        calendar = read(stored, f"report_completeness('{FIRST}', '{LAST}', '{zone}')")
        same(calendar, recomputing_days.calendar(history, FIRST, LAST, zone))
        assert {row["state"] for row in calendar} == STATES
