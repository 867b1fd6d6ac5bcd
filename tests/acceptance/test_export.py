"""Orders as files: every format holds what the exchange has, to the digit, or there is no file."""

import csv
import gzip
import io
import json
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

import psycopg
import pyarrow
import pyarrow.parquet
import pytest

from tests.acceptance.endings import assert_one_line
from tests.acceptance.exporting import FORMATS, exporting, put
from tests.acceptance.lab import Lab, Labs, ask
from tests.command import Command

Rows = list[dict[str, Any]]
DECIMALS = {
    "quantity_ordered": 18,
    "quantity_filled": 18,
    "fill_ratio": 6,
    "price": 18,
    "average_price": 18,
    "improvement_bps": 2,
    "notional": 18,
    "coin_notional": 18,
    "contract_size": 18,
}
"""And their scale in Parquet."""
TIMES = ("order_time", "update_time", "delivery_at")
OWN_TIMES = ("changed_at", "first_seen_at")


@pytest.fixture
def export(command: Command, writer_url: str) -> Command:
    return exporting(command, writer_url)


@pytest.fixture
def store(database_url: str) -> Callable[..., None]:
    return partial(put, database_url)


def expected(lab: Lab) -> Rows:
    """The view's rows as texts, worked out from the simulator's own history."""
    orders = lab.expected(int(lab.watermark()["covered_since"].timestamp() * 1000))
    stored = own_times(lab.database_url)
    return [
        expected_row(order) | stored[order["symbol"], order["order_id"]]
        for order in sorted(orders.values(), key=lambda o: (o["order_ms"], o["symbol"], o["order_id"]))
    ]


def expected_row(order: dict[str, Any]) -> dict[str, Any]:
    price, average = (Decimal(order[name]) or None for name in ("price", "avg_price"))
    better = (average - price) * (1 if order["side"] == "SELL" else -1) if price and average else None
    return {
        "account": "main",
        "market": "usdm",
        "symbol": order["symbol"],
        "order_id": str(order["order_id"]),
        "close_type": order["close_type"],
        "side": order["side"],
        "position_closed": "LONG" if order["side"] == "SELL" else "SHORT",
        "order_time": instant(order["order_ms"]),
        "update_time": instant(order["update_ms"]),
        "status": order["status"],
        "quantity_ordered": order["orig_qty"],
        "quantity_filled": order["executed_qty"],
        "fill_ratio": rounded(Decimal(order["executed_qty"]) / Decimal(order["orig_qty"]), 6),
        "price": order["price"] if price else None,
        "average_price": order["avg_price"] if average else None,
        "improvement_bps": None if better is None or price is None else rounded(better * 10_000 / price, 2),
        "notional": order["cum_quote"],
        "quote_asset": order["symbol"][-4:],
        "base_asset": order["symbol"][:-4],
        "margin_asset": order["symbol"][-4:],
        "coin_notional": None,
        "pair": order["raw"].get("pair"),
        **dict.fromkeys(("contract_type", "contract_size", "delivery_at", "is_isolated")),
        "order_time_source": "time",
        "source": "api",
        **dict.fromkeys(OWN_TIMES),
        "client_order_id": order["client_order_id"],
        "position_side": order["position_side"],
    }


def own_times(database_url: str) -> dict[tuple[str, int], dict[str, str]]:
    """When each order was stored and changed, which nobody but the database knows."""
    names = ", ".join(f"to_char(timezone('UTC', {name}), 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')" for name in OWN_TIMES)
    with psycopg.connect(database_url) as connection:
        found = connection.execute(f"SELECT symbol, order_id, {names} FROM force_orders".encode()).fetchall()
    return {(symbol, number): dict(zip(OWN_TIMES, times, strict=True)) for symbol, number, *times in found}


def instant(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def rounded(value: Decimal, digits: int) -> str:
    unsigned = abs(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return f"{-unsigned if value < 0 and unsigned else unsigned:f}"


def read(file_format: str, content: bytes) -> Rows:
    """Rows as texts; Parquet's as they are."""
    if file_format == "parquet":
        rows: Rows = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
        return rows
    if file_format == "jsonl":
        return [json.loads(line) for line in content.decode().splitlines()]
    table = csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True)
    return [{name: text or None for name, text in row.items()} for row in table]


def typed(row: dict[str, Any]) -> dict[str, Any]:
    """A row of texts as Parquet should have it."""
    kinds = (
        dict.fromkeys(DECIMALS, Decimal)
        | dict.fromkeys((*TIMES, *OWN_TIMES), datetime.fromisoformat)
        | {"order_id": int}
    )
    return {name: None if text is None else kinds.get(name, str)(text) for name, text in row.items()}


def exported(command: Command, file_format: str, *arguments: str) -> Rows:
    done = piped(command, file_format, *arguments)
    assert (done.returncode, done.stderr) == (0, b"")
    return read(file_format, done.stdout)


def piped(command: Command, file_format: str, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    reading, writing = os.pipe()
    process = command.into(writing, None, "export", "--format", file_format, "--out", "-", *arguments)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    done = process.end()
    return subprocess.CompletedProcess(done.args, done.returncode, content, done.stderr.encode())


def test_every_format_equals_the_exchanges_own_history_to_the_digit(lab: Labs) -> None:
    demo = lab()
    assert demo("backfill").returncode == 0
    rows = expected(demo)
    assert len(rows) > 300
    for file_format in FORMATS:
        done = demo("export", "--out", f"orders.{file_format}")
        assert (done.returncode, done.stdout) == (0, "")
        exported, *_ = done.stderr.splitlines()  # until ten past midnight a line says that yesterday is not whole
        assert exported == f"force-orders: exported {len(rows)} orders to orders.{file_format}"
        content = (demo.command.directory / f"orders.{file_format}").read_bytes()
        assert read(file_format, content) == (list(map(typed, rows)) if file_format == "parquet" else rows)
        assert piped(demo.command, file_format).stdout == content
    assert {file.name for file in demo.command.directory.iterdir()} == {f"orders.{one}" for one in FORMATS}


def test_the_columns_are_the_views_in_its_order(export: Command, database_url: str) -> None:
    ask(database_url)
    with psycopg.connect(database_url) as connection:
        view = [column.name for column in connection.execute("SELECT * FROM report_force_orders").description or ()]
    assert piped(export, "csv").stdout == f"{','.join(view)}\r\n".encode(), "and an empty CSV is its header"
    assert piped(export, "jsonl").stdout == b""
    empty = pyarrow.parquet.read_table(io.BytesIO(piped(export, "parquet").stdout))
    assert (empty.num_rows, empty.schema.names) == (0, view)
    for name, scale in DECIMALS.items():
        assert empty.schema.field(name).type == pyarrow.decimal128(38, scale)
    for name in TIMES:
        assert empty.schema.field(name).type == pyarrow.timestamp("ms", tz="UTC")
    for name in OWN_TIMES:
        assert empty.schema.field(name).type == pyarrow.timestamp("us", tz="UTC")
    assert empty.schema.field("order_id").type == pyarrow.int64()
    assert empty.schema.field("is_isolated").type == pyarrow.bool_()


INSTRUMENT = """
    INSERT INTO instruments (market, symbol, base_asset, quote_asset, margin_asset, contract_type, contract_size,
                             delivery_at, first_seen_at, changed_at, seen_at, is_listed)
    VALUES ('coinm', 'BTCUSD_261225', 'BTC', 'USD', 'BTC', 'CURRENT_QUARTER', 100, '2026-12-25 08:00Z',
            now(), now(), now(), true)
"""


@pytest.mark.parametrize("file_format", FORMATS)
def test_what_only_some_markets_have_is_exported_too(
    export: Command, store: Any, database_url: str, file_format: str
) -> None:
    store(symbol="BTCUSD_261225", market="coinm", executed_qty="3", cum_base="0.0088285400")
    store(symbol="BNBBTC", market="margin", is_isolated=False, order_time_source="update")
    with psycopg.connect(database_url) as connection:
        connection.execute(INSTRUMENT)
    names = ("notional", "coin_notional", "contract_size", "margin_asset", "delivery_at", "is_isolated")
    rows = {row["market"]: row for row in exported(export, file_format)}
    coin, margin = ([rows[market][name] for name in (*names, "order_time_source")] for market in ("coinm", "margin"))
    if file_format == "parquet":
        delivery = datetime(2026, 12, 25, 8, tzinfo=UTC)
        assert coin == [300, Decimal("0.00882854"), 100, "BTC", delivery, None, "time"]
        assert margin[5:] == [False, "update"]
    else:
        assert coin == ["300", "0.0088285400", "100", "BTC", "2026-12-25T08:00:00.000Z", None, "time"]
        assert margin[5:] == ["false", "update"]


def test_a_span_begins_with_its_first_instant_and_ends_before_its_last(
    export: Command, store: Any, database_url: str
) -> None:
    ask(database_url)
    store(3, order_time="2026-08-31T00:00:00Z")
    span = ("--since", "2026-08-31T00:00:00Z", "--until", "2026-08-31T00:00:02Z")
    assert [row["order_id"] for row in exported(export, "csv", *span)] == ["1", "2"]


def test_symbols_and_accounts_are_chosen_by_name_and_rows_come_by_account_time_symbol_and_id(
    export: Command, store: Any
) -> None:
    store(order_id=9, order_time="2026-09-01T00:00:02Z")
    store(order_id=8, symbol="ETHUSDT")
    store(order_id=7)
    store(order_id=6)
    store(order_id=5, symbol="XRPUSDT", account="desk", order_time="2026-09-01T00:00:03Z")

    def ids(*arguments: str) -> list[str]:
        return [row["order_id"] for row in exported(export, "jsonl", *arguments)]

    assert ids() == ["5", "6", "7", "8", "9"]
    assert ids("--account", "main", "--symbol", "btcusdt") == ["6", "7", "9"]
    assert ids("--symbol", "XRPUSDT,ETHUSDT") == ["5", "8"]
    assert ids("--account", "desk", "--account", "main", "--until", "2026-09-01T00:00:02Z") == ["6", "7", "8"]


def test_decimals_and_ids_of_any_size_keep_every_digit(export: Command, store: Any) -> None:
    widest = "12345678901234567890.123456789012345678"
    store(order_id=2**63 - 1, orig_qty=widest, executed_qty="0.000000000000000001", price="0.0000001", cum_quote="0E-8")
    (text,), (line,), (row,) = (exported(export, file_format) for file_format in FORMATS)
    assert text == line
    assert (text["order_id"], text["quantity_ordered"], text["price"]) == (str(2**63 - 1), widest, "0.0000001")
    assert (text["quantity_filled"], text["notional"]) == ("0.000000000000000001", "0.00000000")
    assert row == typed(text)


def test_what_parquet_has_no_room_for_is_named_and_never_rounded(export: Command, store: Any) -> None:
    store(25_000)
    finer = "0.1000000000000000001"
    store(symbol="ETHUSDT", order_id=77, order_time="2026-10-01", orig_qty=finer, executed_qty="1e40")
    old = export.directory / "orders.parquet"
    old.write_text("what was here before")
    assert_one_line(export("export", "--out", old.name), 1, "quantity_ordered", "77", "ETHUSDT", "decimal128(38, 18)")
    assert list(export.directory.iterdir()) == [old]
    assert old.read_text() == "what was here before"
    cut = piped(export, "parquet")
    assert cut.returncode == 1
    assert len(cut.stdout) > 10_000
    with pytest.raises(pyarrow.ArrowInvalid):
        read("parquet", cut.stdout)
    rows = exported(export, "csv", "--symbol", "ETHUSDT")
    assert [(row["quantity_ordered"], row["quantity_filled"]) for row in rows] == [(finer, "1" + "0" * 40)]


HOSTILE = ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "＝1", "'quoted", 'a"b,c\r\nd', "<b>", "币安\u202e"]


def test_a_text_that_a_spreadsheet_would_run_is_a_text_and_can_be_had_exactly(export: Command, store: Any) -> None:
    for number, status in enumerate(HOSTILE):
        store(order_id=number, order_time="2026-09-01", status=status, price="99", side="BUY")
    for file_format in ("jsonl", "parquet"):
        assert [row["status"] for row in exported(export, file_format)] == HOSTILE
    rows = exported(export, "csv")
    assert [row["status"] for row in rows] == [f"'{text}" for text in HOSTILE[:8]] + HOSTILE[8:]
    assert [row["status"].removeprefix("'") for row in rows] == HOSTILE
    assert {row["improvement_bps"] for row in rows} == {"-126.26"}, "a number is none"


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_a_name_that_ends_with_gz_is_compressed_and_the_same_orders_are_the_same_bytes(
    export: Command, store: Any, file_format: str
) -> None:
    store(symbol="BTCUSDT")
    plain, packed, again = (export.directory / name for name in ("x.txt", f"x.{file_format}.gz", "y.GZ"))
    for words in (["--out", plain.name], ["--out", packed.name], ["--out", again.name]):
        named = [] if words[1] == packed.name else ["--format", file_format]
        assert export("export", *words, *named).returncode == 0
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes() != b""
    assert packed.read_bytes() == again.read_bytes()
