"""What a report reads: the page's whole contract, half-open spans, exact digits, and bounds on all that grows."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from itertools import product
from random import Random
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import Connection, text

from etl.core.completeness import DayState
from etl.core.findings import Finding, Verdict
from etl.core.markets import USDM
from etl.core.planning import Rules
from etl.core.timeline import DAY, HOUR, MINUTE, SECOND, Window, to_millis
from etl.core.wallets import Wallet
from etl.errors import StoreError
from etl.reporting.queries import first_day, read_report, stored_accounts
from etl.reporting.report_data import DayCoverage, ReportData
from etl.reporting.report_tables import first_at_risk, headline, report_tables
from etl.runs.recorder import Received, Recorder
from etl.store import coverage, runs
from tests.combining import few_of
from tests.postgres.reported import write
from tests.postgres.samples import page, row

THURSDAY = to_millis(datetime(2026, 3, 5, tzinfo=UTC))
SPAN = Window(THURSDAY, THURSDAY + 2 * DAY)
NOW = Rules(now=THURSDAY + 10 * DAY, settle_lag=600_000, keeps=90 * DAY, widest=7 * DAY)
BEYOND_A_DOUBLE = 2**53 + 1


def store(connection: Connection, account: str, *rows: str, proven: Window | None = None) -> None:
    """As a run stores what it received."""
    answer = page(*rows)
    findings = [Finding(proven, Verdict.PROVEN, None, [answer])] if proven else []
    Recorder(connection, 1, lambda: (1, 50)).commit([Received(Wallet(account, USDM), answer, findings)])


def order(symbol: str, order_id: int, at: int, **changes: Any) -> str:
    return row(symbol=symbol, orderId=order_id, time=at, updateTime=at, **changes)


def read(connection: Connection, span: Window = SPAN, accounts: Sequence[str] = ("account2", "main")) -> ReportData:
    return read_report(connection, span, accounts, NOW)


def shown(data: ReportData, width: int = 10_000) -> str:
    """The tables as a pipe gets them, or a terminal of that width."""
    written = StringIO()
    Console(file=written, width=width).print(*report_tables(data), sep="\n")
    return written.getvalue()


@pytest.fixture
def history(connection: Connection) -> Connection:
    """Two days of two accounts: one proven, with every kind of number, and one that was only asked for."""
    store(
        connection,
        "main",
        order("BTCUSDT", 1, THURSDAY + 2 * HOUR + 4_567, price="100.0", avgPrice="99.50", cumQuote="199.00"),
        order(
            "BTCUSDT",
            2,
            THURSDAY + 2 * HOUR + 34_567,
            side="BUY",
            price="100.0",
            avgPrice="100.07",
            cumQuote="10.0070",
            clientOrderId="adl_autoclose",
        ),
        order("ETHUSDC", BEYOND_A_DOUBLE, THURSDAY + DAY, avgPrice="0", executedQty="0", cumQuote="0"),
        proven=SPAN,
    )
    coverage.ask(connection, "account2", USDM, None, THURSDAY + DAY)
    odd = order("ODDCOIN", 7, THURSDAY + 2 * DAY - 1, price="100", avgPrice="100.01", positionSide="LONG")
    store(connection, "account2", odd.replace('"cumQuote": "10.91321", ', "").replace('"executedQty": "0.001", ', ""))
    return connection


def test_the_page_gets_exactly_what_was_agreed(history: Connection) -> None:
    # filled, average price, notional, quote asset, improvement, cost
    first = ["0.001", "99.50", "199.00", "USDT", "-50.00", None]
    second = ["0.001", "100.07", "10.0070", "USDT", "-7.00", None]
    third = ["0", None, "0", "USDC", None, None]
    fourth = [None, "100.01", None, None, "1.00", None]
    of_main = "complete: 2026-03-05..2026-03-06 (UTC): main usdm; 2 days proven"
    missing = "account2 usdm not 2026-03-06, never asked 2026-03-05"
    incomplete = f"not complete: 2026-03-05..2026-03-06 (UTC): {missing}"
    assert read(history).as_json() == {
        "generated_at": "2026-03-15T00:00:00.000Z",
        "since": "2026-03-05T00:00:00.000Z",
        "until": "2026-03-07T00:00:00.000Z",
        "time_zone": "UTC",
        "retention_days": 90,
        "accounts": ["account2", "main"],
        "markets": ["usdm"],
        "symbols": ["BTCUSDT", "ETHUSDC", "ODDCOIN"],
        "quote_assets": ["USDC", "USDT"],
        "close_types": ["LIQUIDATION", "ADL", "SETTLEMENT", "UNKNOWN"],
        "verdicts": [
            [None, None, False, incomplete],
            [None, 0, False, incomplete],
            [0, None, False, incomplete],
            [0, 0, False, incomplete],
            [1, None, True, of_main],
            [1, 0, True, of_main],
        ],
        "daily": [
            [0, 0, 2, None, 0, "2026-03-06", 1, None],
            [1, 0, 0, 1, 0, "2026-03-05", 1, "199.00"],
            [1, 0, 0, 1, 1, "2026-03-05", 1, "10.0070"],
            [1, 0, 1, 0, 0, "2026-03-06", 1, "0"],
        ],
        "improvements": {
            "bin_bps": 5,
            "rows": [[0, 0, 2, None, 0, 0, 1], [1, 0, 0, 1, 0, -50, 1], [1, 0, 0, 1, 1, -10, 1]],
        },
        "hours": [
            [0, 0, 2, None, 0, 4, 23, 1],
            [1, 0, 0, 1, 0, 3, 2, 1],
            [1, 0, 0, 1, 1, 3, 2, 1],
            [1, 0, 1, 0, 0, 4, 0, 1],
        ],
        "cascades": [[1, 0, "2026-03-05T02:00:04.567Z", 30.0, 2, 1, {"USDT": "209.0070"}, 1]],
        "coverage": [
            [0, 0, "2026-03-05", "never asked", None, 0],
            [0, 0, "2026-03-06", "not", None, 1],
            [1, 0, "2026-03-05", "proven", None, 2],
            [1, 0, "2026-03-06", "proven", None, 1],
        ],
        "day_starts": {"2026-03-05": "2026-03-05T00:00:00.000Z", "2026-03-06": "2026-03-06T00:00:00.000Z"},
        "costs": [],
        "cost_states": [],
        "largest": [
            [0, 0, "ODDCOIN", "7", "2026-03-06T23:59:59.999Z", "LIQUIDATION", "LONG", *fourth],
            [1, 0, "BTCUSDT", "2", "2026-03-05T02:00:34.567Z", "ADL", "SHORT", *second],
            [1, 0, "BTCUSDT", "1", "2026-03-05T02:00:04.567Z", "LIQUIDATION", "LONG", *first],
            [1, 0, "ETHUSDC", str(BEYOND_A_DOUBLE), "2026-03-06T00:00:00.000Z", "LIQUIDATION", "LONG", *third],
        ],
    }


def test_the_session_s_time_zone_changes_nothing(history: Connection) -> None:
    before = read(history).as_json()
    history.execute(text("SET timezone = 'Asia/Kolkata'"))
    history.commit()
    assert read(history).as_json() == before
    assert first_day(history, ["main"]) == THURSDAY


def test_a_span_is_half_open_to_the_millisecond_in_every_part(history: Connection) -> None:
    second, third = THURSDAY + 2 * HOUR + 34_567, THURSDAY + DAY
    both = read(history, Window(second, third + 1))
    assert [row.order_id for row in both.largest] == [2, BEYOND_A_DOUBLE]
    one = read(history, Window(second, third))
    assert [row.order_id for row in one.largest] == [2]
    assert (one.orders, one.symbols) == (1, ["BTCUSDT"])
    assert [sum(row.orders for row in part) for part in (one.daily, one.improvements, one.hours)] == [1, 1, 1]
    assert one.cascades == [], "it began before"
    assert [(day.account, day.day) for day in one.coverage] == [
        ("account2", date(2026, 3, 5)),
        ("main", date(2026, 3, 5)),
    ]


def test_of_the_accounts_only_those_asked_for_are_read(history: Connection) -> None:
    data = read(history, accounts=["account2"])
    assert data.as_json()["accounts"] == ["account2"]
    assert {row.account for part in (data.daily, data.hours, data.coverage, data.largest) for row in part} == {
        "account2"
    }


def test_a_history_begins_with_the_first_day_that_was_asked_for_or_has_an_order(history: Connection) -> None:
    assert stored_accounts(history) == ["account2", "main"]
    assert first_day(history, ["account2"]) == THURSDAY + DAY
    assert first_day(history, ["account2", "main"]) == THURSDAY
    store(history, "main", order("BTCUSDT", 3, THURSDAY - 3 * DAY + HOUR))
    assert first_day(history, ["main"]) == THURSDAY - 3 * DAY
    coverage.ask(history, "account2", USDM, None, THURSDAY - 5 * DAY + MINUTE)
    assert first_day(history, ["account2", "main"]) == THURSDAY - 5 * DAY


def test_an_empty_database_has_no_accounts_no_beginning_and_nothing_to_show(connection: Connection) -> None:
    assert (stored_accounts(connection), first_day(connection, [])) == ([], None)
    data = read(connection, accounts=[])
    found = read_report(connection, SPAN, [], replace(NOW, keeps=None)).as_json()
    assert found["retention_days"] is None, "an exchange that keeps everything"
    assert [found[name] for name in ("accounts", "symbols", "quote_assets", "daily", "hours", "largest")] == [[]] * 6
    assert report_tables(data) == []
    assert headline(data) == (
        "nothing is stored from 2026-03-05T00:00Z to 2026-03-07T00:00Z; start with: force-orders backfill"
    )


def test_sixty_symbols_are_named_and_the_others_with_fewer_orders_share_an_entry(connection: Connection) -> None:
    names = [f"S{n:02}USDT" for n in range(63)]
    rare = {"S00USDT", "S30USDT", "S62USDT"}
    rows = [
        order(name, n, THURSDAY + n * HOUR, cumQuote="5") for name in names for n in range(1, 2 if name in rare else 3)
    ]
    store(connection, "main", *rows)
    found = read(connection).as_json()
    assert found["symbols"] == [*(name for name in names if name not in rare), "others (3 symbols)"]
    assert [cells for cells in found["daily"] if cells[2] == 60] == [[1, 0, 60, 0, 0, "2026-03-05", 3, "15"]]
    assert [cells for cells in found["hours"] if cells[2] == 60] == [[1, 0, 60, 0, 0, 3, 1, 3]]
    assert sum(cells[6] for cells in found["improvements"]["rows"] if cells[2] == 60) == 3
    assert {cells[2] for cells in found["largest"]} == set(names), "an order keeps its own name"


def test_the_fifty_largest_of_every_account_and_symbol_are_listed(connection: Connection) -> None:
    big = [order("BTCUSDT", n, THURSDAY + n, cumQuote=str(1_000 - n)) for n in range(60)]
    small = [order("ETHUSDT", n, THURSDAY + n, cumQuote=str(n + 1)) for n in range(60)]
    store(connection, "main", *big, *small)
    store(connection, "account2", *small)
    largest = [(one.account, one.symbol, one.order_id) for one in read(connection).largest]
    assert largest[:50] == [("main", "BTCUSDT", n) for n in range(50)]
    assert largest[50:] == [(account, "ETHUSDT", n) for n in range(59, 9, -1) for account in ("account2", "main")]


def test_the_symbols_that_share_an_entry_have_fifty_together(connection: Connection) -> None:
    named = [order(f"S{n:02}USDT", k, THURSDAY + n, cumQuote="1") for n in range(60) for k in range(2)]
    rare = [order(f"RARE{n:02}USDT", 1, THURSDAY, cumQuote=str(n)) for n in range(1, 61)]
    store(connection, "main", *named, *rare)
    assert [one.symbol for one in read(connection).largest][:50] == [f"RARE{n:02}USDT" for n in range(60, 10, -1)]
    assert sum(one.symbol.startswith("RARE") for one in read(connection).largest) == 50


@pytest.mark.parametrize("seed", range(3))
def test_the_fifty_largest_of_every_choice_are_listed(connection: Connection, seed: int) -> None:
    """As the page chooses: of all that is listed those that match, the first fifty of them."""
    lot = Random(seed)
    names = [f"S{n:02}{quote}" for n in range(66) for quote in ("USDT", "USDC")][: lot.choice([5, 130])]
    prefixes = ["autoclose-", "adl_autoclose", "settlement_autoclose-", "mine-"]
    for account in ("account2", "main"):
        for market in (USDM, "pm-usdm"):
            rows = []
            for n in range(400):
                symbol = lot.choice(names[: lot.choice([3, len(names)])])
                worth = str(lot.choice([lot.randrange(40), lot.randrange(10**9), 0]))
                kind = lot.choice(prefixes[: lot.choice([1, 4])])
                rows.append(
                    order(symbol, n, THURSDAY + lot.randrange(2 * DAY), cumQuote=worth, clientOrderId=f"{kind}{n}")
                )
            write(connection, *rows, account=account, market=market)
    data = read(connection)
    columns = "account, market, symbol, quote_asset, close_type, notional"
    stored = connection.execute(text(f"SELECT {columns} FROM report_force_orders ORDER BY notional DESC")).all()
    connection.rollback()
    assert (len(stored), len(data.symbols)) == (1_600, min(len(names), 61))
    assert largest_by_choice(data.largest, data.symbols) == largest_by_choice(stored, data.symbols)


def largest_by_choice(rows: Sequence[Any], symbols: Sequence[str]) -> dict[tuple[str | None, ...], list[Decimal]]:
    """The first fifty amounts of each choice of account, market, symbol, close type and asset; None chooses all."""
    found: dict[tuple[str | None, ...], list[Decimal]] = defaultdict(list)
    for one in rows:
        entry = one.symbol if one.symbol in symbols else symbols[-1]
        for choice in product(*((None, name) for name in (one.account, one.market, entry, one.close_type))):
            found[*choice, one.quote_asset].append(one.notional)
    return {choice: amounts[:50] for choice, amounts in found.items()}


def test_days_that_were_never_asked_for_are_in_the_calendar(history: Connection) -> None:
    data = read(history, Window(SPAN.start - 30 * DAY, SPAN.end))
    assert sum(day.coverage == "never asked" for day in data.coverage if day.account == "main") == 30
    assert "account2 – 2026-03-06 in 81.0 days 0 0 1 31" in [
        " ".join(line.split()) for line in shown(data).splitlines()
    ]
    history.execute(text("DELETE FROM coverage"))
    history.commit()
    found = read(history)
    assert [(day.account, day.coverage, day.orders) for day in found.coverage] == [
        ("account2", "never asked", 0),
        ("account2", "never asked", 1),
        ("main", "never asked", 2),
        ("main", "never asked", 1),
    ]


def test_of_more_than_five_hundred_cascades_the_largest_are_kept_oldest_first(connection: Connection) -> None:
    begins = [THURSDAY + n * 3 * MINUTE for n in range(502)]
    rows = [order("BTCUSDT", 10 * n + k, at + k * SECOND) for n, at in enumerate(begins) for k in range(2)]
    store(
        connection, "main", *rows, order("BTCUSDT", 9, begins[0] + 2 * SECOND), order("ETHUSDT", 1, begins[-1] + HOUR)
    )
    kept = read(connection).cascades
    assert [to_millis(one.started_at) for one in kept] == [begins[0], *begins[3:]]
    assert [one.orders for one in kept] == [3, *[2] * 499], "an order alone is no cascade"


@pytest.mark.parametrize("pause", few_of(["60 seconds", "5 seconds", "10 minutes"], 1))
def test_cascades_are_those_of_the_view_whatever_the_pause_and_the_span(connection: Connection, pause: str) -> None:
    lot = Random(pause)
    for account in ("account2", "main"):
        at, rows = THURSDAY - HOUR, []
        for n in range(120):
            at += lot.choice([0, 0, 1, 700, 4_999, 5_000, 5_001, 60_000, 60_001, 600_000, 600_001, 3_000_000])
            rows.append(order(lot.choice(["BTCUSDT", "ETHUSDC", "ODDCOIN"]), n, at, cumQuote=str(n)))
        store(connection, account, *rows)
    connection.execute(text("ANALYZE force_orders"))
    connection.execute(text("SELECT set_config('force_orders.cascade_pause', :pause, false)"), {"pause": pause})
    connection.commit()
    columns = "account, market, started_at, duration, orders, symbols, notional_by_asset, peak_orders_per_second"
    query = f"SELECT {columns} FROM report_cascades WHERE orders > 1 ORDER BY started_at, account"
    in_view = connection.execute(text(query)).all()
    connection.rollback()
    assert len(in_view) > 20
    begins = [to_millis(one.started_at) for one in in_view]
    edges = [(0, begins[-1] + 1), (begins[3], begins[9]), (begins[3] + 1, begins[9] + 1), (begins[5], NOW.now)]
    for since, until in edges:
        found = read(connection, Window(since, until)).cascades
        assert [(*one[:3], timedelta(seconds=one.seconds), *one[4:]) for one in found] == [
            one for one, begin in zip(in_view, begins, strict=True) if since <= begin < until
        ]


def test_sums_beyond_twenty_eight_digits_are_exact(connection: Connection) -> None:
    huge, tiny = "12345678901234567890123456789", "0.00000000000000000001"
    rows = order("BTCUSDT", 1, THURSDAY, cumQuote=huge), order("BTCUSDT", 2, THURSDAY + DAY, cumQuote=tiny)
    store(connection, "main", *rows)
    data = read(connection)
    assert [cells[-1] for cells in data.as_json()["daily"]] == [huge, tiny]
    assert "12,345,678,901,234,567,890,123,456,789.00000000000000000001" in shown(data)


def test_an_improvement_beyond_every_integer_of_the_database_has_a_bin(connection: Connection) -> None:
    store(connection, "main", order("BTCUSDT", 1, THURSDAY, side="BUY", price="0." + "0" * 29 + "1", avgPrice="1"))
    (bin_of,) = read(connection).as_json()["improvements"]["rows"]
    assert bin_of[5] == 10**4 - 10**34


def test_what_the_tables_say_of_a_small_history(history: Connection) -> None:
    data = read(history)
    assert headline(data) == "4 orders of account2, main from 2026-03-05T00:00Z to 2026-03-07T00:00Z"
    lines = [" ".join(line.split()) for line in shown(data).splitlines()]
    assert "2026-03 ADL USDT 1 10.007" in lines
    assert "2026-03 LIQUIDATION USDT 1 199" in lines
    assert "2026-03 LIQUIDATION – 1 –" in lines
    assert "BTCUSDT USDT 2 1 209.007" in lines
    assert "main 2026-03-05T02:00:04Z 30 s USDT 1 2 1 209.007" in lines
    assert "account2 – 2026-03-06 in 81.0 days 0 0 1 1" in lines
    assert "main – – 2 0 0 0" in lines
    assert "main BTCUSDT 1 2026-03-05T02:00:04Z LIQUIDATION LONG USDT 0.001 199 -50" in lines


def test_a_narrow_terminal_loses_no_digit(history: Connection) -> None:
    lines = shown(read(history), width=60).splitlines()
    assert max(map(len, lines)) <= 60
    assert numbers("\n".join(lines)) <= numbers(shown(read(history)))
    assert any(line.startswith("no room for: ") for line in lines)


def numbers(text: str) -> set[str]:
    return {*re.findall(r"[\d.,:T-]*\d", text)}


def test_a_name_from_the_exchange_cannot_steer_the_terminal(connection: Connection) -> None:
    store(connection, "main", order("[red]\x1b[2JUSDT", 1, THURSDAY))
    assert "\x1b" not in shown(read(connection))
    assert "[red]\N{REPLACEMENT CHARACTER}[2JUSDT" in shown(read(connection))


KEPT_SINCE = THURSDAY + HOUR


@pytest.mark.parametrize(
    ("days", "at_risk"),
    [
        pytest.param([], None, id="nothing is known"),
        pytest.param([(5, "proven", None), (6, "proven", None)], None, id="all is proven"),
        pytest.param([(5, "proven", None), (6, "partly", None), (7, "not", None)], 6, id="what is yet to be read"),
        pytest.param([(5, "partly", None), (6, "proven", None)], None, id="asked for from the middle of a day on"),
        pytest.param([(5, "partly", "failed"), (6, "proven", None)], 5, id="a gap that can be filled"),
        pytest.param([(4, "not", "failed"), (6, "proven", None)], None, id="a gap that the exchange forgot"),
        pytest.param([(5, "partly", "saturated"), (6, "proven", None)], None, id="a gap that cannot be filled"),
        pytest.param([(5, "not", "beyond_retention, not_fetched"), (6, "proven", None)], 5, id="gaps of two reasons"),
        pytest.param([(6, "not", None), (5, "not", None)], 5, id="nothing is proven"),
    ],
)
def test_the_day_that_is_lost_next(days: list[tuple[int, str, str | None]], at_risk: int | None) -> None:
    march = datetime(2026, 3, 1, tzinfo=UTC)
    covered = [
        DayCoverage("main", USDM, date(2026, 3, day), kind, reasons, 0, march.replace(day=day), DayState.NOT)
        for day, kind, reasons in days
    ]
    found = first_at_risk(covered, KEPT_SINCE)
    assert (found and found.day.day) == at_risk


def test_reading_leaves_the_connection_able_to_write(history: Connection) -> None:
    read(history)
    assert runs.start(history, "sync") > 0


def test_a_database_that_fails_is_a_store_error_in_one_line(connection: Connection) -> None:
    connection.execute(text("DROP VIEW report_scopes"))
    connection.commit()
    with pytest.raises(StoreError, match="report_scopes") as failed:
        read(connection)
    assert len(str(failed.value).splitlines()) == 1
