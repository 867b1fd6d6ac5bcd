"""Histories drawn by lot or replayed: the same in absolute time, and rows as the exchange writes them."""

import json
import re
from collections import Counter, defaultdict
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from etl.simulator.history import Form, Profile, Shape, generate
from etl.simulator.orders import Order, close_type_of, order_from_row
from etl.simulator.replay import latest_ms, recorded_rows, replayed
from etl.simulator.scenario import DAY_MS, WEEK_MS, RowShape

START = 20_700 * DAY_MS
QUARTER = 91 * DAY_MS
HEADER = (
    "symbol,side,order_type,time_in_force,original_quantity,price,average_price,order_status,"
    "last_filled_quantity,accumulated_filled_quantity,trade_time_ms"
)


def rows_of(orders: list[Order]) -> list[dict[str, Any]]:
    return [json.loads(order.rendered) for order in orders]


def demo(start_ms: int = START, end_ms: int = START + QUARTER, seed: str = "1") -> list[Order]:
    return generate(seed, start_ms, end_ms, Profile())


@pytest.mark.parametrize("shape", ["demo", "quiet", "bursty"])
def test_a_later_span_shows_the_same_past_and_more(shape: Shape) -> None:
    today = generate("1", START, START + 60 * DAY_MS, Profile(shape))
    tomorrow = generate("1", START + DAY_MS, START + 61 * DAY_MS, Profile(shape))
    assert [one for one in today if one.time >= START + DAY_MS] == [
        one for one in tomorrow if one.time < START + 60 * DAY_MS
    ]


def test_a_span_may_begin_and_end_within_a_day() -> None:
    whole = demo()
    middle = whole[len(whole) // 2].time
    assert demo(START, middle) + demo(middle) == whole


def test_another_seed_is_another_history() -> None:
    assert demo(seed="1") != demo(seed="2")


@pytest.mark.parametrize("start", range(20_779, 21_179, 50))
def test_the_demo_has_few_full_weeks_and_some_empty_ones(start: int) -> None:
    orders = demo(start * DAY_MS, start * DAY_MS + 90 * DAY_MS)
    weeks = Counter((order.time - start * DAY_MS) // WEEK_MS for order in orders)
    assert sum(count > 100 for count in weeks.values()) <= 5
    assert max(weeks.values()) >= 60
    assert max(Counter(order.time for order in orders).values()) in range(10, 41)
    assert any(later.time - earlier.time > WEEK_MS for earlier, later in pairwise(orders))


def test_a_quiet_week_has_at_most_ten_orders() -> None:
    weeks = Counter(order.time // WEEK_MS for order in generate("1", START, START + QUARTER, Profile("quiet")))
    assert weeks
    assert max(weeks.values()) <= 10


def test_a_bursty_history_has_about_the_orders_that_were_asked_for_and_most_in_bursts() -> None:
    orders = generate("1", START, START + 90 * DAY_MS, Profile("bursty", orders_a_day=5000 / 90))
    assert 4500 < len(orders) < 5500
    minutes = Counter(order.time // 60_000 for order in orders)
    assert sum(count for count in minutes.values() if count > 20) > len(orders) // 3


def test_an_empty_history_is_empty() -> None:
    assert generate("1", START, START + QUARTER, Profile("empty")) == []


def test_ids_count_up_per_symbol_and_collide_across_symbols() -> None:
    ids = defaultdict(list)
    for order in demo():
        ids[order.symbol].append(order.order_id)
    assert all(some == sorted(set(some)) for some in ids.values())
    assert set(ids["BTCUSDT"]) & set(ids["ETHUSDT"])


def test_there_are_symbols_of_other_scripts() -> None:
    assert any(not order.symbol.isascii() for order in demo())


def test_rows_look_like_the_exchanges() -> None:
    rows = rows_of(demo(end_ms=START + 4 * QUARTER))
    for row in rows:
        assert Decimal(row["cumQuote"]) == Decimal(row["avgPrice"]) * Decimal(row["executedQty"])
        assert "E" not in row["cumQuote"] + row["avgPrice"] + row["origQty"] + row["executedQty"]
        assert Decimal(row["executedQty"]) <= Decimal(row["origQty"])
        assert 0 <= row["updateTime"] - row["time"] <= 50
        assert row["reduceOnly"] is False
    assert {row["status"] for row in rows} == {"FILLED", "EXPIRED"}
    assert {row["positionSide"] for row in rows} == {"BOTH", "LONG", "SHORT"}
    assert any(0 < Decimal(row["executedQty"]) < Decimal(row["origQty"]) for row in rows)
    assert any("goodTillDate" in row for row in rows)
    assert any("workingType" not in row for row in rows)


def test_liquidations_look_like_those_of_the_exchange() -> None:
    orders = demo(end_ms=START + 4 * QUARTER)
    rooms = []
    for order, row in zip(orders, rows_of(orders), strict=True):
        price, average = Decimal(row["price"]), Decimal(row["avgPrice"])
        executed, ordered = Decimal(row["executedQty"]), Decimal(row["origQty"])
        assert (row["type"], row["status"]) == ("LIMIT", "FILLED" if executed == ordered else "EXPIRED")
        if close_type_of(row["clientOrderId"]) == "LIQUIDATION":
            assert row["timeInForce"] == "IOC"
            number = re.fullmatch(r"autoclose-(\d{13})\d{6}", row["clientOrderId"])
            assert number
            assert 0 <= order.time - int(number[1]) <= 5
            if average:
                assert average >= price if row["side"] == "SELL" else average <= price, "its price is the bankruptcy's"
                rooms.append(abs(average / price - 1))
        elif close_type_of(row["clientOrderId"]) == "ADL":
            assert (row["clientOrderId"], price) == ("adl_autoclose", average), "it fills at the bankruptcy price"
    assert min(rooms) < Decimal("0.002") < Decimal("0.012") < max(rooms) < Decimal("0.05")
    assert len({round(room, 4) for room in rooms}) > 100
    at_once = Counter((order.time, order.symbol) for order in orders)
    assert max(at_once.values()) > 1, "one liquidation makes several orders"


def test_a_row_of_2025_is_a_row_of_today_without_the_keys_that_came_since() -> None:
    shapes: tuple[RowShape, ...] = ("2026-08", "2025")
    today, before = (
        rows_of(generate("1", START, START + QUARTER, Profile(), form=Form(row_shape=shape))) for shape in shapes
    )
    assert any("pair" not in row for row in before)
    for new, old in zip(today, before, strict=True):
        added = {"pair": new["symbol"], "cumBase": new["executedQty"]}
        assert new == old | added
        assert [*new][1:3] == ["symbol", "pair"]
        assert [*new][[*new].index("cumQuote") + 1] == "cumBase"
        assert "cumBase" not in old


def test_every_close_type_occurs_and_adl_orders_share_one_client_order_id() -> None:
    rows = rows_of(demo(end_ms=START + 4 * QUARTER))
    kinds = Counter(close_type_of(row["clientOrderId"]) for row in rows)
    assert 0.05 < kinds["ADL"] / len(rows) < 0.15
    assert 0 < kinds["SETTLEMENT"] < 0.02 * len(rows)
    assert {row["clientOrderId"] for row in rows if close_type_of(row["clientOrderId"]) == "ADL"} == {"adl_autoclose"}


def test_a_recording_keeps_its_numbers_and_counts_ids_per_symbol() -> None:
    values = "NOTUSDT,SELL,LIMIT,IOC,{},0.0107751,0.0109313,FILLED,43942,43942,1718901133106"
    records = [dict(zip(HEADER.split(","), values.format(n).split(","), strict=True)) for n in ("43942", "5")]
    first, second = recorded_rows(records)
    assert first["avgPrice"] == "0.0109313"
    assert first["cumQuote"] == "480.3431846"
    assert (first["time"], first["updateTime"]) == (1718901133106, 1718901133106)
    assert second["orderId"] == first["orderId"] + 1
    assert first["clientOrderId"] != second["clientOrderId"]
    assert order_from_row(first).close_type == "LIQUIDATION"


def test_a_file_of_rows_can_name_its_accounts(tmp_path: Path) -> None:
    row = {"symbol": "BTCUSDT", "orderId": 1, "updateTime": 5}
    path = tmp_path / "history.json"
    path.write_text(json.dumps({"main": [row], "other": []}))
    histories = replayed(path)
    assert histories["main"][0].time == 5
    assert histories["other"] == []
    assert latest_ms(histories) == 5


def test_an_array_of_rows_is_the_history_of_main(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_text("[]")
    assert replayed(path) == {"main": []}
    assert latest_ms({"main": []}) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("history.json", "[{]"),
        ("history.json", '[{"symbol":"BTCUSDT","orderId":1}]'),
        ("history.json", '"rows"'),
        ("history.csv", "symbol\nBTCUSDT\n"),
        ("history.csv", f"{HEADER}\nBTCUSDT,SELL,LIMIT,IOC,1,1,one,FILLED,1,1,1718901133106\n"),
    ],
)
def test_a_file_that_is_no_history_is_refused_by_its_name(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match=name):
        replayed(path)
