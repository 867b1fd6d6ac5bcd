"""An export that is stopped, cut off or very long: no half file, and no more memory than for a shorter one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pyarrow.parquet
import pytest

from tests.acceptance.endings import ended
from tests.acceptance.exporting import FORMATS, exporting, put, waits_for_a_lock
from tests.command import Command
from tests.waiting import wait_until

MANY = 60_000
FEW = 6_000
ROOM = 20_000
"""In kB; all of the orders would take four times as much."""

WITH_ITS_PEAK = """
import sys
from pathlib import Path
from etl.cli.root import run
code = run(sys.argv[1:])
(peak,) = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line[:6] == "VmHWM:")
print(peak)
sys.exit(code)
"""
"""The command, and then its greatest resident size in kB."""


@pytest.fixture
def export(command: Command, writer_url: str) -> Command:
    return exporting(command, writer_url)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_the_old_file_and_nothing_of_the_new_one(
    export: Command, database_url: str, number: int
) -> None:
    put(database_url, 20_000)
    old = export.directory / "orders.csv"
    old.write_text("what was here before")
    with psycopg.connect(database_url) as holding:
        holding.execute(HALTING)
        holding.commit()
        holding.execute("SELECT pg_advisory_lock(7)")
        process = export.start("export", "--out", old.name)
        wait_until(lambda: waits_for_a_lock(database_url))
        (half,) = set(export.directory.iterdir()) - {old}
        assert half.stat().st_size > 1_000_000
        assert old.read_text() == "what was here before"
        assert "stopped" in ended(process, number)
    assert list(export.directory.iterdir()) == [old]
    assert old.read_text() == "what was here before"


def test_a_signal_leaves_nothing_of_a_workbook_where_its_rows_wait(export: Command, database_url: str) -> None:
    put(database_url, 3, order_id=14_999)
    waiting = export.directory / "waiting"
    waiting.mkdir()
    with psycopg.connect(database_url) as holding:
        holding.execute(HALTING)
        holding.commit()
        holding.execute("SELECT pg_advisory_lock(7)")
        process = export.start("export", "--out", "orders.xlsx", TMPDIR=str(waiting))
        wait_until(lambda: waits_for_a_lock(database_url))
        assert "stopped" in ended(process)
    assert [*export.directory.iterdir()] == [waiting]
    assert [*waiting.iterdir()] == []


HALTING = """
    ANALYZE force_orders;
    ALTER VIEW report_force_orders RENAME TO plain;
    CREATE VIEW report_force_orders AS
        SELECT * FROM plain WHERE order_id <> 15000 OR pg_advisory_lock_shared(7) IS NOT NULL;
    GRANT SELECT ON report_force_orders TO PUBLIC;
"""
"""The view, but that whoever reads the order 15000 waits for a lock."""


def test_a_signal_in_the_middle_of_the_stream_ends_it(export: Command, database_url: str) -> None:
    put(database_url, 20_000)
    process = export.start("export", "--format", "jsonl", "--out", "-")
    assert process.stdout is not None
    assert process.stdout.readline().startswith('{"account":"main"')
    assert "stopped" in ended(process)


def test_a_database_that_goes_away_in_the_middle_ends_it_with_5(export: Command, database_url: str) -> None:
    put(database_url, 20_000)
    process = export.start("export", "--format", "csv", "--out", "-")
    assert process.stdout is not None
    process.stdout.readline()
    with psycopg.connect(database_url) as admin:
        admin.execute("""
            SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
             WHERE application_name = 'force-orders' AND datname = current_database()
        """)
    _, errors = process.communicate(timeout=60)
    (line,) = errors.splitlines()
    assert (process.returncode, line[:43]) == (5, "force-orders: the database cannot be used: ")


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_reader_who_has_seen_enough_is_no_failure(export: Command, database_url: str, file_format: str) -> None:
    put(database_url, 20_000)
    reading, writing = os.pipe()
    os.close(reading)
    done = into(writing, export, file_format)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is a thing of Linux")
@pytest.mark.parametrize("file_format", FORMATS)
def test_an_output_that_is_full_is_named(export: Command, database_url: str, file_format: str) -> None:
    put(database_url)
    with Path("/dev/full").open("wb") as full:
        done = into(full.fileno(), export, file_format)
    assert (done.returncode, done.stderr) == (
        1,
        "force-orders: the output cannot be written: No space left on device\n",
    )


def test_a_closed_output_is_named(export: Command, database_url: str) -> None:
    put(database_url)
    words = ["sh", "-c", 'exec "$@" >&-', "sh", *export.words("export", "--format", "csv", "--out", "-")]
    done = subprocess.run(
        words, cwd=export.directory, env=export.environment, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (1, "force-orders: the output cannot be written: stdout is closed\n")


def into(file: int, command: Command, file_format: str) -> "subprocess.CompletedProcess[str]":
    return command.into(file, None, "export", "--format", file_format, "--out", "-").end()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read off /proc")
@pytest.mark.parametrize(
    ("formats", "more"),
    [
        (("jsonl", "parquet"), ()),
        pytest.param(("csv.zst", "jsonl", "parquet", "xlsx"), (), marks=pytest.mark.slow),
        pytest.param(("jsonl", "parquet"), ("--partition", "month", "--provenance"), marks=pytest.mark.slow),
    ],
    ids=["the quick ones", "all", "partitions"],
)
def test_ten_times_the_orders_take_no_more_memory(
    export: Command, database_url: str, formats: tuple[str, ...], more: tuple[str, ...]
) -> None:
    put(database_url, FEW)
    before = {file_format: peak(export, file_format, *more) for file_format in formats}
    put(database_url, MANY - FEW, order_id=FEW + 1, order_time="2026-09-02")
    after = {file_format: peak(export, file_format, *more) for file_format in formats}
    for file_format in formats:
        assert after[file_format] - before[file_format] < ROOM
    if more:
        return
    assert (export.directory / "orders.jsonl").read_bytes().count(b"\n") == MANY
    ids = pyarrow.parquet.read_table(export.directory / "orders.parquet", columns=["order_id"])["order_id"]
    assert ids.to_pylist() == list(range(1, MANY + 1))


def peak(command: Command, file_format: str, *more: str) -> int:
    name = "lake" if more else f"orders.{file_format}"
    words = [sys.executable, "-c", WITH_ITS_PEAK, "export", "--format", file_format, "--out", name, *more]
    done = subprocess.run(
        words, cwd=command.directory, env=command.environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)
