"""Old runs are folded into days: nothing that is counted changes, and nothing is removed before it is counted."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from etl.fleet.housekeeping import with_folding
from etl.runs.old_runs import fold_old_runs
from etl.settings.model import Settings
from etl.settings.secret import SecretStr
from etl.store import laws, runs
from etl.store.engine import connection_to, engine_for

DAYS = 40

RUNS = f"""
    INSERT INTO runs (command, started_at, finished_at, status, requests, weight, rows_received, inserted, updated,
                      unchanged, quarantined, largest_page)
    SELECT CASE n % 3 WHEN 0 THEN 'backfill' ELSE 'sync' END, at, at + interval '1 minute',
           CASE n % 5 WHEN 0 THEN 'failed' ELSE 'succeeded' END, n, 50 * n, n, n, n, n, n, n
      FROM generate_series(1, {DAYS * 10}) AS n
     CROSS JOIN LATERAL (SELECT date_trunc('day', now(), 'UTC') - (n % {DAYS}) * interval '1 day'
                                - interval '1 second' AS at) AS of_run
"""
SUMS = """
    SELECT command, status, sum(runs), sum(requests), sum(weight), sum(rows_received), sum(inserted), sum(updated),
           sum(unchanged), sum(quarantined), max(largest_page), max(last_finished_at)
      FROM ({source}) AS counted GROUP BY command, status ORDER BY command, status
"""
OF_RUNS = """
    SELECT *, 1 AS runs, finished_at AS last_finished_at FROM runs
     WHERE started_at < date_trunc('day', now(), 'UTC') - interval '1 day'
"""


@pytest.fixture
def ledger(connection: Connection) -> Connection:
    """Ten runs on each of forty days, the last of them a second before a midnight."""
    connection.execute(text(RUNS))
    connection.commit()
    return connection


def rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    found = [tuple(row) for row in connection.execute(text(query))]
    connection.rollback()
    return found


def fold(connection: Connection, keep_days: int = 0, longest_s: float = 60) -> None:
    fold_old_runs(connection, keep_days, Event(), longest_s)


def test_the_sums_of_the_days_are_those_of_their_runs(ledger: Connection) -> None:
    expected = rows(ledger, SUMS.format(source=OF_RUNS))
    fold(ledger)
    assert rows(ledger, SUMS.format(source="SELECT * FROM run_days")) == expected
    assert rows(ledger, "SELECT count(DISTINCT day), count(removed_at) FROM run_days") == [(DAYS - 1, 0)]


@pytest.mark.parametrize("keep_days", [0, 1, 10, 400])
def test_the_totals_stay_whatever_is_folded_and_removed(ledger: Connection, keep_days: int) -> None:
    before = runs.totals(ledger)
    fold(ledger, keep_days)
    assert runs.totals(ledger) == before
    fold(ledger, keep_days)
    assert runs.totals(ledger) == before


@pytest.mark.parametrize(("keep_days", "kept"), [(0, DAYS), (10, 10), (400, DAYS)], ids=["for ever", "10", "400"])
def test_runs_are_kept_as_long_as_the_settings_say(ledger: Connection, keep_days: int, kept: int) -> None:
    fold(ledger, keep_days)
    days = "(started_at AT TIME ZONE 'UTC')::date"
    assert rows(ledger, f"SELECT count(*), count(DISTINCT {days}) FROM runs") == [(kept * 10, kept)]
    removed = rows(ledger, "SELECT count(DISTINCT day) FROM run_days WHERE removed_at IS NOT NULL")
    assert removed == [(DAYS - kept,)]


def test_a_day_waits_for_a_run_of_it_that_still_runs(ledger: Connection, database_url: str) -> None:
    with connection_to(engine_for(database_url)) as other:
        run_id = runs.start(other, "backfill")
        other.commit()
        ledger.execute(text(f"UPDATE runs SET started_at = now() - interval '20 days' WHERE id = {run_id}"))
        ledger.commit()
        fold(ledger, 1)
        assert rows(ledger, "SELECT count(*) FROM run_days WHERE day >= now() - interval '20 days'") == [(0,)]
        runs.finish(other, run_id, runs.Counts(), "succeeded", None)
        other.commit()
    before = runs.totals(ledger)
    fold(ledger, 1)
    assert runs.totals(ledger) == before
    assert rows(ledger, f"SELECT count(*) FROM runs WHERE id = {run_id}") == [(0,)]


@pytest.mark.parametrize("statement", range(1, 8))
def test_a_crash_at_any_statement_loses_and_doubles_nothing(
    ledger: Connection, database_url: str, statement: int
) -> None:
    ledger.execute(text("DELETE FROM runs WHERE started_at < now() - interval '4 days'"))
    ledger.commit()
    before = runs.totals(ledger)
    ledger.rollback()
    with connection_to(engine_for(database_url)) as crashing:
        pid = crashing.scalar(text("SELECT pg_backend_pid()"))
        crashing.commit()
        left = iter(range(1, 100))

        def cut(*_: object) -> None:
            if next(left) == statement:
                ledger.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
                ledger.rollback()

        event.listen(crashing, "before_cursor_execute", cut)
        fold(crashing, 1)
    assert runs.totals(ledger) == before
    fold(ledger, 1)
    assert runs.totals(ledger) == before
    assert rows(ledger, "SELECT count(DISTINCT day), min(runs) > 0 FROM run_days") == [(3, True)]


def test_two_that_fold_at_once_count_each_run_once(ledger: Connection, database_url: str) -> None:
    before = runs.totals(ledger)
    ledger.rollback()

    def fold_too(_: int) -> None:
        with connection_to(engine_for(database_url)) as own:
            fold(own, 5)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(fold_too, range(3)))
    assert runs.totals(ledger) == before


def test_what_does_not_fit_into_the_time_is_left_to_the_next_night(ledger: Connection) -> None:
    fold(ledger, 1, longest_s=0)
    assert rows(ledger, "SELECT count(*) FROM run_days") == [(0,)]


def test_the_role_that_runs_the_nightly_job_may_fold(ledger: Connection, writer_url: str) -> None:
    before = runs.totals(ledger)
    with connection_to(engine_for(writer_url)) as writer:
        fold(writer, 5)
    assert runs.totals(ledger) == before
    assert rows(ledger, "SELECT count(*) FROM runs") == [(50,)]


def test_an_order_of_a_removed_run_breaks_no_law_and_one_of_a_run_that_never_was_does(ledger: Connection) -> None:
    (law,) = [law for law in laws.LAWS if law.startswith("every order was stored by runs")]
    oldest = rows(ledger, "SELECT id FROM runs ORDER BY started_at, id LIMIT 1")[0][0]
    for number, run_id in enumerate([oldest, oldest, 10**9]):
        _store(ledger, number, run_id)
    assert laws.broken(ledger)[law].cases == 1
    fold(ledger, 10)
    assert rows(ledger, f"SELECT count(*) FROM runs WHERE id = {oldest}") == [(0,)]
    assert laws.broken(ledger)[law].cases == 1
    kept = rows(ledger, "SELECT max(id) FROM runs")[0][0]
    _store(ledger, 4, kept)
    ledger.execute(text(f"DELETE FROM runs WHERE id = {kept}"))
    assert laws.broken(ledger)[law].cases == 2, "removed by hand, not by a night"


def _store(connection: Connection, order_id: int, run_id: int) -> None:
    connection.execute(
        text("""
            INSERT INTO force_orders (account, market, symbol, order_id, close_type, order_time, update_time, raw,
                                      first_seen_at, changed_at, first_run_id, last_run_id)
            VALUES ('main', 'usdm', 'BTCUSDT', :order_id, 'ADL', now(), now(), '{}', now(), now(), :run_id, :run_id)
        """),
        {"order_id": order_id, "run_id": run_id},
    )
    connection.commit()


@pytest.mark.parametrize(("has_ended", "folded"), [(False, 0), (True, DAYS - 1)])
def test_a_scheduled_run_folds_once_its_notification_is_done(
    ledger: Connection, writer_url: str, has_ended: bool, folded: int
) -> None:
    told: list[int] = []

    def notify(due_at: int) -> bool:
        told.append(due_at)
        return has_ended

    settings = Settings(database_url=SecretStr(writer_url))
    assert with_folding(settings, notify, Event())(1_790_000_000) is has_ended
    assert told == [1_790_000_000]
    assert rows(ledger, "SELECT count(DISTINCT day) FROM run_days") == [(folded,)]


def test_a_database_that_is_gone_is_left_to_the_next_night() -> None:
    settings = Settings(database_url=SecretStr("postgresql://127.0.0.1:9/none"))
    assert with_folding(settings, lambda due_at: True, Event())(0)


def test_what_runs_did_in_accounts_is_removed_with_them(ledger: Connection) -> None:
    ledger.execute(text("INSERT INTO run_wallets SELECT id, 'main', 'usdm', 1, 1, 0, 0, 0, 1 FROM runs"))
    ledger.commit()
    fold(ledger, keep_days=10)
    left = rows(ledger, "SELECT count(*), count(runs.id) FROM run_wallets LEFT JOIN runs ON runs.id = run_id")
    assert left == rows(ledger, "SELECT count(*), count(*) FROM runs")
    assert 0 < left[0][0] < DAYS * 10
