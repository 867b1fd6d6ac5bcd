"""What an order file holds: the history to the digit and the second, and everything that a scenario does to it."""

import io
import time
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from etl.simulator.accounts import MAIN
from etl.simulator.control import control
from etl.simulator.history import Generated
from etl.simulator.messages import Reply, Request
from etl.simulator.scenario import DAY_MS
from tests.combining import each_value_once
from tests.unit.desk import START, Desk, row
from tests.unit.exporting import (
    DAPI,
    MARKET,
    UM,
    YEAR,
    Params,
    account_of,
    desk_of_years,
    downloaded,
    rows_in,
    unpacked,
)

HEADER = (
    "Uid,Time(UTC),Symbol,Type,Side,Position Side,Price,Average Price,Amount,Executed Amount,Executed Quote Amount,"
    "Stop Price,Status,Client Order Id,Time In Force,Activate Price,Price Rate,Update Time,Order No"
)
WEB_HEADER = (
    "Uid,Time,Order No,Symbol,Type,Side,Price,Average Price,Amount,Executed Amount,Executed Quote Amount,Stop Price,"
    "Status,Update Time"
)
FIELDS = {
    "Symbol": "symbol",
    "Type": "type",
    "Side": "side",
    "Price": "price",
    "Average Price": "avgPrice",
    "Amount": "origQty",
    "Executed Amount": "executedQty",
    "Executed Quote Amount": "cumQuote",
    "Status": "status",
    "Client Order Id": "clientOrderId",
    "Time In Force": "timeInForce",
}
BIG = 8_389_766_251_307_928_000
BARE: dict[str, Any] = {"export_container": "bare", "export_processing_ms": 0}


def shown(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def expected(order: dict[str, Any]) -> dict[str, str]:
    """The row of an order, its Uid left out."""
    return {column: str(order[name]) for column, name in FIELDS.items()} | {
        "Time(UTC)": shown(order["time"]),
        "Update Time": shown(order["updateTime"]),
        "Position Side": {"LONG": "Long", "SHORT": "Short", "BOTH": "Both"}[order["positionSide"]],
        "Stop Price": "0",
        "Activate Price": "0",
        "Price Rate": "0.0",
        "Order No": str(order["orderId"]),
    }


def without_uid(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{name: value for name, value in one.items() if name != "Uid"} for one in rows]


def file_of(desk: Desk, **params: Any) -> Reply:
    return control(desk.exchange, Request("GET", "/sim/export-file", urlencode(params)), desk.real_ms)


def desk_of(*rows: dict[str, Any], **switches: Any) -> Desk:
    return Desk(*rows, **{"own_orders_a_day": 0, **BARE, **switches})


def two_orders(**switches: Any) -> Desk:
    first = row(START - 2 * DAY_MS, order_id=1, status="FILLED", executedQty="3", updateTime=START - 2 * DAY_MS + 20)
    second = row(order_id=2, status="EXPIRED", executedQty="0", clientOrderId="adl_autoclose", type="LIMIT")
    return desk_of(first | {"type": "LIMIT"}, second, **switches)


def lines(desk: Desk) -> list[str]:
    return downloaded(desk).decode("utf-8-sig").splitlines()


@each_value_once(path=list(MARKET), year=[0, 1, 2])
def test_a_file_holds_the_forced_orders_of_its_span_to_the_digit_and_the_second(path: str, year: int) -> None:
    desk = desk_of_years(path, order_id_offset=BIG)
    end_ms = START - year * 365 * DAY_MS
    start_ms = end_ms - 365 * DAY_MS + 1
    rows = rows_in(downloaded(desk, path, startTime=start_ms, endTime=end_ms))
    history = [one for one in desk.sim("history", market=MARKET[path]) if start_ms <= one["time"] <= end_ms]
    if path == UM:
        assert "cumQuote" in history[0]
    forced = [one for one in rows if "autoclose" in one["Client Order Id"]]
    assert without_uid(forced) == [expected(one) for one in history]
    assert len(forced) > 500
    assert len(rows) - len(forced) == pytest.approx(2 * 365, abs=2), "the owner's own orders of each day"
    assert len({one["Uid"] for one in rows}) == 1
    assert [one["Time(UTC)"] for one in rows] == sorted(one["Time(UTC)"] for one in rows)


@pytest.mark.parametrize("path", MARKET)
def test_it_holds_the_owners_orders_as_all_orders_shows_them(path: str) -> None:
    history = dict.fromkeys(("usdm", "coinm"), Generated(days=90))
    desk = Desk(accounts=(account_of(path),), history=history, **BARE)
    start_ms = START - 80 * DAY_MS
    rows = rows_in(downloaded(desk, path, startTime=start_ms, endTime=START))
    books = desk.sim("books", market=MARKET[path])["orders"]
    shown_in_books = [one for one in books if start_ms <= one["time"] and one["updateTime"] <= START]
    assert without_uid(rows) == [expected(one) for one in shown_in_books]


def test_dapi_has_the_same_columns_and_amounts_in_usd_although_its_older_rows_do_not_say_them() -> None:
    rows = [rows_in(downloaded(desk_of_years(DAPI, row_shape=shape), DAPI)) for shape in ("2025", "2026-08")]
    assert rows[0] == rows[1]
    assert ",".join(rows[0][0]) == HEADER


def test_both_ends_of_the_span_match() -> None:
    desk = desk_of(*(row(START - DAY_MS + number, order_id=number) for number in range(1, 5)))
    span: Params = {"startTime": START - DAY_MS + 2, "endTime": START - DAY_MS + 3}
    assert [one["Order No"] for one in rows_in(downloaded(desk, **span))] == ["2", "3"]


def test_a_row_that_cannot_be_read_is_in_no_file() -> None:
    desk = two_orders()
    desk.sim("orders", [{"at_ms": START - DAY_MS, "row": "no order"}])
    assert len(rows_in(downloaded(desk))) == 2


def test_an_order_lost_from_the_list_of_forced_orders_is_in_the_file() -> None:
    desk = two_orders()
    desk.sim("lose", {"symbol": "BTCUSDT", "orderId": 1})
    assert len(rows_in(downloaded(desk))) == 2


def test_a_file_holds_what_could_be_read_when_it_was_requested() -> None:
    desk = desk_of_years(export_processing_ms=DAY_MS)
    rows = rows_in(downloaded(desk, startTime=START - DAY_MS, endTime=START + DAY_MS))
    assert max(one["Update Time"] for one in rows) <= shown(START)


def test_the_newest_orders_can_be_missing() -> None:
    assert len(rows_in(downloaded(two_orders(export_delay_ms=DAY_MS)))) == 2
    assert len(rows_in(downloaded(two_orders(export_delay_ms=DAY_MS + 1)))) == 1


def test_orders_after_a_switch_to_portfolio_margin_are_in_its_files_alone() -> None:
    switched_ms = START - 200 * DAY_MS
    account = replace(MAIN, portfolio_margin_from_ms=switched_ms)
    desk = Desk(accounts=(account,), history=Generated(days=400), export_processing_ms=0)
    rows = rows_in(downloaded(desk, UM))
    assert min(one["Time(UTC)"] for one in rows) >= shown(switched_ms)
    classic = rows_in(file_of(desk, market="usdm").body)
    assert max(one["Time(UTC)"] for one in classic) < shown(switched_ms)


@pytest.mark.parametrize(
    ("container", "begins"), [("zip", b"PK"), ("gzip", b"\x1f\x8b"), ("bare", b"\xef\xbb\xbfUid,")]
)
def test_the_container_is_a_switch(container: str, begins: bytes) -> None:
    content = downloaded(two_orders(export_container=container))
    assert content.startswith(begins)
    assert unpacked(content) == downloaded(two_orders())


def test_mark_and_line_ends_are_switches() -> None:
    usual = downloaded(two_orders())
    assert usual.startswith(b"\xef\xbb\xbf" + HEADER.encode() + b"\r\n")
    assert usual.count(b"\r\n") == usual.count(b"\n") == 3
    assert downloaded(two_orders(export_bom=False)) == usual[3:]
    assert downloaded(two_orders(export_line_end="LF")) == usual.replace(b"\r\n", b"\n")


def test_an_order_can_have_several_rows_of_which_the_last_is_true() -> None:
    rows = rows_in(downloaded(two_orders(export_states="all")))
    assert [(one["Order No"], one["Status"], one["Executed Amount"]) for one in rows] == [
        ("1", "NEW", "0"),
        ("1", "FILLED", "3"),
        ("2", "NEW", "0"),
        ("2", "EXPIRED", "0"),
    ]
    assert rows[1::2] == rows_in(downloaded(two_orders()))
    assert rows[0]["Update Time"] == rows[0]["Time(UTC)"]


def test_orders_without_a_fill_can_be_missing() -> None:
    assert [one["Order No"] for one in rows_in(downloaded(two_orders(export_unfilled=False)))] == ["1"]


def test_a_liquidation_can_have_a_type_of_its_own() -> None:
    rows = rows_in(downloaded(two_orders(export_forced_type="LIQUIDATION")))
    assert [one["Type"] for one in rows] == ["LIQUIDATION", "LIMIT"]


def test_a_file_without_orders_says_so_or_nothing() -> None:
    assert lines(desk_of()) == [HEADER, "No data matches the criteria."]
    assert lines(desk_of(export_empty="header")) == [HEADER]


def test_no_order_is_older_than_the_history() -> None:
    desk = Desk(**BARE)
    old: Params = {"startTime": START - 500 * DAY_MS, "endTime": START - 200 * DAY_MS}
    assert downloaded(desk, **old).endswith(b"No data matches the criteria.\r\n")


@pytest.mark.parametrize(
    ("kept", "order_id", "written"),
    [
        ("exponent", BIG, "8.38977E+18"),
        ("exponent", 123_456_789_012, "1.23457E+11"),
        ("exponent", 12_345_678_901, "12345678901"),
        ("zeros", BIG + 1, "8389766251307920000"),
        ("zeros", 123_456_789_012_345, "123456789012345"),
        ("exact", BIG + 1, "8389766251307928001"),
    ],
)
def test_ids_can_be_as_a_spreadsheet_saves_them(kept: str, order_id: int, written: str) -> None:
    (only,) = rows_in(downloaded(desk_of(row(order_id=order_id), export_ids=kept)))
    assert only["Order No"] == written


def test_a_file_can_end_in_the_middle_of_a_row() -> None:
    whole, cut = downloaded(two_orders()), downloaded(two_orders(export_cut="csv"))
    assert whole.startswith(cut)
    assert not cut.endswith(b"\n")
    assert len(cut.splitlines()) == 2
    in_zip = downloaded(two_orders(export_cut="csv", export_container="zip"))
    assert unpacked(in_zip) == cut
    assert HEADER.encode().startswith(unpacked(downloaded(desk_of(export_cut="csv", export_empty="header")))[3:])


def test_a_file_can_end_in_the_middle_of_its_container() -> None:
    content = downloaded(two_orders(export_cut="file", export_container="zip"))
    assert content.startswith(b"PK")
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(content))


def test_rows_of_another_account_can_be_mixed_in() -> None:
    mine, other = rows_in(downloaded(two_orders(export_foreign_rows=1)))
    assert mine["Uid"] != other["Uid"]
    assert mine["Uid"] == rows_in(downloaded(two_orders()))[1]["Uid"]


def test_a_column_can_be_unknown_or_have_another_name() -> None:
    extra, renamed = (lines(two_orders(export_header=one))[0] for one in ("extra", "renamed"))
    assert extra == f"{HEADER},Strategy Id"
    assert renamed == HEADER.replace("Order No", "Order ID")


def test_a_file_can_be_had_at_once_for_an_import_by_hand() -> None:
    desk = Desk(history=Generated(days=400))
    assert rows_in(file_of(desk, **YEAR).body) == rows_in(downloaded(desk))
    assert file_of(desk, startTime=START - DAY_MS, endTime=START, market="coinm").status == 200
    assert desk.sim("exports")["used"][0]["used"] == 1, "by the download alone"
    whole = [one for one in rows_in(file_of(desk).body) if "autoclose" in one["Client Order Id"]]
    assert len(whole) == len(desk.sim("history")), "without a span all of it"


def test_a_file_of_the_web_page_has_local_times_and_no_client_order_id() -> None:
    desk = two_orders()
    reply = file_of(desk, format="web")
    head, first, second = unpacked(reply.body).decode("utf-8-sig").splitlines()
    assert head == WEB_HEADER
    local = datetime.fromtimestamp((START - 2 * DAY_MS) // 1000 - 6 * 3600, UTC).strftime("%Y-%m-%d %H:%M:%S")
    assert first.split(",")[1:6] == [local, "1", "BTCUSDT", "Liquidation", ""]
    assert second.split(",")[4] == "LIMIT", "an ADL"
    assert "autoclose" not in first + second
    name = dict(reply.headers)["Content-Disposition"]
    assert name == 'attachment; filename="Binance-Futures-Order-History-202611180507(UTC--6)_abcd.csv"'
    desk.sim("scenario", {"web_forced_type": "LIMIT", "export_container": "zip"})
    reply = file_of(desk, format="web", utc_offset=9)
    assert {one["Type"] for one in rows_in(reply.body)} == {"LIMIT"}
    assert dict(reply.headers)["Content-Disposition"].endswith('(UTC-9)_abcd.zip"')


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"market": "margin", "format": "web"}, "margin has no order file in the format 'web'"),
        ({"market": "pm-coinm"}, "pm-coinm has no order file in the format 'asyn'"),
        ({"format": "xlsx"}, "usdm has no order file in the format 'xlsx'"),
        ({"startTime": "yesterday"}, "yesterday"),
        ({"format": "web", "utc_offset": "77"}, "offset"),
    ],
)
def test_a_wrong_question_for_a_file_is_refused_in_one_line(params: dict[str, str], said: str) -> None:
    reply = file_of(Desk(), **params)
    assert reply.status == 400
    assert said in reply.body.decode()


def test_three_years_are_quick() -> None:
    began = time.process_time()
    desk = desk_of_years(**BARE)
    for year in range(3):
        end_ms = START - year * 365 * DAY_MS
        downloaded(desk, startTime=end_ms - 365 * DAY_MS, endTime=end_ms)
        desk.real_ms += 60_000
    assert time.process_time() - began < 10
