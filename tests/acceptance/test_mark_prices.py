"""Slippage: a nightly run reads the mark price at each order, if the settings say so, and keeps it for ever."""

import re
from decimal import Decimal

import pytest

from tests.acceptance.lab import DAY, Lab, Labs, order_row
from tests.acceptance.market_tables import LONG, market_lab

PATHS = {"usdm": "/fapi/v1/markPriceKlines", "pm-usdm": "/fapi/v1/markPriceKlines", "coinm": "/dapi/v1/markPriceKlines"}
SET = {"FORCE_ORDERS_MARK_PRICES": "true"}


def asked(lab: Lab) -> int:
    return sum(lab.stats()["requests_by_path"].get(path, 0) for path in {*PATHS.values()})


@pytest.mark.parametrize("market", PATHS)
def test_the_slippage_of_each_filled_order_is_measured_from_the_mark_price_of_its_minute(
    lab: Labs, market: str
) -> None:
    made = market_lab(lab, market, LONG)
    assert made("backfill").returncode == 0
    night = made("sync", **SET)
    assert (night.returncode, night.stderr) == (0, "")
    filled = made.sql("SELECT count(*) FROM force_orders WHERE executed_qty > 0")[0]["count"]
    rows = made.sql("""
        SELECT s.*, o.side, m.raw ->> 1 AS opened, (m.raw ->> 0)::bigint AS opened_at,
               (extract(epoch FROM date_trunc('minute', s.order_time)) * 1000)::bigint AS minute
          FROM report_slippage s JOIN force_orders o USING (account, market, symbol, order_id)
          JOIN mark_prices m ON m.symbol = s.symbol AND m.minute = date_trunc('minute', s.order_time)
    """)
    assert len(rows) == filled > 50
    for row in rows:
        mark, average = Decimal(row["opened"]), row["average_price"]
        worse = (mark - average) if row["side"] == "SELL" else (average - mark)
        assert row["mark_price_at_order"] == mark
        assert row["opened_at"] == row["minute"]
        assert row["slippage_bps"] == round(worse * 10_000 / mark, 2)
    assert asked(made) < filled, "orders of one symbol within 99 minutes share a request"


def test_what_is_known_is_never_asked_for_again(lab: Labs) -> None:
    made = market_lab(lab, "usdm", LONG)
    assert made("backfill").returncode == 0
    assert made("sync", **SET).returncode == 0
    before = asked(made)
    assert made("sync", **SET).returncode == 0
    assert asked(made) == before > 0


def test_nothing_is_asked_for_unless_the_settings_say_so_or_by_a_backfill(lab: Labs) -> None:
    made = market_lab(lab, "usdm", LONG)
    assert made("backfill", **SET).returncode == 0
    assert made("sync").returncode == 0
    assert asked(made) == 0


def test_a_list_that_cannot_be_read_is_said_and_read_by_the_next_night(lab: Labs) -> None:
    made = market_lab(lab, "usdm", LONG)
    assert made("backfill").returncode == 0
    made.tell("faults", [{"kind": "code", "code": -1100, "path": PATHS["usdm"], "at": 1}])
    night = made("sync", **SET)
    assert night.returncode == 0
    assert re.search(r"account main: mark prices of \w+ could not be read; the next run asks again", night.stderr)
    assert made("sync", **SET).returncode == 0
    assert made.sql("SELECT count(*) > 50 AS many FROM report_slippage")[0]["many"]


def test_a_symbol_that_cannot_be_read_keeps_no_other_waiting(lab: Labs) -> None:
    made = market_lab(lab, "usdm", LONG)
    assert made("backfill").returncode == 0
    made.tell("faults", [{"kind": "garbage", "path": PATHS["usdm"], "at": 1}])
    night = made("sync", **SET, FORCE_ORDERS_ATTEMPTS="1")
    assert night.returncode == 0
    (line,) = night.stderr.splitlines()
    rows = made.sql("SELECT DISTINCT symbol FROM report_force_orders WHERE average_price IS NOT NULL")
    assert made.sql("SELECT count(DISTINCT symbol) FROM report_slippage")[0]["count"] == len(rows) - 1 > 1
    assert "mark prices of" in line


def test_a_host_without_mark_prices_makes_no_noise(lab: Labs) -> None:
    made = market_lab(lab, "usdm", LONG)
    assert made("backfill").returncode == 0
    made.tell("faults", [{"kind": "status", "status": 404, "body": "<html>", "path": PATHS["usdm"]}])
    night = made("sync", **SET)
    assert (night.returncode, night.stderr) == (0, "")
    assert asked(made) == 1


def test_a_price_whose_row_the_database_refuses_ends_no_night(lab: Labs) -> None:
    made = lab(histories={"main": []})
    at = made.now() - DAY
    made.tell("orders", [order_row("BTCUSDT", 1, at)])
    row = f'[[{at - at % 60_000},"1",1e200000]]'
    made.tell("faults", [{"kind": "status", "status": 200, "body": row, "path": PATHS["usdm"]}])
    night = made("sync", **SET)
    assert night.returncode == 0
    assert "mark prices of BTCUSDT could not be read; the next run asks again" in night.stderr
    made.tell("faults", [])
    assert (made("sync", **SET).stderr, len(made.sql("SELECT FROM mark_prices"))) == ("", 1)
