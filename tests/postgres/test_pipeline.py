"""One answer is one transaction: rows, proof, tallies and quarantine are there together, or none of them is."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError

from etl.core.findings import Finding, Verdict
from etl.core.markets import USDM
from etl.core.orders import CloseType, Order, Reject
from etl.core.paging import Page
from etl.core.timeline import Window
from etl.core.wallets import Wallet
from etl.runs.recorder import Received, Recorder
from etl.store import coverage, runs
from etl.store.engine import connection_to, engine_for
from tests.documented import ROW
from tests.postgres.samples import ACCOUNT, page, proven, row

NOTHING = {"force_orders": 0, "coverage": 0, "quarantined_orders": 0}

Seen = Callable[[str], list[tuple[Any, ...]]]
Counted = Callable[[], dict[str, int]]
Ledger = Callable[[], runs.Counts]


@pytest.fixture
def recorder(connection: Connection) -> Recorder:
    run_id = runs.start(connection, "backfill")
    connection.commit()
    return Recorder(connection, run_id, spent=lambda: (3, 150))


@pytest.fixture
def others(database_url: str) -> Seen:
    """What a query shows to another process: only what was committed."""

    def see(query: str) -> list[tuple[Any, ...]]:
        with connection_to(engine_for(database_url)) as other:
            return [tuple(found) for found in other.execute(text(query))]

    return see


@pytest.fixture
def counted(others: Seen) -> Counted:
    """How many rows another process sees."""
    return lambda: {name: others(f"SELECT count(*) FROM {name}")[0][0] for name in NOTHING}


@pytest.fixture
def ledger(others: Seen) -> Ledger:
    """The counts of the run, as another process sees them."""
    columns = ", ".join(vars(runs.Counts()))
    return lambda: runs.Counts(*others(f"SELECT {columns} FROM runs")[0])


def test_a_page_its_proof_and_its_tallies_are_seen_together(
    recorder: Recorder, counted: Counted, ledger: Ledger, connection: Connection
) -> None:
    answer = page(row(symbol="BTCUSDT"), row(symbol="ETHUSDT"), json.dumps({"odd": 1}))
    recorder.commit([Received(Wallet(ACCOUNT, USDM), answer, [proven(10, 20)])])

    assert counted() == {"force_orders": 2, "coverage": 3, "quarantined_orders": 1}
    assert ledger() == recorder.counts
    assert recorder.counts == runs.Counts(
        requests=3, weight=150, rows_received=3, inserted=2, quarantined=1, largest_page=3
    )
    marks = {mark.symbol: (mark.covered_since, mark.watermark) for mark in coverage.read_watermarks(connection)}
    assert marks == dict.fromkeys(("*", "BTCUSDT", "ETHUSDT"), (10, 20))


BREAKAGES = {
    "coverage": "ALTER TABLE coverage ADD CHECK (symbol <> '*')",
    "orders": "ALTER TABLE force_orders ADD CHECK (symbol <> 'ETHUSDT')",
    "quarantine": "ALTER TABLE quarantined_orders ADD CHECK (reason = '')",
    "ledger": "ALTER TABLE runs ADD CHECK (rows_received = 0)",
    "end": """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$;
        CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON force_orders DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION refuse()""",
}


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES)
def test_if_one_write_fails_nothing_remains(
    recorder: Recorder, counted: Counted, ledger: Ledger, connection: Connection, breakage: str
) -> None:
    connection.exec_driver_sql(breakage)
    connection.commit()
    answer = page(row(), row(symbol="ETHUSDT"), json.dumps({"odd": 1}))

    with pytest.raises(DBAPIError):
        recorder.commit([Received(Wallet(ACCOUNT, USDM), answer, [proven(10, 20)])])
    connection.rollback()

    assert counted() == NOTHING
    assert ledger() == recorder.counts == runs.Counts()


def test_after_a_failure_the_same_page_can_be_committed(
    recorder: Recorder, counted: Counted, connection: Connection
) -> None:
    connection.exec_driver_sql("ALTER TABLE coverage ADD CONSTRAINT never CHECK (symbol <> '*')")
    connection.commit()
    answer = page(row())
    with pytest.raises(DBAPIError):
        recorder.commit([Received(Wallet(ACCOUNT, USDM), answer, [proven(10, 20)])])
    connection.rollback()

    connection.exec_driver_sql("ALTER TABLE coverage DROP CONSTRAINT never")
    recorder.commit([Received(Wallet(ACCOUNT, USDM), answer, [proven(10, 20)])])
    assert counted() == {"force_orders": 1, "coverage": 2, "quarantined_orders": 0}
    assert recorder.counts.inserted == 1


def test_a_repeated_page_adds_nothing_but_what_it_cost(recorder: Recorder, counted: Counted, ledger: Ledger) -> None:
    answer = page(row(), row(symbol="ETHUSDT"))
    for _ in range(3):
        recorder.commit([Received(Wallet(ACCOUNT, USDM), answer, [proven(10, 20)])])

    assert counted() == {"force_orders": 2, "coverage": 3, "quarantined_orders": 0}
    assert (ledger().rows_received, ledger().inserted, ledger().unchanged) == (6, 2, 0)


def test_a_proof_without_a_page_is_kept(recorder: Recorder, counted: Counted, ledger: Ledger) -> None:
    recorder.commit([Received(Wallet(ACCOUNT, USDM), None, [Finding(Window(0, 10), Verdict.BEYOND_RETENTION)])])
    assert counted() == NOTHING | {"coverage": 1}
    assert ledger() == runs.Counts(requests=3, weight=150)


def test_a_page_without_a_proof_is_kept(recorder: Recorder, counted: Counted) -> None:
    recorder.commit([Received(Wallet(ACCOUNT, USDM), page(row()), [])])
    assert counted() == NOTHING | {"force_orders": 1, "coverage": 1}


def test_each_account_has_symbols_of_its_own(recorder: Recorder, others: Seen) -> None:
    for account in ("main", "hedge", "main"):
        recorder.commit([Received(Wallet(account, USDM), page(row()), [])])
    assert others("SELECT account, symbol FROM watermarks ORDER BY 1") == [("hedge", "BTCUSDT"), ("main", "BTCUSDT")]


def test_a_row_that_cannot_be_read_is_kept_as_received(recorder: Recorder, others: Seen) -> None:
    odd = {"symbol": "BTCUSDT", "time": 1_790_000_000_005, "unknown": ["1.50", None]}
    recorder.commit([Received(Wallet(ACCOUNT, USDM), page(row(), json.dumps(odd)), [])])
    assert others("SELECT account, market, raw, reason, resolved_at FROM quarantined_orders") == [
        ("main", "usdm", odd, "orderId is missing", None)
    ]


@pytest.mark.parametrize("raw", ['{"orderId": NaN}', r'{"symbol": "\u0000"}', r'{"symbol": "\ud800"}'])
def test_what_is_no_json_for_postgres_is_kept_as_text(recorder: Recorder, others: Seen, raw: str) -> None:
    recorder.commit([Received(Wallet(ACCOUNT, USDM), page(row(), raw), [proven(10, 20)])])
    assert others("SELECT jsonb_typeof(raw), raw #>> '{}' FROM quarantined_orders") == [("string", raw)]
    assert others("SELECT count(*) FROM force_orders") == [(1,)]


def test_a_row_is_quarantined_once_while_it_is_unresolved(
    recorder: Recorder, others: Seen, connection: Connection
) -> None:
    answer = page('{"orderId": 1}', '{"orderId": 1}', '{"orderId": 2}')
    for _ in range(2):
        recorder.commit([Received(Wallet(ACCOUNT, USDM), answer, [])])
    recorder.commit([Received(Wallet("hedge", USDM), answer, [])])
    by_account = "SELECT account, count(*) FROM quarantined_orders GROUP BY 1 ORDER BY 1"
    assert others(by_account) == [("hedge", 2), ("main", 2)]

    connection.execute(text("UPDATE quarantined_orders SET resolved_at = now() WHERE account = 'main'"))
    recorder.commit([Received(Wallet(ACCOUNT, USDM), answer, [])])
    assert others(by_account) == [("hedge", 2), ("main", 4)]


def refused(order_id: int, **changes: Any) -> Order:
    """A row that passed every check of ours, and that Postgres will not read."""
    return Order("BTCUSDT", order_id, 1, 1, CloseType.ADL, row(orderId=order_id, **changes))


def test_a_row_that_postgres_refuses_is_kept_aside_and_the_others_are_stored(
    recorder: Recorder, others: Seen, ledger: Ledger
) -> None:
    good = page(row(orderId=1), row(orderId=4), '{"odd": 1}')
    poisoned = replace(good, orders=(*good.orders, refused(2, price="12.3.4"), refused(3, reduceOnly="perhaps")))
    recorder.commit([Received(Wallet(ACCOUNT, USDM), poisoned, [proven(10, 20)])])

    assert others("SELECT order_id FROM force_orders ORDER BY 1") == [(1,), (4,)]
    assert others("SELECT count(*) FROM watermarks WHERE watermark IS NOT NULL") == [(2,)]
    kept = others("SELECT raw #>> '{}', reason FROM quarantined_orders WHERE reason LIKE 'the database%' ORDER BY id")
    assert [(json.loads(raw)["orderId"], reason) for raw, reason in kept] == [
        (2, 'the database cannot keep it: invalid input syntax for type numeric: "12.3.4"'),
        (3, 'the database cannot keep it: invalid input syntax for type boolean: "perhaps"'),
    ]
    assert ledger() == recorder.counts
    assert (recorder.counts.rows_received, recorder.counts.inserted, recorder.counts.quarantined) == (5, 2, 3)


def test_a_page_of_nothing_but_refused_rows_is_still_proven(recorder: Recorder, others: Seen) -> None:
    recorder.commit([Received(Wallet(ACCOUNT, USDM), Page((refused(1, price="?"),), (), 0), [proven(10, 20)])])
    assert others("SELECT symbol, count(*) FROM watermarks GROUP BY 1") == [("*", 1)]
    assert others("SELECT count(*) FROM force_orders") == [(0,)]


def test_a_refused_row_does_not_undo_what_was_known(recorder: Recorder, others: Seen) -> None:
    recorder.commit([Received(Wallet(ACCOUNT, USDM), page(row()), [])])
    changed = refused(ROW["orderId"], price="?")
    recorder.commit(
        [Received(Wallet(ACCOUNT, USDM), Page((changed._replace(update_time=ROW["updateTime"] + 1),), (), 0), [])]
    )
    assert others("SELECT price::text FROM force_orders") == [("10871.09",)]


def test_a_reject_that_postgres_cannot_keep_as_json_becomes_text(recorder: Recorder, others: Seen) -> None:
    mistaken = Reject(r'{"a": "\u0000"}', "odd", is_json=True)
    recorder.commit([Received(Wallet(ACCOUNT, USDM), replace(page(row()), rejects=(mistaken,)), [])])
    assert others("SELECT raw #>> '{}', reason FROM quarantined_orders") == [(mistaken.raw, "odd")]
    assert others("SELECT count(*) FROM force_orders") == [(1,)]


def test_a_symbol_too_long_for_an_index_is_set_aside(recorder: Recorder, counted: Counted) -> None:
    recorder.commit([Received(Wallet(ACCOUNT, USDM), page(row(), row(symbol="長" * 3000)), [proven(10, 20)])])
    assert counted() == {"force_orders": 1, "coverage": 2, "quarantined_orders": 1}


def test_a_row_waits_once_whichever_way_it_came(recorder: Recorder, counted: Counted) -> None:
    odd = page('{"odd": 1}')
    recorder.commit([Received(Wallet(ACCOUNT, USDM), odd, [])])
    recorder.commit([Received(Wallet(ACCOUNT, USDM), replace(odd, orders=(refused(1, price="?"),)), [])])
    assert counted()["quarantined_orders"] == 2, "the odd row once, and the one that Postgres refused"


def test_answers_of_several_accounts_are_seen_together(
    recorder: Recorder, counted: Counted, others: Seen, ledger: Ledger
) -> None:
    recorder.commit(
        [
            Received(Wallet("main", USDM), page(row(orderId=1), row(orderId=2)), [proven(10, 20)]),
            Received(Wallet("hedge", USDM), page(row(orderId=1)), []),
            Received(Wallet("main", USDM), page(row(orderId=2), row(orderId=3), '{"odd": 1}'), [proven(20, 30)]),
            Received(Wallet("main", USDM), None, [Finding(Window(30, 40), Verdict.FAILED)]),
        ]
    )
    assert counted() == {"force_orders": 4, "coverage": 3, "quarantined_orders": 1}
    assert others("SELECT account, order_id FROM force_orders ORDER BY 1, 2") == [
        ("hedge", 1),
        ("main", 1),
        ("main", 2),
        ("main", 3),
    ]
    assert (ledger().rows_received, ledger().inserted, ledger().unchanged) == (6, 4, 0)


def test_a_row_that_was_written_is_not_written_again_but_a_changed_one_is(
    recorder: Recorder, connection: Connection, others: Seen
) -> None:
    recorder.commit([Received(Wallet(ACCOUNT, USDM), page(row(orderId=1, status="NEW"), row(orderId=2)), [])])
    statements: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *called: statements.append(called[2]))
    recorder.commit(
        [Received(Wallet(ACCOUNT, USDM), page(row(orderId=1, status="NEW"), row(orderId=2)), [proven(10, 20)])]
    )
    assert not any("INSERT INTO force_orders" in statement for statement in statements)

    later = row(orderId=1, status="FILLED", updateTime=ROW["updateTime"] + 1)
    recorder.commit([Received(Wallet(ACCOUNT, USDM), page(later, row(orderId=2)), [])])
    assert others("SELECT order_id, status FROM force_orders ORDER BY 1") == [(1, "FILLED"), (2, "FILLED")]
    assert (recorder.counts.inserted, recorder.counts.updated, recorder.counts.unchanged) == (2, 0, 0)


def test_an_order_of_an_earlier_run_counts_as_unchanged_where_this_one_sees_it_first(
    recorder: Recorder, connection: Connection
) -> None:
    answer = page(row(orderId=1), row(orderId=2))
    recorder.commit([Received(Wallet(ACCOUNT, USDM), answer, [])])
    later = Recorder(connection, runs.start(connection, "sync"), spent=lambda: (1, 50))
    one, both = frozenset({("BTCUSDT", 1)}), frozenset({("BTCUSDT", 1), ("BTCUSDT", 2)})
    later.commit([Received(Wallet(ACCOUNT, USDM), answer, [], first=one)])
    assert later.counts.unchanged == 1
    later.commit(
        [Received(Wallet(ACCOUNT, USDM), answer, [], first=both - one), Received(Wallet(ACCOUNT, USDM), answer, [])]
    )
    assert later.counts == runs.Counts(requests=1, weight=50, rows_received=6, unchanged=2, largest_page=2)


def test_an_order_that_was_stored_before_its_walk_asked_for_it_is_not_unchanged(recorder: Recorder) -> None:
    recorder.commit([Received(Wallet(ACCOUNT, USDM), page(row(orderId=1)), [])])
    recorder.commit([Received(Wallet(ACCOUNT, USDM), page(row(orderId=1)), [], first=frozenset({("BTCUSDT", 1)}))])
    assert (recorder.counts.inserted, recorder.counts.updated, recorder.counts.unchanged) == (1, 0, 0)


def test_a_row_that_postgres_refuses_is_not_unchanged(recorder: Recorder) -> None:
    poisoned = Page((refused(1, price="?"),), (), 0)
    recorder.commit([Received(Wallet(ACCOUNT, USDM), poisoned, [], first=frozenset({("BTCUSDT", 1)}))])
    assert (recorder.counts.unchanged, recorder.counts.quarantined) == (0, 1)


def test_a_run_that_dies_has_told_its_largest_page(recorder: Recorder, ledger: Ledger) -> None:
    for rows in (7, 9, 4):
        recorder.commit([Received(Wallet(ACCOUNT, USDM), page(*[row()] * rows), [])])
    assert ledger().largest_page == 9


def test_a_run_tells_each_account_and_market_apart(recorder: Recorder, others: Seen, ledger: Ledger) -> None:
    """Also what is received later of a scope that was there before, and one that was answered with nothing."""
    recorder.commit([Received(Wallet("main", USDM), page(row(orderId=1), row(orderId=2)), [])])
    recorder.commit(
        [
            Received(Wallet("main", USDM), page(row(orderId=3)), []),
            Received(Wallet("hedge", USDM), page(row(orderId=1), row(orderId="one")), []),
            Received(Wallet("hedge", "coinm"), page(), []),
        ]
    )
    told = others("""
        SELECT account, market, rows_received, orders_new, orders_changed, rows_quarantined, status
          FROM report_run_wallets ORDER BY account, market
    """)
    assert told == [
        ("hedge", "coinm", 0, 0, 0, 0, "running"),
        ("hedge", "usdm", 2, 1, 0, 1, "running"),
        ("main", "usdm", 3, 3, 0, 0, "running"),
    ]
    assert (ledger().rows_received, ledger().inserted, ledger().quarantined) == (5, 4, 1)


ODD_VALUES = {
    "as long as numeric": ("9" * 131_072, True),
    "longer": ("9" * 131_073, False),
    "as many decimals": ("0." + "9" * 16_383, True),
    "one more": ("0." + "9" * 16_384, False),
    "a great exponent": ("1e131071", True),
    "a greater one": ("1e131072", False),
    "no exponent of anything": ("1e99999999999999999999", False),
    "3 MB of text": ('"' + "x" * 3_000_000 + '"', True),
    "100,000 keys": ("{" + ",".join(f'"{n}": {n}' for n in range(100_000)) + "}", True),
}


@pytest.mark.parametrize(("value", "is_kept"), ODD_VALUES.values(), ids=[*ODD_VALUES])
def test_an_unknown_key_is_stored_as_it_is_or_its_row_is_set_aside(
    recorder: Recorder, counted: Counted, value: str, is_kept: bool
) -> None:
    odd = page(f'{row()[:-1]}, "odd": {value}}}')
    recorder.commit([Received(Wallet(ACCOUNT, USDM), odd, [])])
    assert (counted()["force_orders"], counted()["quarantined_orders"]) == (int(is_kept), int(not is_kept))
    assert (recorder.counts.inserted, recorder.counts.unchanged) == (int(is_kept), 0)
