"""Order files: what is read of one, and the one line with which a broken one is refused."""

import csv
import io
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from etl.core.archive.reading import ArchiveContent, check_span, read_file
from etl.core.archive.rounded_ids import EXACT
from etl.core.orders import CloseType
from etl.core.timeline import Window
from tests.archives import UID, WEB, cells, own_cells, text, web_cells
from tests.documented import ROW

NOON = 1_700_000_000_000
FORCED = ROW | {"time": NOON + 123, "updateTime": NOON + 1_456}


def read(content: str, zone: tzinfo | None = None, *, is_whole: bool = True) -> ArchiveContent:
    return read_file(content.splitlines(keepends=True), zone, is_whole=is_whole)


def file(*rows: dict[str, str]) -> str:
    return text(rows)


def test_the_forced_order_is_read_and_the_own_one_only_counted() -> None:
    content = read(file(own_cells(NOON - 60_000), cells(FORCED)))
    assert (content.rows, content.uid, content.format.name) == (2, UID, "asyn")
    (order,) = content.orders.values()
    assert order.key == (ROW["symbol"], ROW["orderId"])
    assert (order.order_time, order.update_time) == (NOON, NOON + 1_000)
    assert order.close_type is CloseType.LIQUIDATION
    assert order.fields["positionSide"] == "BOTH"
    assert order.fields["avgPrice"] == ROW["avgPrice"]
    assert "reduceOnly" not in order.fields
    assert json.loads(order.raw) == cells(FORCED)


def test_the_file_bounds_the_time_between_its_rows_without_the_seconds_at_its_edges() -> None:
    content = read(file(own_cells(NOON - 60_000), cells(FORCED)))
    assert content.own_span == Window(NOON - 59_000, NOON)


@pytest.mark.parametrize(
    ("client_order_id", "close_type"),
    [
        ("autoclose-1596107620040000020", CloseType.LIQUIDATION),
        ("adl_autoclose", CloseType.ADL),
        ("settlement_autoclose-1", CloseType.SETTLEMENT),
        ("delivery_autoclose-1", CloseType.SETTLEMENT),
    ],
)
def test_the_client_order_id_tells_why_the_position_was_closed(client_order_id: str, close_type: CloseType) -> None:
    (order,) = read(file(cells(FORCED, **{"Client Order Id": client_order_id}))).orders.values()
    assert order.close_type is close_type


def test_of_several_rows_of_one_order_the_last_update_counts_wherever_it_stands() -> None:
    late = cells(FORCED, Status="FILLED", **{"Update Time": "2023-11-14 22:20:00"})
    early = cells(FORCED, Status="NEW", **{"Update Time": "2023-11-14 22:15:00"})
    for rows in ([early, late], [late, early]):
        (order,) = read(file(*rows)).orders.values()
        assert order.fields["status"] == "FILLED"


def test_of_one_second_the_row_that_is_filled_further_counts() -> None:
    part, whole = (cells(FORCED, **{"Executed Amount": amount}) for amount in ("0.5", "1"))
    for rows in ([part, whole], [whole, part]):
        (order,) = read(file(*rows)).orders.values()
        assert order.fields["executedQty"] == "1"


def test_an_order_that_the_api_calls_forced_is_one_whatever_its_client_order_id_says() -> None:
    lines = file(cells(FORCED, **{"Client Order Id": "new_prefix-1"})).splitlines(keepends=True)
    assert read_file(lines).orders == {}
    (order,) = read_file(lines, None, {(ROW["symbol"], ROW["orderId"])}).orders.values()
    assert order.close_type is CloseType.UNKNOWN


def test_what_the_file_leaves_empty_is_no_value() -> None:
    (order,) = read(file(cells(FORCED, Price="", **{"Stop Price": "--"}))).orders.values()
    assert {"price", "stopPrice"}.isdisjoint(order.fields)


def test_quotes_and_other_line_ends_are_read() -> None:
    row = cells(FORCED)
    content = "\n".join([",".join(row), ",".join(f'"{cell}"' for cell in row.values()), ""])
    assert len(read(content).orders) == 1


def test_the_web_file_is_read_in_the_time_zone_of_the_page() -> None:
    row = web_cells(
        cells(FORCED), Type="Liquidation", Time="2023-11-15 06:13:20", **{"Update Time": "23-11-15 06:13:21"}
    )
    (order,) = read(text([row], WEB), timezone(timedelta(hours=8))).orders.values()
    assert (order.order_time, order.update_time) == (NOON, NOON + 1_000)
    assert order.close_type is CloseType.LIQUIDATION
    assert {"clientOrderId", "positionSide", "type"}.isdisjoint(order.fields)


def refusal(content: str, zone: tzinfo | None = None, *, is_whole: bool = True) -> str:
    with pytest.raises(ValueError, match=r"\w") as refused:
        read(content, zone, is_whole=is_whole)
    assert "\n" not in str(refused.value)
    return str(refused.value)


GREAT = [8_389_766_251_307_928_123 + 7 * i for i in range(40)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty"),
        ("\ufeff", "not the header of an order file"),
        ("a,b\n1,2\n", "not the header of an order file"),
        ("Binance\x00\n", "holds a NUL"),
        ("x" * 70_000, "longer than"),
        (text([cells(FORCED)]).replace("Order No", "OrderNo"), "lacks 'Order No'; it has besides 'OrderNo'"),
        (text([cells(FORCED)]).replace("Uid,Time(UTC)", "Time(UTC),Uid"), "another order"),
        ("\ufeffUid,Time(UTC),Symbol,Side,Position Side,Price,Quantity,Amount,Fee,Realized Profit,Buyer,Maker,Trade Id,"
         "Order Id\r\n", "a file of trades"),
        ("Date(UTC),type,Amount,Asset,Symbol,Transaction ID\n", "a file of income"),
        ("No data matches the criteria.\r\n", "No data matches the criteria"),
        (f"{text([])}No data matches the criteria.\r\n", "No data matches the criteria"),
        (text([]), "a header and no orders"),
        (text([cells(FORCED, **{"Order No": "8.38977E+18"})]), "a spreadsheet has changed the file"),
        (text([cells(FORCED, **{"Order No": "12345.0"})]), "a spreadsheet has changed the file"),
        (text([cells(FORCED, **{"Order No": "0"})]), "no order id"),
        (text([cells(FORCED, **{"Order No": "9223372036854775808"})]), "no order id"),
        (text([cells(FORCED, **{"Order No": "8389766251307920000"})]), "a spreadsheet has rounded them"),
        (text([own_cells(NOON + one * 1_000, 8_389_766_251_307_920_000) for one in range(40)]), "has rounded them"),
        (text([*(own_cells(NOON, one) for one in GREAT[:5]), own_cells(NOON, GREAT[6] // 10**4 * 10**4)]), "rounded"),
        (text([cells(FORCED), own_cells(NOON, Uid="2")]), "line 3: it has another Uid"),
        (text([own_cells(NOON, Uid="")]), "no Uid"),
        (text([own_cells(NOON, Uid="1.67857E+08")]), "Uid '1.67857E+08' is no whole number"),
        (text([cells(FORCED, **{"Time(UTC)": "14.11.2023 22:13"})]), "is no time like"),
        (text([cells(FORCED, **{"Update Time": ""})]), "is no time like"),
        (text([cells(FORCED, Price="1,5")]), "20 columns instead of 19"),
        (text([cells(FORCED, Price="1.5 USDT")]), "price '1.5 USDT' is no number"),
        (text([cells(FORCED, Amount="-1")]), "origQty '-1' is no number of 0 or more"),
        (text([cells(FORCED, Symbol="")]), "no symbol"),
        (text([own_cells(NOON, 5, **{"Client Order Id": ""})]), "no row has a Client Order Id"),
        (text([web_cells(own_cells(NOON))], WEB), "nothing says of which time zone"),
        (text([cells(FORCED, Status='"FILLED')]), "the file is no CSV"),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_with_one_line(content: str, said: str) -> None:
    assert said in refusal(content)


@pytest.mark.parametrize("time", ["2026-03-29 02:30:00", "2026-10-25 02:30:00"])
def test_a_local_time_that_the_clocks_showed_twice_or_never_is_refused(time: str) -> None:
    row = web_cells(own_cells(NOON), **{"Time": time, "Type": "Liquidation", "Update Time": time})
    for name in ("Time", "Update Time"):
        one = row | {"Time": "2026-03-01 12:00:00", "Update Time": "2026-11-01 12:00:00"} | {name: time}
        assert f"line 2: {name} {time} is a time that the clocks of Europe/Berlin" in refusal(
            text([one], WEB), ZoneInfo("Europe/Berlin")
        )
    assert read(text([row], WEB), timezone(timedelta(hours=1))).rows == 1


def test_a_web_file_without_a_liquidation_is_refused_because_it_tells_nothing() -> None:
    assert "cannot be told" in refusal(text([web_cells(own_cells(NOON))], WEB), timezone(timedelta()))


def test_a_file_that_is_cut_anywhere_is_refused_unless_it_is_cut_between_lines() -> None:
    first, whole = (text([own_cells(NOON, 10 + i) for i in range(1, rows + 1)]) for rows in (1, 2))
    for cut in range(len(first) + 1, len(whole) - 1):
        refusal(whole[:cut], is_whole=False)
    assert read(first, is_whole=False).rows == 1


def test_a_container_that_vouches_for_the_length_needs_no_end_of_the_last_line() -> None:
    assert read(file(cells(FORCED)).rstrip()).rows == 1


def test_few_honest_ids_may_end_in_zeros() -> None:
    ids = [*GREAT, GREAT[0] // 100 * 100]
    assert read(file(*(own_cells(NOON, one) for one in ids))).rows == 41


def test_an_honest_id_that_ends_in_zeros_may_have_several_rows() -> None:
    row = own_cells(NOON, GREAT[0] // 100 * 100)
    assert read(file(*(row | {"Status": status} for status in ("NEW", "PARTIALLY_FILLED", "FILLED")))).rows == 3


def test_rows_outside_of_the_asked_span_are_refused() -> None:
    content = read(file(cells(FORCED)))
    check_span(content, Window(NOON, NOON + 1))
    with pytest.raises(ValueError, match="lies outside"):
        check_span(content, Window(NOON + 2_000, NOON + 9_000))


_WORDS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20)


@given(st.lists(st.lists(_WORDS, max_size=22), max_size=6), st.booleans())
def test_whatever_the_file_holds_it_is_read_or_refused(rows: Sequence[Sequence[str]], with_header: bool) -> None:
    out = io.StringIO()
    writer: Any = csv.writer(out)
    if with_header:
        writer.writerow(text([]).strip("\ufeff\r\n").split(","))
    writer.writerows(rows)
    with suppress(ValueError):
        assert read(out.getvalue(), timezone(timedelta())).rows > 0


@given(st.datetimes(datetime(2019, 9, 8), datetime(2035, 1, 1)), st.integers(1, (1 << 63) - 1))  # noqa: DTZ001
def test_an_order_keeps_its_id_and_its_second(moment: datetime, order_id: int) -> None:
    assume(order_id % 10 or order_id <= EXACT)  # alone in its file it would look rounded
    time = int(moment.replace(tzinfo=UTC).timestamp() * 1000)
    row = cells(FORCED | {"orderId": order_id, "time": time, "updateTime": time + 900})
    (order,) = read(file(row)).orders.values()
    assert (order.order_id, order.order_time) == (order_id, time // 1000 * 1000)
