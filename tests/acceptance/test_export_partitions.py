"""An export for a lake: a directory for each day or month, each file whole, and nothing lost by a re-export."""

import json
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.compute
import pyarrow.dataset
import pytest

from tests.acceptance.endings import assert_one_line
from tests.acceptance.exporting import elapse, exporting, put
from tests.acceptance.lab import Labs, ask
from tests.command import Command


@pytest.fixture
def export(command: Command, writer_url: str) -> Command:
    return exporting(command, writer_url)


@pytest.fixture
def store(database_url: str) -> Callable[..., None]:
    return partial(put, database_url)


@pytest.fixture
def change(database_url: str) -> Callable[[str], None]:
    def run(statement: str) -> None:
        with psycopg.connect(database_url) as connection:
            connection.execute(statement.encode())

    return run


def files(export: Command) -> dict[str, bytes]:
    lake = export.directory / "lake"
    return {str(path.relative_to(lake)): path.read_bytes() for path in sorted(lake.rglob("*")) if path.is_file()}


def to_lake(export: Command, *arguments: str) -> str:
    """What the command says; asserts that it ends well."""
    done = export("export", "--partition", "day", "--out", "lake", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()[0].removeprefix("force-orders: ")


def order_ids(content: bytes) -> list[str]:
    return [json.loads(line)["order_id"] for line in content.decode().splitlines()]


JSONL = ("--format", "jsonl")


@pytest.mark.parametrize(("partition", "width"), [("day", 10), ("month", 7)])
def test_a_lake_holds_every_order_once_in_the_partition_of_its_time(lab: Labs, partition: str, width: int) -> None:
    demo = lab()
    assert demo("backfill").returncode == 0
    done = demo("export", "--partition", partition, "--out", "lake", "--provenance")
    assert done.returncode == 0, done.stderr
    lake = pyarrow.dataset.dataset(demo.command.directory / "lake", format="parquet", partitioning="hive").to_table()
    table = demo.table()
    assert done.stderr.startswith(f"force-orders: exported {len(table)} orders to ")
    assert sorted(lake["order_id"].to_pylist()) == sorted(number for _, number in table)
    total = sum(Decimal(row["cum_quote"]) for row in table.values())
    assert pyarrow.compute.sum(lake["notional"]).as_py() == total
    for moment, of_partition in zip(lake["order_time"].to_pylist(), lake[partition].to_pylist(), strict=True):
        assert moment.isoformat()[:width] == str(of_partition)[:width]


def test_the_same_orders_are_the_same_bytes_and_partitions_are_named_as_hive_names_them(
    export: Command, store: Any, database_url: str
) -> None:
    ask(database_url)
    store(2, order_time="2026-08-31T23:59:59Z")
    store(account="desk", order_time="2026-08-31T00:00:00Z")
    assert to_lake(export, *JSONL) == "exported 3 orders to 2 partitions of lake"
    first = files(export)
    assert {name: order_ids(content) for name, content in first.items()} == {
        "day=2026-08-31/part-0.jsonl": ["1", "1"],
        "day=2026-09-01/part-0.jsonl": ["2"],
    }
    assert json.loads(first["day=2026-08-31/part-0.jsonl"].splitlines()[0])["account"] == "desk"
    to_lake(export, *JSONL)
    assert files(export) == first
    assert {path.name for path in export.directory.iterdir()} == {"lake"}


def test_partitions_are_parquet_unless_another_format_is_named(export: Command, store: Any) -> None:
    store()
    to_lake(export, "--columns", "order_id,notional")
    to_lake(export, "--format", "csv.gz")
    assert files(export).keys() == {"day=2026-09-01/part-0.csv.gz", "day=2026-09-01/part-0.parquet"}


def test_of_changes_the_partitions_are_written_as_a_whole_and_the_others_not_at_all(
    export: Command, store: Any, change: Any, database_url: str
) -> None:
    ask(database_url)
    store(2, order_time="2026-08-30")
    store(2, order_time="2026-08-31", order_id=5)
    last = ("--changed-since", "last", *JSONL)
    to_lake(export, *last)
    old = export.directory / "lake" / "day=2026-08-30" / "part-0.jsonl"
    old.write_text("not touched")
    change("UPDATE force_orders SET status = 'EXPIRED', changed_at = now() WHERE order_id = 6")
    elapse(database_url)
    assert to_lake(export, *last).endswith("to 1 partition of lake")
    assert old.read_text() == "not touched"
    assert order_ids(files(export)["day=2026-08-31/part-0.jsonl"]) == ["5", "6"]
    assert to_lake(export, *last).endswith("to 0 partitions of lake")


def test_an_order_that_moved_to_another_day_is_in_its_old_partition_no_more(
    export: Command, store: Any, change: Any, database_url: str
) -> None:
    ask(database_url)
    store(order_id=1, order_time="2026-08-30")
    last = ("--changed-since", "last", *JSONL)
    to_lake(export, *last)
    elapse(database_url)
    moved = """order_time = '2026-08-31Z', raw = '{"time": 1}'"""
    change(f"UPDATE force_orders SET {moved}, changed_at = now() WHERE order_id = 1")
    to_lake(export, *last)
    assert {name: order_ids(content) for name, content in files(export).items()} == {
        "day=2026-08-30/part-0.jsonl": [],
        "day=2026-08-31/part-0.jsonl": ["1"],
    }


def test_a_partition_that_has_no_order_any_more_is_named_and_stays(
    export: Command, store: Any, change: Any, database_url: str
) -> None:
    ask(database_url)
    store(order_id=1, order_time="2026-08-30")
    store(order_id=2, order_time="2026-08-31")
    to_lake(export, *JSONL)
    change("DELETE FROM force_orders WHERE order_id = 1")
    words = ("export", "--partition", "day", "--out", "lake", *JSONL)
    named = "lake keeps files of partitions in which no order is any more: day=2026-08-30; remove them if you want"
    assert named in export(*words).stderr
    assert files(export).keys() == {"day=2026-08-30/part-0.jsonl", "day=2026-08-31/part-0.jsonl"}
    assert "keeps files" not in export(*words, "--since", "2026-08-31").stderr, "it is of another span"


def test_what_stands_beside_a_partition_is_no_data_to_readers(export: Command, store: Any) -> None:
    store(2)
    to_lake(export, "--provenance")
    beside = json.loads(files(export)["day=2026-09-01/_part-0.parquet.json"])
    assert (beside["since"], beside["until"], beside["orders"]) == ("2026-09-01T00:00Z", "2026-09-02T00:00Z", 2)
    lake = pyarrow.dataset.dataset(export.directory / "lake", format="parquet", partitioning="hive")
    assert lake.count_rows() == 2


def test_a_partition_that_cannot_be_written_keeps_its_file_and_the_mark_stays(
    export: Command, store: Any, database_url: str
) -> None:
    ask(database_url)
    store(order_id=1, order_time="2026-08-30")
    store(order_id=2, order_time="2026-08-31", orig_qty="1e40")
    done = export("export", "--partition", "day", "--changed-since", "last", "--out", "lake")
    assert_one_line(done, 1, "quantity_ordered")
    assert files(export).keys() == {"day=2026-08-30/part-0.parquet"}
    assert not (export.directory / "lake" / "day=2026-08-31").exists()
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT FROM export_marks").fetchall() == []


@pytest.mark.parametrize("out", ["nowhere/lake", "a-file"])
def test_a_directory_that_cannot_be_made_is_named(export: Command, store: Any, out: str) -> None:
    store()
    (export.directory / "a-file").touch()
    done = export("export", "--partition", "day", "--out", out)
    assert_one_line(done, 1, out, "cannot be written")
    assert [path.name for path in Path(export.directory).iterdir()] == ["a-file"]
