"""An export of what changed: at least once, and never a loss, whoever else writes meanwhile."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.acceptance.endings import assert_one_line, ended
from tests.acceptance.exporting import elapse, exporting, put, waits_for_a_lock
from tests.acceptance.lab import Labs, ask
from tests.command import Command
from tests.roles import ROLES
from tests.waiting import wait_until

LAST = ("export", "--changed-since", "last", "--format", "jsonl", "--out", "new")
FIRST = "no export was called 'default' before: these are all orders"


@pytest.fixture
def export(command: Command, writer_url: str) -> Command:
    return exporting(command, writer_url)


@pytest.fixture
def store(database_url: str) -> Callable[..., None]:
    return partial(put, database_url)


def ids(export: Command, *arguments: str) -> list[int]:
    """What an export of what changed writes; asserts that it ends well."""
    done = export(*LAST, *arguments)
    assert done.returncode == 0, done.stderr
    return [int(json.loads(line)["order_id"]) for line in (export.directory / "new").read_text().splitlines()]


def marks(database_url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute("SELECT name, file, orders, changed_until FROM export_marks ORDER BY name").fetchall()


def change(database_url: str, order_id: int, **changes: str) -> None:
    assigned = "".join(f", {name} = '{value}'" for name, value in changes.items())
    with psycopg.connect(database_url) as connection:
        statement = f"UPDATE force_orders SET changed_at = now(){assigned} WHERE order_id = {order_id}"
        connection.execute(statement.encode())


def test_the_first_export_is_of_all_orders_and_each_later_one_of_what_changed_since(
    export: Command, store: Any, database_url: str
) -> None:
    ask(database_url)
    store(3)
    done = export(*LAST)
    assert done.stderr.splitlines()[:2] == ["force-orders: exported 3 orders to new", f"force-orders: {FIRST}"]
    assert ids(export) == []
    change(database_url, 2, status="EXPIRED")
    elapse(database_url)
    assert ids(export) == [2]
    (mark,) = marks(database_url)
    assert mark[:3] == ("default", "new", 1)
    assert ids(export) == []


def test_a_night_s_orders_come_with_the_export_after_it(lab: Labs) -> None:
    demo = lab()
    assert demo("backfill").returncode == 0
    words = ("export", "--changed-since", "last", "--out", "new.jsonl")
    assert demo(*words).returncode == 0
    lines = (demo.command.directory / "new.jsonl").read_text().splitlines()
    assert {(row["symbol"], int(row["order_id"])) for row in map(json.loads, lines)} == demo.table().keys()


def test_what_a_transaction_commits_after_the_export_comes_with_the_next_one(
    export: Command, store: Any, database_url: str, writer_url: str
) -> None:
    ask(database_url)
    store(order_id=1)
    assert ids(export) == [1]
    with psycopg.connect(writer_url) as slow:
        began = slow.execute("SELECT now()").fetchone()
        assert ids(export) == []
        slow.execute(LATE)
        assert ids(export) == [], "not seen yet"
        (mark,) = marks(database_url)
        assert began is not None
        assert mark[3] <= began[0], "no later than what may still be written"
    assert ids(export) == [7]


LATE = """
    INSERT INTO force_orders (account, market, symbol, order_id, close_type, order_time, update_time, raw,
                              first_seen_at, changed_at, first_run_id, last_run_id)
    VALUES ('main', 'usdm', 'BTCUSDT', 7, 'ADL', '2026-09-02', '2026-09-02', '{}', now(), now(), 1, 1)
"""
"""As the program writes: at the beginning of the transaction, by the database's clock."""


def test_a_session_whose_beginning_cannot_be_seen_is_named_and_nothing_is_lost(
    export: Command, store: Any, database_url: str
) -> None:
    ask(database_url)
    store(order_id=1)
    with psycopg.connect(database_url) as superuser:
        superuser.execute("SELECT 1")
        done = export(*LAST)
        assert done.returncode == 0
        assert f"pid {superuser.info.backend_pid} (postgres) may write orders" in done.stderr
        superuser.execute(LATE)
    elapse(database_url)
    assert ids(export) == [1, 7]
    assert ids(export) == []


def test_an_old_transaction_of_a_reader_holds_nothing_up(
    export: Command, store: Any, database_url: str, reader_url: str
) -> None:
    ask(database_url)
    store(order_id=1)
    with psycopg.connect(reader_url) as reading:
        reading.execute("SELECT 1")
        assert ids(export) == [1]
        assert ids(export) == []


def test_each_name_remembers_for_itself_and_one_selection_of_orders(
    export: Command, store: Any, database_url: str
) -> None:
    ask(database_url)
    store(order_id=1)
    store(order_id=2, symbol="ETHUSDT")
    assert ids(export, "--symbol", "BTCUSDT") == [1]
    refused = export(*LAST)
    assert_one_line(refused, 2, "'default'", "symbols BTCUSDT", "--name")
    assert_one_line(export(*LAST, "--symbol", "BTCUSDT", "--since", "2026-08-30"), 2, "--name")
    assert ids(export, "--name", "all") == [1, 2]
    assert ids(export, "--name", "all") == []
    assert ids(export, "--symbol", "btcusdt") == []
    assert ids(export, "--name", "recent", "--since", "20000d") == [1, 2]
    assert ids(export, "--name", "recent", "--since", "20000d") == []
    assert [mark[0] for mark in marks(database_url)] == ["all", "default", "recent"]


def test_a_failed_export_leaves_the_old_mark_and_the_old_file(export: Command, store: Any, database_url: str) -> None:
    ask(database_url)
    store(order_id=1)
    assert ids(export) == [1]
    before = marks(database_url)
    change(database_url, 1, orig_qty="1e40")
    words = ("export", "--changed-since", "last", "--out")
    assert_one_line(export(*words, "new.parquet"), 1, "quantity_ordered")
    assert_one_line(export(*words, "nowhere/new.csv"), 1, "nowhere/new.csv cannot be written")
    assert marks(database_url) == before
    assert ids(export) == [1]


REFUSING = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no more marks'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON export_marks FOR EACH ROW EXECUTE FUNCTION refuse();
"""


def test_an_export_that_dies_before_its_mark_is_delivered_again(export: Command, store: Any, database_url: str) -> None:
    ask(database_url)
    store(order_id=1)
    with psycopg.connect(database_url) as owner:
        owner.execute(REFUSING)
    assert_one_line(export(*LAST), 5, "no more marks")
    with psycopg.connect(database_url) as owner:
        owner.execute("DROP TRIGGER refuse ON export_marks")
    assert marks(database_url) == []
    assert ids(export) == [1]


def test_a_stopped_export_leaves_the_old_mark(export: Command, store: Any, database_url: str) -> None:
    ask(database_url)
    store(20_000)
    with psycopg.connect(database_url) as holding:
        holding.execute("LOCK TABLE force_orders")
        process = export.start(*LAST)
        wait_until(lambda: waits_for_a_lock(database_url))
        ended(process)
    assert marks(database_url) == []


def test_of_two_exports_of_a_name_at_once_one_is_refused_lest_it_write_older_orders_last(
    export: Command, store: Any, database_url: str
) -> None:
    ask(database_url)
    store(order_id=1)
    with psycopg.connect(database_url) as holding:
        holding.execute("LOCK TABLE force_orders")
        process = export.start(*LAST)
        wait_until(lambda: waits_for_a_lock(database_url))
        assert_one_line(export(*LAST), 1, "another export called 'default' is under way")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert ids(export) == [1], "of a transaction whose beginning could not be seen"


def test_a_time_that_is_named_needs_no_mark(export: Command, store: Any, database_url: str) -> None:
    ask(database_url)
    store(order_id=1)
    store(order_id=2, changed_at="2026-10-01T12:00:00.000500Z")

    def since(moment: str) -> list[str]:
        done = export("export", "--changed-since", moment, "--out", "new.csv", "--columns", "order_id")
        assert done.returncode == 0, done.stderr
        return (export.directory / "new.csv").read_text().splitlines()[1:]

    assert since("2026-10-01T12:00:00.000500Z") == ["2"]
    assert since("2026-10-01T12:00:00.001Z") == []
    assert since("2026-09-01") == ["1", "2"]
    assert marks(database_url) == []


def test_an_order_whose_instrument_changed_is_changed(export: Command, store: Any, database_url: str) -> None:
    ask(database_url)
    store(order_id=1, symbol="BTCUSD_PERP", market="pm-coinm")
    store(order_id=2)
    assert sorted(ids(export)) == [1, 2]
    with psycopg.connect(database_url) as connection:
        connection.execute("""
            INSERT INTO instruments (market, symbol, contract_size, first_seen_at, changed_at, seen_at, is_listed)
            VALUES ('coinm', 'BTCUSD_PERP', 100, now(), now(), now(), true)
        """)
    assert ids(export) == [1]
    assert json.loads((export.directory / "new").read_text())["notional"] == "150.0"


def test_a_reader_is_told_what_to_do(command: Command, reader_url: str, store: Any, database_url: str) -> None:
    ask(database_url)
    store()
    reading = exporting(command, reader_url)
    done = reading(*LAST)
    assert_one_line(done, 5, ROLES["reader"], "export_marks", "writer", "--changed-since 2026-09-01")
    assert list(reading.directory.iterdir()) == []
    assert reading("export", "--changed-since", "2026-09-01", "--out", "new.csv").returncode == 0


def test_a_database_that_takes_no_writes_is_told_so(export: Command, store: Any, database_url: str) -> None:
    ask(database_url)
    store()
    url = f"{export.environment['FORCE_ORDERS_DATABASE_URL']}&options=-cdefault_transaction_read_only%3Don"
    done = exporting(export, url)(*LAST)
    assert_one_line(done, 5, "takes no writes", "primary", "--changed-since 2026-09-01")
