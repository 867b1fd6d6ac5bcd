"""What is in the files of an export and beside them, and that the same orders are the same bytes on every machine."""

import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import openpyxl
import psycopg
import pyarrow.parquet
import pytest
from backports import zstd
from openpyxl.utils.escape import unescape

from etl.store import migrate
from tests.acceptance.endings import assert_one_line
from tests.acceptance.exporting import exporting, put
from tests.acceptance.lab import Labs, ask
from tests.command import Command

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def export(command: Command, writer_url: str) -> Command:
    return exporting(command, writer_url)


@pytest.fixture
def store(database_url: str) -> Callable[..., None]:
    return partial(put, database_url)


def written(export: Command, name: str, *arguments: str) -> bytes:
    done = export("export", "--out", name, *arguments)
    assert done.returncode == 0, done.stderr
    return (export.directory / name).read_bytes()


def sheet(content: bytes) -> list[dict[str, Any]]:
    """The rows of a workbook's only sheet."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert book.sheetnames == ["orders"]
    header, *rows = book["orders"].iter_rows(values_only=True)
    return [dict(zip(map(str, header), row, strict=True)) for row in rows]


COLUMNS = "notional,order_id,symbol"


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet", "xlsx"])
def test_the_columns_are_those_that_are_named_in_their_order(export: Command, store: Any, file_format: str) -> None:
    store()
    content = written(export, f"x.{file_format}", "--columns", COLUMNS.replace(",", " , "))
    match file_format:
        case "csv":
            assert content == f"{COLUMNS}\r\n150.375,1,BTCUSDT\r\n".encode()
        case "jsonl":
            assert content == b'{"notional":"150.375","order_id":"1","symbol":"BTCUSDT"}\n'
        case "parquet":
            assert pyarrow.parquet.read_table(io.BytesIO(content)).column_names == COLUMNS.split(",")
        case _:
            assert sheet(content) == [{"notional": 150.375, "order_id": "1", "symbol": "BTCUSDT"}]


def test_what_does_not_fit_is_named_by_its_order_though_its_columns_are_not_chosen(export: Command, store: Any) -> None:
    store(order_id=77, executed_qty="1e40")
    done = export("export", "--out", "x.parquet", "--columns", "quantity_filled")
    assert_one_line(done, 1, "quantity_filled", "77", "BTCUSDT", "main")


def test_a_byte_order_mark_is_there_by_choice_and_changes_nothing_else(export: Command, store: Any) -> None:
    store()
    plain = written(export, "x.csv")
    assert not plain.startswith(b"\xef")
    assert written(export, "y.csv", "--bom") == b"\xef\xbb\xbf" + plain
    assert zstd.decompress(written(export, "z.csv.zst", "--bom")) == b"\xef\xbb\xbf" + plain


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_a_name_that_ends_with_zst_is_compressed(export: Command, store: Any, file_format: str) -> None:
    store(3)
    plain = written(export, f"x.{file_format}")
    assert zstd.decompress(written(export, f"x.{file_format}.zst")) == plain
    assert zstd.decompress(written(export, "y", "--format", f"{file_format}.zst")) == plain


def test_a_workbook_has_real_dates_ids_as_text_and_the_sums_of_the_table(lab: Labs) -> None:
    demo = lab()
    assert demo("backfill").returncode == 0
    assert demo("export", "--out", "orders.xlsx").returncode == 0
    rows = sheet((demo.command.directory / "orders.xlsx").read_bytes())
    table = demo.table()
    assert {(row["symbol"], row["order_id"]) for row in rows} == {(symbol, str(number)) for symbol, number in table}
    notional = sum(Decimal(str(row["notional"])) for row in rows)
    assert notional == sum(Decimal(row["cum_quote"]) for row in table.values())
    for row in rows:
        stored = table[row["symbol"], int(row["order_id"])]["order_ms"]
        assert isinstance(row["order_time"], datetime)
        assert abs(row["order_time"].replace(tzinfo=UTC).timestamp() * 1000 - float(stored)) < 1


def test_a_workbook_has_numbers_only_where_excel_holds_every_digit(export: Command, store: Any) -> None:
    store(
        order_id=2**63 - 1,
        orig_qty="12345678901234567890.5",
        executed_qty="123456789012.345",
        price="0.1",
        avg_price="-0.0",
        cum_quote="1e40",
        is_isolated=True,
    )
    (row,) = sheet(written(export, "x.xlsx"))
    assert row["order_id"] == "9223372036854775807"
    assert (row["quantity_ordered"], row["quantity_filled"]) == ("12345678901234567890.5", 123456789012.345)
    assert (row["price"], row["notional"], row["is_isolated"]) == (0.1, 1e40, True)
    assert row["update_time"] == datetime(2026, 9, 1, 0, 0, 0, 567_000)  # noqa: DTZ001 – a sheet knows no zone
    assert row["coin_notional"] is None


HOSTILE = ["=1+1", "+1", "@x", " =1 ", "'quoted", 'a"b,c\r\nd', "<b>", "<r>", "币安\u202e", "http://x", "_x0041_"]


def test_a_workbook_has_every_text_as_it_is_and_no_formula(export: Command, store: Any) -> None:
    for number, status in enumerate(HOSTILE):
        store(order_id=number, order_time="2026-09-01", status=status)
    content = written(export, "x.xlsx")
    assert [unescape(row["status"]) for row in sheet(content)] == HOSTILE
    cells = openpyxl.load_workbook(io.BytesIO(content))["orders"]["J"]
    assert {cell.data_type for cell in cells} == {"s"}


@pytest.mark.parametrize("status", ["x" * 32_768, "<r>markup</r>"])
def test_a_text_that_no_cell_of_a_workbook_holds_is_refused(export: Command, store: Any, status: str) -> None:
    store(status=status)
    assert_one_line(export("export", "--out", "x.xlsx"), 1, "row 2", "csv has room")
    assert list(export.directory.iterdir()) == []


MANY_MORE = """
    ALTER VIEW report_force_orders RENAME TO plain;
    CREATE VIEW report_force_orders AS SELECT plain.* FROM plain, generate_series(1, 1048576);
    GRANT SELECT ON report_force_orders TO PUBLIC;
"""


def test_more_orders_than_a_sheet_has_rows_are_refused_before_anything_is_written(
    export: Command, store: Any, database_url: str
) -> None:
    store()
    with psycopg.connect(database_url) as owner:
        owner.execute(MANY_MORE)
    done = export("export", "--out", "x.xlsx")
    assert_one_line(done, 2, "1,048,576 orders", "--since", "--partition", "csv")
    assert list(export.directory.iterdir()) == []


def test_without_the_library_a_format_says_what_to_install(export: Command, store: Any) -> None:
    store()
    absent = export.directory / "absent"
    for name in ("xlsxwriter", "backports/zstd"):
        (absent / name).mkdir(parents=True)
        (absent / name / "__init__.py").write_text("raise ModuleNotFoundError('not installed')")
    path = f"{absent}{os.pathsep}{export.environment['PYTHONPATH']}"
    for name, extra in (("x.xlsx", "xlsx"), ("x.csv.zst", "zstd")):
        done = export.cold("export", "--out", name, PYTHONPATH=path)
        assert_one_line(done, 2, f"pip install 'force-orders-etl[{extra}]'")


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl.gz", "x.parquet", "x.xlsx"])
def test_what_stands_beside_a_file_tells_where_it_is_from_and_proves_it_whole(
    export: Command, store: Any, database_url: str, name: str
) -> None:
    ask(database_url)
    store(3, order_time="2026-08-30")
    span = ("--since", "2026-08-30", "--until", "2026-08-31")
    content = written(export, name, "--provenance", "--account", "main", "--columns", "order_id", *span)
    beside = json.loads((export.directory / f"{name}.json").read_text())
    assert datetime.fromisoformat(beside.pop("made_at")).tzinfo is not None
    assert beside == {
        "file": name,
        "format": name.removeprefix("x."),
        "orders": 3,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "program": "force-orders-etl 0.1.0",
        "schema": migrate.head(),
        "since": "2026-08-30T00:00Z",
        "until": "2026-09-01T00:00Z",
        "changed_since": None,
        "accounts": ["main"],
        "markets": [],
        "symbols": [],
        "columns": ["order_id"],
        "completeness": "complete: 2026-08-30..2026-08-31 (UTC): main usdm; 2 days proven",
    }


def test_without_asking_nothing_stands_beside_a_file(export: Command, store: Any) -> None:
    store()
    written(export, "x.csv")
    assert [path.name for path in export.directory.iterdir()] == ["x.csv"]


def test_parquet_says_of_itself_where_it_is_from(export: Command, store: Any, database_url: str) -> None:
    ask(database_url)
    store(order_time="2026-08-30")

    def said(*arguments: str) -> dict[str, Any]:
        table = pyarrow.parquet.read_table(io.BytesIO(written(export, "x.parquet", *arguments)))
        found: dict[str, Any] = json.loads(table.schema.metadata[b"force_orders"])
        return found

    closed, opened = said("--until", "2026-08-31"), said("--symbol", "BTCUSDT")
    assert closed["completeness"] == "complete: 2026-08-01..2026-08-31 (UTC): main usdm; 31 days proven"
    assert (closed["program"], closed["until"]) == ("force-orders-etl 0.1.0", "2026-09-01T00:00Z")
    assert "completeness" not in opened, "it would be another one tomorrow"
    assert (opened["symbols"], opened["until"]) == (["BTCUSDT"], None)


@pytest.mark.skipif(shutil.which("cc") is None, reason="another machine's clock is a library that cc makes")
def test_another_machine_on_another_day_writes_the_same_bytes(
    export: Command, store: Any, database_url: str, tmp_path: Path
) -> None:
    ask(database_url)
    store(2_500, order_time="2026-08-30")
    library = tmp_path / "shifted_clock.so"
    source = ROOT / "tests" / "shifted_clock.c"
    compiling = ["cc", "-shared", "-fPIC", "-DSHIFT_SECONDS=93784321", "-o", str(library), str(source)]
    subprocess.run(compiling, check=True)
    elsewhere = export.environment | {"LD_PRELOAD": str(library), "TZ": "Asia/Kolkata"}
    for suffix in ("csv.gz", "csv.zst", "jsonl", "parquet", "xlsx"):
        here, there = f"here.{suffix}", f"there.{suffix}"
        first = written(export, here)
        words = export.words("export", "--out", there)
        subprocess.run(words, cwd=export.directory, env=elsewhere, umask=0o077, check=True, capture_output=True)
        assert (export.directory / there).read_bytes() == first, suffix
        assert written(export, here) == first


def test_csv_and_workbook_hold_the_same_rows(export: Command, store: Any) -> None:
    store(5)
    rows = [*csv.DictReader(io.StringIO(written(export, "x.csv").decode()))]
    names = ("order_id", "symbol", "client_order_id", "position_side", "source")
    book = [{name: row[name] for name in names} for row in sheet(written(export, "x.xlsx"))]
    assert book == [{name: row[name] or None for name in names} for row in rows]
