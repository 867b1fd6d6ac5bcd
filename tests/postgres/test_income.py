"""Income in the database: each row once, equal ones numbered, to the digit; a coverage and gaps for each type."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, text

from etl.commands.retry_quarantine import retry_quarantine
from etl.core.findings import Finding, Verdict
from etl.core.income import Income, number_copies, quarantine_of
from etl.core.orders import Reject
from etl.core.timeline import DAY, Window, to_datetime
from etl.exchange.income import read_row
from etl.store import account_rows, coverage, coverage_reset, income, quarantine
from etl.store.coverage_reset import Reach
from tests.postgres.samples import ACCOUNT, proven

T = 1_700_000_000_000 // DAY * DAY
MARKET, CLEARANCE = "coinm", "INSURANCE_CLEAR"
WALLET = (ACCOUNT, MARKET)
KNOWN = income.coverage_of(*WALLET, CLEARANCE)


def raw(tran_id: int = 1, at: int = T, **changes: Any) -> str:
    row = {"symbol": "BTCUSD_PERP", "incomeType": CLEARANCE, "income": "-0.00060", "asset": "BTC", "info": ""}
    return json.dumps(row | {"time": at, "tranId": str(tran_id), "tradeId": "77"} | changes)


def row(tran_id: int = 1, at: int = T, **changes: Any) -> Income:
    read = read_row(raw(tran_id, at, **changes).encode(), T + 90 * DAY)
    assert isinstance(read, Income)
    return read


def add(connection: Connection, *rows: Income, run_id: int = 1) -> list[Reject]:
    """As the rows of one page."""
    return income.add(connection, *WALLET, run_id, number_copies(rows))


def stored(connection: Connection) -> list[Any]:
    own = "SELECT tran_id, amount::text, copy, first_run_id FROM income ORDER BY tran_id, income.amount DESC, copy"
    return [tuple(one) for one in connection.execute(text(own))]


def left_out(connection: Connection, window: Window, shown: Sequence[Income]) -> Income | None:
    return income.left_out(connection, *WALLET, CLEARANCE, window, number_copies(shown))


def day(first: int, last: int) -> Window:
    return Window(T + first * DAY, T + last * DAY)


def test_every_column_holds_what_was_received(connection: Connection) -> None:
    one = row(8389766251307928001, T + 7, income="-0.000600000000000000000001")
    assert add(connection, one, run_id=7) == []
    (columns,) = connection.execute(text("SELECT * FROM income")).mappings()
    expected = {"account": ACCOUNT, "market": MARKET, "income_type": CLEARANCE, "tran_id": 8389766251307928001}
    expected |= {"time": to_datetime(T + 7), "asset": "BTC", "amount": Decimal("-0.000600000000000000000001")}
    expected |= {"symbol": "BTCUSD_PERP", "trade_id": 77, "copy": 0, "raw": json.loads(one.raw), "first_run_id": 7}
    assert {name: columns[name] for name in expected} == expected


def test_a_row_is_stored_once_and_its_first_reading_stays(connection: Connection) -> None:
    assert add(connection, row(1), row(1), row(2)) == []
    assert add(connection, row(2, tranId=2, income="-0.0006"), row(3), run_id=2) == []
    assert stored(connection) == [(1, "-0.00060", 0, 1), (2, "-0.00060", 0, 1), (3, "-0.00060", 0, 2)]


@pytest.mark.parametrize("trade", ["77", ""])
def test_as_many_equal_rows_without_an_id_are_kept_as_one_page_showed(connection: Connection, trade: str) -> None:
    one, other = row(0, tradeId=trade), row(0, income="-0.00070", tradeId=trade)
    assert add(connection, one, one, other) == []
    assert add(connection, other, one, run_id=2) == []
    assert add(connection, one, one, one, run_id=3) == []
    assert stored(connection) == [
        (0, "-0.00060", 0, 1),
        (0, "-0.00060", 1, 1),
        (0, "-0.00060", 2, 3),
        (0, "-0.00070", 0, 1),
    ]


def test_without_an_id_another_trade_or_symbol_is_another_row(connection: Connection) -> None:
    assert add(connection, row(0), row(0, tradeId="78"), row(0, tradeId=""), row(0, symbol="")) == []
    assert add(connection, row(0, tradeId=""), run_id=2) == []
    assert len(stored(connection)) == 4


@pytest.mark.parametrize(
    "changes", [{"income": "-7"}, {"asset": "ETH"}, {"at": T + 1}, {"symbol": ""}, {"tradeId": ""}]
)
def test_another_row_of_the_same_id_is_no_version_of_it(connection: Connection, changes: dict[str, Any]) -> None:
    other = row(1, **changes)
    refused = [Reject(other.raw, "another INSURANCE_CLEAR has the tranId 1", is_json=True)]
    assert add(connection, row(1), other) == refused
    assert add(connection, other, run_id=2) == refused
    assert stored(connection) == [(1, "-0.00060", 0, 1)]


def test_another_type_may_have_the_same_id(connection: Connection) -> None:
    assert add(connection, row(1), row(1, incomeType="COMMISSION", income="-7")) == []
    assert len(stored(connection)) == 2


@pytest.mark.parametrize("wrong", ["(1, 1)", "(0, -1)"])
def test_postgres_refuses_a_copy_of_a_row_with_an_id(database_url: str, wrong: str) -> None:
    columns = "account, market, income_type, time, asset, amount, symbol, raw, first_run_id, tran_id, copy"
    values = f"SELECT 'a', 'm', 't', now(), 'x', 1, '', '{{}}'::jsonb, 1, * FROM (VALUES {wrong}) AS given"
    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(f"INSERT INTO income ({columns}) {values}")


def test_a_stored_row_that_a_page_does_not_show_is_found(connection: Connection) -> None:
    equal = row(0, T + DAY)
    add(connection, row(1), equal, equal, row(3, T + 2 * DAY))
    assert left_out(connection, day(0, 2), [row(1), equal, equal]) is None
    assert left_out(connection, day(0, 2), [equal, equal]) == row(1)._replace(raw="")
    assert left_out(connection, day(0, 2), [row(1), equal]) == equal._replace(raw="", copy=1)
    assert left_out(connection, day(0, 2), [row(1, income="-7"), equal, equal]) is None, "the id is shown"
    assert income.left_out(connection, *WALLET, "COMMISSION", day(0, 3), []) is None
    assert income.left_out(connection, "other", MARKET, CLEARANCE, day(0, 3), []) is None


def test_each_type_has_gaps_of_its_own_with_a_reason(connection: Connection) -> None:
    KNOWN.ask(connection, T)
    assert KNOWN.gaps(connection) == [], "before the first answer nothing is known to be missing"
    failed, lost = Finding(day(1, 3), Verdict.FAILED), Finding(day(2, 4), Verdict.SATURATED)
    KNOWN.record(connection, [proven(T + 5 * DAY, T + 9 * DAY), failed, lost])
    income.coverage_of(*WALLET, "COMMISSION").record(connection, [proven(T, T + 9 * DAY)])
    rows = connection.execute(text("SELECT * FROM income_gaps ORDER BY gap_start"))
    expected = [(0, 1, "not_fetched"), (1, 2, "failed"), (2, 4, "saturated"), (4, 5, "not_fetched")]
    assert [tuple(one) for one in rows] == [
        (*WALLET, CLEARANCE, to_datetime(T + first * DAY), to_datetime(T + last * DAY), reason)
        for first, last, reason in expected
    ]
    known = KNOWN.known(connection)
    assert (known.proven, known.given_up, known.requested_since) == ([day(5, 9)], [day(2, 4)], T)


def test_no_view_of_orders_counts_what_is_known_of_income(connection: Connection) -> None:
    KNOWN.record(connection, [proven(T, T + DAY), Finding(day(2, 3), Verdict.FAILED)])
    quarantine.keep(connection, ACCOUNT, quarantine_of(MARKET), 1, [Reject(raw(income="much"), "?", is_json=True)])
    assert coverage.known(connection, *WALLET)[None].proven == ()
    views = ("watermarks", "own_watermarks", "coverage_gaps", "report_coverage", "effective_coverage")
    assert [view for view in views if connection.execute(text(f"SELECT FROM {view}")).all()] == []
    assert quarantine.doubted_days(connection) == []


def test_a_row_in_quarantine_is_resolved_once_it_is_stored(connection: Connection) -> None:
    waiting = [Reject(raw(1, income="much"), "no decimal", is_json=True)]
    waiting += [Reject(raw(0, income="much"), "no decimal", is_json=True)]
    quarantine.keep(connection, ACCOUNT, quarantine_of(MARKET), 1, waiting)
    add(connection, row(2), row(1, incomeType="COMMISSION"), row(0))
    assert quarantine.count(connection) == 2
    add(connection, row(1))
    assert quarantine.count(connection) == 1, "without an id nobody can say which row it is"


def test_rows_that_can_be_read_now_are_stored_from_the_quarantine(connection: Connection) -> None:
    rows = [raw(1), raw(0), raw(3, income="much")]
    waiting = [Reject(one, "unreadable", is_json=True) for one in rows]
    quarantine.keep(connection, ACCOUNT, quarantine_of(MARKET), 1, waiting)
    connection.commit()
    retried = retry_quarantine(connection)
    assert (retried.stored, retried.left) == (2, 1)
    assert connection.scalars(text("SELECT market FROM income")).all() == [MARKET, MARKET]
    assert account_rows.markets(connection, ACCOUNT) == [], "an endpoint is no market"


def test_a_reset_takes_back_the_proof_of_income_too(connection: Connection) -> None:
    KNOWN.record(connection, [proven(T, T + 9 * DAY)])
    assert not coverage_reset.reset(connection, Reach(ACCOUNT, "usdm", None, T, T + DAY), T)
    assert not coverage_reset.reset(connection, Reach(ACCOUNT, MARKET, "BTCUSD_PERP", T, T + DAY), T)
    assert coverage_reset.reset(connection, Reach(ACCOUNT, None, None, T + DAY, T + 2 * DAY), T)
    assert KNOWN.gaps(connection) == [(day(1, 2), "not_fetched")]


def test_a_forgotten_account_leaves_no_income(connection: Connection) -> None:
    add(connection, row(1))
    KNOWN.ask(connection, T)
    account_rows.delete_all(connection, ACCOUNT)
    assert stored(connection) == []
    assert connection.execute(text("SELECT FROM income_coverage")).all() == []


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("trade_id = 77", "income_trade_id_idx"),
        ("symbol = 'S7' AND time BETWEEN '2023-01-03Z' AND '2023-01-05Z'", "income_symbol_time_idx"),
        ("income_type = 'T7' AND time BETWEEN '2023-01-03Z' AND '2023-01-05Z'", "income_type_time_idx"),
    ],
)
def test_the_rows_of_a_fill_of_a_contract_and_of_a_type_are_found_by_an_index(
    connection: Connection, condition: str, index: str
) -> None:
    connection.execute(
        text("""
            INSERT INTO income (account, market, income_type, time, asset, amount, symbol, raw, first_run_id, tran_id,
                                copy, trade_id)
            SELECT 'a', 'm', 'T' || n % 20, '2023-01-01Z'::timestamptz + n * interval '1 minute', 'BTC', 1,
                   'S' || n / 20 % 20, '{}', 1, n, 0, n
              FROM generate_series(1, 20000) AS n
        """)
    )
    connection.execute(text("ANALYZE income"))
    query = f"EXPLAIN SELECT * FROM income WHERE account = 'a' AND market = 'm' AND {condition}"
    assert index in "\n".join(connection.scalars(text(query)))
