"""Whatever an order file is packed into and however it is written, it says of each order what the history says."""

import csv
import gzip
import io
import zipfile
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from etl.simulator.export_files import order_file
from etl.simulator.export_rows import ASYN, header_of, rows_of, web_layout
from etl.simulator.history import Form, Profile, generate
from etl.simulator.markets import COINM, USDM
from etl.simulator.scenario import DAY_MS, Scenario

START = 1_700_000_000_000
SCENARIOS = st.builds(
    Scenario,
    export_container=st.sampled_from(("zip", "gzip", "bare")),
    export_bom=st.booleans(),
    export_line_end=st.sampled_from(("CRLF", "LF")),
    export_states=st.sampled_from(("last", "all")),
    export_header=st.sampled_from(("known", "extra", "renamed")),
    export_forced_type=st.sampled_from(("LIMIT", "LIQUIDATION")),
    export_empty=st.just("header"),
    row_shape=st.sampled_from(("2025", "2026-08")),
    order_id_offset=st.sampled_from((0, 8_389_766_251_307_928_000)),
)


def unpacked(content: bytes, scenario: Scenario) -> str:
    if scenario.export_container == "zip":
        archive = zipfile.ZipFile(io.BytesIO(content))
        content = archive.read(archive.namelist()[0])
    elif scenario.export_container == "gzip":
        content = gzip.decompress(content)
    text = content.decode()
    assert text.startswith("\ufeff") is scenario.export_bom
    assert ("\r" in text) is (scenario.export_line_end == "CRLF")
    return text.removeprefix("\ufeff")


def last_rows(text: str, number: str) -> dict[tuple[str, str], dict[str, str]]:
    return {(one["Symbol"], one[number]): one for one in csv.DictReader(io.StringIO(text, newline=""))}


@given(
    scenario=SCENARIOS,
    market=st.sampled_from((USDM, COINM)),
    seed=st.text(max_size=3),
    orders_a_day=st.floats(0, 30),
    is_web=st.booleans(),
    hours=st.integers(-12, 14),
)
def test_each_order_is_in_the_file_to_the_digit(
    scenario: Scenario, market: Any, seed: str, orders_a_day: float, is_web: bool, hours: int
) -> None:
    form = Form(market, scenario.row_shape, scenario.order_id_offset)
    orders = generate(seed, START, START + 3 * DAY_MS, Profile("bursty", orders_a_day), START, form)
    layout = web_layout(hours) if is_web else ASYN
    rows = rows_of(orders, layout, "main", scenario)
    content = order_file("orders", header_of(layout, scenario), rows, scenario).content
    number = "Order ID" if scenario.export_header == "renamed" else "Order No"
    found = last_rows(unpacked(content, scenario), number)
    assert {*found} == {(one.symbol, str(one.order_id)) for one in orders}
    for order in orders:
        row, document = found[order.symbol, str(order.order_id)], order.document()
        assert (row["Price"], row["Average Price"]) == (document["price"], document["avgPrice"])
        assert (row["Amount"], row["Executed Amount"]) == (document["origQty"], document["executedQty"])
        assert row["Status"] == document["status"]
        assert row.get("Client Order Id", document["clientOrderId"]) == document["clientOrderId"]
        assert row["Executed Quote Amount"] == document.get("cumQuote", row["Executed Quote Amount"])


@given(orders_a_day=st.floats(0, 30), seed=st.text(max_size=3))
def test_the_same_orders_are_the_same_bytes(orders_a_day: float, seed: str) -> None:
    scenario = replace(Scenario(), export_container="zip")
    made = []
    for _ in range(2):
        orders = generate(seed, START, START + DAY_MS, Profile("bursty", orders_a_day), START)
        rows = rows_of(orders, ASYN, "main", scenario)
        made.append(order_file("orders", header_of(ASYN, scenario), rows, scenario).content)
    assert made[0] == made[1]
