"""An export that cannot be made as it is asked for: one line says why, and nothing is written."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.acceptance.endings import assert_one_line
from tests.acceptance.exporting import exporting, put
from tests.acceptance.lab import ask
from tests.command import Command


@pytest.fixture
def export(command: Command, writer_url: str) -> Command:
    return exporting(command, writer_url)


@pytest.fixture
def store(database_url: str) -> Callable[..., None]:
    return partial(put, database_url)


WRONG = {
    "an unknown account": (["--out", "x.csv", "--account", "nobody"], ["nobody", "main"]),
    "a symbol that is none": (["--out", "x.csv", "--symbol", "BTC/USDT"], ["BTC/USDT"]),
    "since after until": (["--out", "x.csv", "--since", "2026-09-02", "--until", "2026-09-01"], ["--since", "--until"]),
    "until in the future": (["--out", "x.csv", "--until", "2099-01-01"], ["--until", "future"]),
    "no file": (["--format", "csv"], ["--out"]),
    "a name without a format": (["--out", "orders.txt"], ["orders.txt", "--format"]),
    "no format and no name": (["--out", "-"], ["--format"]),
    "a name of gzip without a format": (["--out", "orders.gz"], ["orders.gz", "--format"]),
    "Parquet in gzip": (["--out", "x.parquet.gz"], ["x.parquet.gz", "compressed already"]),
    "a compression that is none of ours": (["--out", "x.csv.xz", "--format", "csv"], ["x.csv.xz", "x.csv.gz"]),
    "two compressions": (["--out", "x.csv.gz", "--format", "csv.zst"], ["x.csv.gz", "csv.zst"]),
    "a format that is none": (["--out", "x.csv", "--format", "orc"], ["orc", "parquet"]),
    "a workbook in Zstandard": (["--out", "x.xlsx.zst"], ["x.xlsx.zst", "compressed already"]),
    "a byte order mark in JSONL": (["--out", "x.jsonl", "--bom"], ["--bom", "CSV"]),
    "a column that is none": (["--out", "x.csv", "--columns", "symbol,cost"], ["'cost'", "account, market, symbol"]),
    "no column": (["--out", "x.csv", "--columns", ""], ["--columns", "''"]),
    "a column twice": (["--out", "x.csv", "--columns", "side,symbol,side"], ["--columns", "side twice"]),
    "a time that is none": (["--out", "x.csv", "--changed-since", "lately"], ["--changed-since", "'lately'", "last"]),
    "a change in the future": (["--out", "x.csv", "--changed-since", "2099-01-01"], ["--changed-since", "future"]),
    "a name of nothing": (["--out", "x.csv", "--name", "nightly"], ["--name", "--changed-since last"]),
    "an empty name": (["--out", "x.csv", "--changed-since", "last", "--name", " "], ["--name"]),
    "a mark with an end": (["--out", "x.csv", "--changed-since", "last", "--until", "2026-09-01"], ["--until"]),
    "a mark of a pipe": (["--format", "csv", "--changed-since", "last", "--out", "-"], ["--changed-since last"]),
    "a mark of a device": (["--format", "csv", "--changed-since", "last", "--out", "/dev/null"], ["/dev/null"]),
    "a pipe with something beside it": (["--format", "csv", "--provenance", "--out", "-"], ["--provenance"]),
    "partitions of a pipe": (["--partition", "day", "--out", "-"], ["--partition"]),
    "half a partition": (
        ["--partition", "day", "--out", "x", "--since", "2026-09-01T12:00Z"],
        ["--since", "whole days"],
    ),
    "half a month": (
        ["--partition", "month", "--out", "x", "--since", "2026-09-01", "--until", "2026-09-29"],
        ["--until"],
    ),
    "a partition that is none": (["--partition", "year", "--out", "x"], ["year", "month"]),
}


@pytest.mark.parametrize(("arguments", "words"), WRONG.values(), ids=WRONG.keys())
def test_wrong_arguments_end_with_2_and_leave_no_file(
    export: Command, store: Any, arguments: list[str], words: list[str]
) -> None:
    store()
    done = export("export", *arguments)
    assert_one_line(done, 2, *words)
    assert done.stdout == ""
    assert list(export.directory.iterdir()) == []


def test_without_pyarrow_parquet_says_what_to_install_and_the_others_work(export: Command, database_url: str) -> None:
    ask(database_url)
    absent = export.directory / "absent"
    absent.mkdir()
    (absent / "pyarrow.py").write_text("raise ModuleNotFoundError('No module named pyarrow')")
    path = f"{absent}{os.pathsep}{export.environment['PYTHONPATH']}"
    done = export.cold("export", "--out", "x.parquet", PYTHONPATH=path)
    assert_one_line(done, 2, "pip install 'force-orders-etl[parquet]'")
    assert export.cold("export", "--out", "x.csv", PYTHONPATH=path).returncode == 0


@pytest.mark.parametrize("name", ["nowhere/x.csv", "a-directory.csv", "a-file/x.csv"])
def test_a_place_that_cannot_be_written_is_named(export: Command, name: str, database_url: str) -> None:
    ask(database_url)
    (export.directory / "a-directory.csv").mkdir()
    (export.directory / "a-file").touch()
    before = sorted(export.directory.rglob("*"))
    assert_one_line(export("export", "--out", name), 1, name, "cannot be written")
    assert sorted(export.directory.rglob("*")) == before
