"""What force orders cost: their fills are read to the digit, and are complete where they add up to the order."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import psycopg
import pytest
import requests

from etl.simulator.accounts import MAIN
from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, HOUR, Lab, Labs, order_row
from tests.acceptance.several_accounts import many_accounts
from tests.combining import each_value_once
from tests.waiting import wait_until

PATHS = {
    "usdm": "/fapi/v1/userTrades",
    "coinm": "/dapi/v1/userTrades",
    "pm-usdm": "/papi/v1/um/userTrades",
    "pm-coinm": "/papi/v1/cm/userTrades",
}
COSTS = {"FORCE_ORDERS_COST_WEIGHT": "100000", "FORCE_ORDERS_ATTEMPTS": "1"}
UNIFIED = replace(MAIN, wallets=("usdm", "coinm", "margin"), portfolio_margin_from_ms=0)
QUIET = Generated(Profile("quiet"))
AMOUNTS = {
    "price": "price",
    "qty": "qty",
    "quoteQty": "quote_qty",
    "baseQty": "base_qty",
    "realizedPnl": "realized_pnl",
    "commission": "commission",
}
OTHERS = {"commissionAsset": "commission_asset", "marginAsset": "margin_asset", "buyer": "buyer", "maker": "maker"}

Fills = dict[tuple[str, int, int], dict[str, Any]]


def reading(made: Lab, **environment: str) -> Lab:
    made.command.environment.update(COSTS | {"FORCE_ORDERS_MARKETS": "usdm"} | environment)
    return made


def filled_row(order_id: int, time: int, symbol: str = "BTCUSDT", **changes: Any) -> dict[str, Any]:
    numbers = {"avgPrice": "100.5", "price": "100.5", "origQty": "2", "executedQty": "2", "cumQuote": "201.0"}
    row: dict[str, Any] = order_row(symbol, order_id, time)
    return row | numbers | {"status": "FILLED", "updateTime": time + 40} | changes


def with_orders(lab: Labs, *orders: dict[str, Any], scenario: Scenario | None = None) -> Lab:
    made = lab(scenario or Scenario(own_orders_a_day=0), histories={"main": []})
    made.tell("orders", [*orders])
    return reading(made)


def books(lab: Lab, market: str = "usdm") -> list[dict[str, Any]]:
    """Every fill of the account in a market, as the simulator's own JSON, decimals as written."""
    answer = requests.get(f"{lab.simulator.url}/sim/books?market={market}", timeout=30)
    rows: list[dict[str, Any]] = json.loads(answer.content)["fills"]
    return rows


def expected(lab: Lab, market: str = "usdm") -> Fills:
    """What the table should hold: the fills of the force orders that are stored."""
    forced = {
        (row["symbol"], row["order_id"]) for row in lab.sql(f"SELECT * FROM force_orders WHERE market = '{market}'")
    }
    return {
        (row["symbol"], row["orderId"], row["id"]): {
            "ms": row["time"],
            "raw": row,
            **{column: row.get(name) for name, column in (AMOUNTS | OTHERS).items()},
        }
        for row in books(lab, market)
        if (row["symbol"], row["orderId"]) in forced
    }


def stored(lab: Lab, market: str = "usdm") -> Fills:
    amounts = ", ".join(f"{column}::text" for column in AMOUNTS.values())
    rows = lab.sql(f"""
        SELECT symbol, order_id, trade_id, (extract(epoch FROM time) * 1000)::bigint AS ms, {amounts},
               {", ".join(OTHERS.values())}, raw
          FROM force_order_fills WHERE market = '{market}'
    """)
    return {(row.pop("symbol"), row.pop("order_id"), row.pop("trade_id")): row for row in rows}


def checks(lab: Lab) -> list[dict[str, Any]]:
    return lab.sql("SELECT order_id, state, reason, tries FROM fill_checks ORDER BY symbol, order_id")


def states(lab: Lab) -> Mapping[str, int]:
    rows = lab.sql("SELECT state, count(*) AS orders FROM fill_checks GROUP BY state")
    return {row["state"]: row["orders"] for row in rows}


def filled_orders(lab: Lab) -> int:
    return int(lab.sql("SELECT count(*) AS n FROM force_orders WHERE executed_qty > 0")[0]["n"])


def requested(lab: Lab, market: str = "usdm") -> int:
    return int(lab.stats()["requests_by_path"].get(PATHS[market], 0))


def fault(lab: Lab, kind: str, market: str = "usdm", **how: object) -> None:
    lab.tell("faults", [{"kind": kind, "path": PATHS[market], **how}])


@each_value_once(market=list(PATHS), shape=["2026-08", "2025"])
def test_the_fills_of_every_order_are_stored_to_the_digit(lab: Labs, market: str, shape: Any) -> None:
    account = UNIFIED if market.startswith("pm-") else MAIN
    histories = {"main": {market.removeprefix("pm-"): QUIET}}
    made = lab(Scenario(row_shape=shape), accounts=(account,), histories=histories)
    made = reading(made, FORCE_ORDERS_MARKETS=market)
    done = made("sync")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(stored(made, market)) > filled_orders(made) > 0
    assert stored(made, market) == expected(made, market)
    assert states(made) == {"complete": filled_orders(made)}
    sums = made.sql("""
        SELECT count(*) AS differing FROM force_orders AS o
         CROSS JOIN LATERAL (SELECT sum(qty) AS qty FROM force_order_fills AS f
                              WHERE (f.account, f.market, f.symbol, f.order_id)
                                    = (o.account, o.market, o.symbol, o.order_id)) AS of_fills
         WHERE executed_qty > 0 AND qty IS DISTINCT FROM executed_qty
    """)
    assert sums == [{"differing": 0}]
    assert made.last_run()["weight"] == made.stats()["weight"]


def test_a_cascade_is_one_request_and_a_quiet_night_none(lab: Labs) -> None:
    made = with_orders(lab)
    at = made.now() - 2 * DAY
    made.tell("orders", [filled_row(number, at + number * 1_000) for number in range(1, 61)])
    assert made("sync").returncode == 0
    assert states(made) == {"complete": 60}
    assert requested(made) == 1
    assert made("sync").returncode == 0
    assert requested(made) == 1, "what is complete is not asked for again"


def test_the_owners_own_trades_hide_no_fill_and_are_not_stored(lab: Labs) -> None:
    made = lab(Scenario(own_orders_a_day=150), histories={"main": []})
    made.tell("orders", [filled_row(number, made.now() - 2 * DAY + number * HOUR) for number in range(1, 25)])
    assert reading(made)("sync").returncode == 0
    assert stored(made) == expected(made)
    assert states(made) == {"complete": 24}
    assert len(books(made)) > 3 * len(stored(made))
    assert requested(made) <= 2 * 24


@pytest.mark.parametrize("market", ["pm-usdm", "pm-coinm"])
def test_where_no_order_can_be_named_a_full_page_is_asked_for_in_pieces(lab: Labs, market: str) -> None:
    made = lab(Scenario(own_orders_a_day=0), accounts=(UNIFIED,), histories={"main": []})
    symbol = "BTCUSDT" if market == "pm-usdm" else "BTCUSD_PERP"
    at = made.now() - 2 * DAY
    filled = {"origQty": "8", "executedQty": "8", "cumQuote": "804.0"}
    orders = [filled_row(number, at + number * 1_000, symbol, **filled) for number in range(1, 501)]
    made.tell(f"orders?market={market}", orders)
    done = reading(made, FORCE_ORDERS_MARKETS=market)("sync")
    assert (done.returncode, done.stderr) == (0, "")
    assert states(made) == {"complete": 500}
    assert len(stored(made, market)) > 1_000, "more than a page shows"
    assert stored(made, market) == expected(made, market)


def test_fills_that_are_late_are_read_in_a_later_night(lab: Labs) -> None:
    made = with_orders(lab, scenario=Scenario(own_orders_a_day=0, late_trades_ms=6 * HOUR))
    made.tell("orders", [filled_row(number, made.now() - HOUR) for number in range(1, 7)])
    done = made("sync")
    assert done.returncode == 0, "the orders are complete all the same"
    (line,) = done.stderr.splitlines()
    why = "what came does not add up to them"
    assert line.endswith(f"account main: the fills of 2 orders are still to be read ({why}); the next run goes on")
    assert made.last_run()["status"] == "succeeded"
    late = [(row["order_id"], row["reason"], row["tries"]) for row in checks(made) if row["state"] == "incomplete"]
    assert late == [(3, "too few", 1), (6, "too few", 1)]
    made("sync")
    assert {row["tries"] for row in checks(made) if row["state"] == "incomplete"} == {2}
    made.tell("clock", {"advance_ms": DAY})
    done = made("sync")
    assert (done.returncode, done.stderr) == (0, "")
    assert states(made) == {"complete": 6}
    assert stored(made) == expected(made)


def test_fees_in_bnb_are_kept_as_such(lab: Labs) -> None:
    made = with_orders(lab, scenario=Scenario(own_orders_a_day=0, fee_in_bnb=True))
    made.tell("orders", [filled_row(1, made.now() - HOUR)])
    assert made("sync").returncode == 0
    assert stored(made) == expected(made)
    assert {row["commission_asset"] for row in stored(made).values()} == {"BNB"}


def test_an_order_that_was_filled_further_since_is_asked_for_again(lab: Labs) -> None:
    made = with_orders(lab)
    at = made.now() - HOUR
    part = {"executedQty": "1", "cumQuote": "100.5", "status": "PARTIALLY_FILLED"}
    made.tell("orders", [filled_row(1, at, **part)])
    assert made("sync").returncode == 0
    assert states(made) == {"complete": 1}
    made.tell("orders", [filled_row(1, at, updateTime=at + 90_000)])
    made("sync")
    (row,) = made.sql("SELECT executed_qty FROM fill_checks")
    assert row["executed_qty"] == Decimal(2)


def test_orders_that_are_not_settled_or_no_longer_kept_or_not_filled_are_not_asked_for(lab: Labs) -> None:
    made = with_orders(lab, scenario=Scenario(own_orders_a_day=0, retention_days=0))
    now = made.now()
    young, old = filled_row(1, now - 60_000), filled_row(2, now - 91 * DAY)
    unfilled = filled_row(3, now - HOUR, executedQty="0", cumQuote="0", avgPrice="0", status="EXPIRED")
    made.tell("orders", [young, old, unfilled])
    assert made("backfill", "--since", "95d", FORCE_ORDERS_RETENTION_DAYS="0").returncode == 0
    assert len(made.table()) == 3
    done = made("sync", FORCE_ORDERS_RETENTION_DAYS="0")
    assert (done.returncode, done.stderr, requested(made)) == (0, "", 0)


def test_a_night_spends_no_more_than_the_weight_and_goes_on_the_next_night(lab: Labs) -> None:
    made = with_orders(lab)
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT")
    orders = [filled_row(number, made.now() - (60 - number) * DAY, symbols[number % 5]) for number in range(1, 41)]
    made.tell("orders", orders)
    done = made("sync", FORCE_ORDERS_COST_WEIGHT="52")
    assert done.returncode == 0
    assert requested(made) == 10
    assert "orders are still to be read (the weight for it is spent); the next run goes on" in done.stderr
    (first,) = made.sql("SELECT min(order_id) AS oldest FROM fill_checks")
    assert first["oldest"] == 1, "what falls out of the exchange's retention first"
    for _ in range(4):
        made("sync", FORCE_ORDERS_COST_WEIGHT="52")
    assert states(made) == {"complete": filled_orders(made)}
    assert stored(made) == expected(made)


def test_without_weight_nothing_is_read_and_a_backfill_reads_costs_only_when_asked(lab: Labs) -> None:
    made = with_orders(lab)
    made.tell("orders", [filled_row(1, made.now() - HOUR)])
    assert made("sync", FORCE_ORDERS_COST_WEIGHT="0").returncode == 0
    assert made("backfill").returncode == 0
    assert requested(made) == 0
    assert made("backfill", "--costs", FORCE_ORDERS_COST_WEIGHT="0").returncode == 0
    assert requested(made) == 1
    assert stored(made) == expected(made)


def test_costs_are_no_matter_of_distributed_jobs(lab: Labs) -> None:
    done = with_orders(lab)("backfill", "--costs", "--distributed")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "--costs does not go with --distributed" in line


def test_a_host_that_does_not_serve_fills_makes_no_noise(lab: Labs) -> None:
    made = with_orders(lab)
    made.tell("orders", [filled_row(number, made.now() - number * 20 * DAY) for number in range(1, 5)])
    fault(made, "status", status=404, body="<html>")
    done = made("sync", FORCE_ORDERS_CONCURRENCY="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert requested(made) == 1
    assert checks(made) == []


@pytest.mark.parametrize(
    ("kind", "code"), [("code", -1002), ("key", -2015)], ids=["not authorized", "no permission, as in a hidden ban"]
)
def test_a_key_that_may_not_read_fills_is_said_in_one_line(lab: Labs, kind: str, code: int) -> None:
    made = with_orders(lab)
    made.tell("orders", [filled_row(number, made.now() - number * 20 * DAY) for number in range(1, 5)])
    fault(made, kind, code=code, msg="You are not authorized to execute this request.")
    done = made("sync", FORCE_ORDERS_CONCURRENCY="1", FORCE_ORDERS_PATIENCE_SECONDS="0")
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert "account main: the fills of 4 orders are still to be read" in line
    assert str(code) in line
    assert made.sql("SELECT FROM cooldowns") == [], "the address is not held up"
    assert requested(made) == 1
    made.tell("faults", [])
    assert made("sync").returncode == 0
    assert states(made) == {"complete": 4}


@pytest.mark.parametrize("code", ["-4141", "-1121"])
def test_a_closed_contract_is_left_out_and_said_once(lab: Labs, code: Any) -> None:
    scenario = Scenario(own_orders_a_day=0, closed_symbols="ETHUSDT", closed_symbol_code=code)
    made = with_orders(lab, scenario=scenario)
    now = made.now()
    closed = [filled_row(number, now - number * 10 * DAY, "ETHUSDT") for number in range(1, 5)]
    made.tell("orders", [*closed, filled_row(5, now - HOUR)])
    done = made("sync", FORCE_ORDERS_CONCURRENCY="1")
    assert done.returncode == 0
    assert "the fills of 4 orders are still to be read" in done.stderr
    assert requested(made) == 2, "one for each symbol"
    refused = [row["reason"] for row in checks(made)]
    assert sorted(refused, key=str) == [None, *["symbol refused"] * 4]
    done = made("sync", FORCE_ORDERS_CONCURRENCY="1")
    assert (done.returncode, done.stderr) == (0, ""), "not every night"
    assert requested(made) == 3, "but it is asked for"


def test_a_failure_leaves_the_rest_to_the_next_run(lab: Labs) -> None:
    made = with_orders(lab)
    made.tell("orders", [filled_row(number, made.now() - number * 20 * DAY) for number in range(1, 5)])
    fault(made, "garbage", at=2)
    done = made("sync")
    assert done.returncode == 0
    assert done.stderr.count("the fills of 1 order are still to be read") == 1
    assert states(made) == {"complete": 3}
    assert made("sync").returncode == 0
    assert states(made) == {"complete": 4}
    assert stored(made) == expected(made)


def test_a_ban_ends_the_run_and_takes_no_proof_of_orders(lab: Labs) -> None:
    made = with_orders(lab)
    made.tell("orders", [filled_row(number, made.now() - number * 20 * DAY) for number in range(1, 5)])
    fault(made, "ban", at=2, seconds=3_600)
    done = made("sync", FORCE_ORDERS_PATIENCE_SECONDS="0", FORCE_ORDERS_CONCURRENCY="1")
    assert done.returncode == 4
    assert made.gaps() == []
    assert states(made) == {"complete": 1}
    assert made.stats()["requests_during_ban"] == 0


def test_a_run_that_was_killed_keeps_what_it_read(lab: Labs) -> None:
    made = with_orders(lab)
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
    orders = [filled_row(number, made.now() - (85 - number * 2) * DAY, symbols[number % 4]) for number in range(1, 41)]
    made.tell("orders", orders)
    assert made("backfill").returncode == 0
    made.tell("scenario", {"latency_ms": 100})
    process = made.command.start("sync", FORCE_ORDERS_CONCURRENCY="2")
    wait_until(lambda: len(checks(made)) >= 3)
    process.kill()
    process.communicate()
    made.tell("scenario", {"latency_ms": 0})
    before = len(checks(made))
    assert 3 <= before < filled_orders(made)
    done = made("sync")
    assert (done.returncode, done.stderr) == (0, "")
    assert states(made) == {"complete": filled_orders(made)}
    assert stored(made) == expected(made)


def test_rows_that_cannot_be_read_are_kept_as_received(lab: Labs) -> None:
    made = with_orders(lab)
    made.tell("orders", [filled_row(1, made.now() - HOUR)])
    good = books(made)
    unreadable = good[0] | {"id": 7, "qty": "much"}
    foreign = good[0] | {"id": 8, "orderId": 4_711, "qty": "much"}
    too_large = good[0] | {"id": 9, "qty": "1", "new": "@"}
    page = json.dumps([*good, unreadable, foreign, too_large]).replace('"@"', "1e999999")
    fault(made, "status", status=200, body=page, at=1)
    done = made("sync")
    assert (done.returncode, made.last_run()["quarantined"]) == (3, 2)
    assert "quarantined: 2" in done.stdout
    assert stored(made) == expected(made)
    assert states(made) == {"complete": 1}
    first, second = made.sql("SELECT market, reason, raw FROM quarantined_orders ORDER BY raw::text DESC")
    assert {first["market"], second["market"]} == {"fills"}
    assert (first["reason"], first["raw"]) == ("qty is not a decimal", unreadable)
    assert second["reason"].startswith("the database cannot keep it: ")
    assert made.sql("SELECT FROM report_coverage WHERE reasons LIKE '%quarantined%'") == []


def test_a_first_night_has_several_requests_in_flight(lab: Labs) -> None:
    made = with_orders(lab)
    made.tell("orders", [filled_row(number, made.now() - number * 20 * DAY) for number in range(1, 5)])
    fault(made, "hang", at=1)
    process = made.command.start("sync", FORCE_ORDERS_CONCURRENCY="4")
    wait_until(lambda: states(made) == {"complete": 3})
    assert process.poll() is None, "one answer is still awaited"
    process.kill()
    process.communicate()


def test_two_accounts_have_fills_of_their_own(lab: Labs) -> None:
    fleet = reading(many_accounts(lab, 2, Scenario(own_orders_a_day=0)))
    for number, account in enumerate(("main", "account2"), 1):
        fleet.tell(f"orders?account={account}", [filled_row(1, fleet.now() - number * DAY)])
    done = fleet("sync")
    assert (done.returncode, done.stderr) == (0, "")
    read = fleet.sql(
        "SELECT account, count(*) FILTER (WHERE state = 'complete') AS n FROM fill_checks GROUP BY account"
    )
    assert {row["account"]: row["n"] for row in read} == {"main": 1, "account2": 1}
    of_days = fleet.sql("SELECT DISTINCT account, time::date FROM force_order_fills")
    assert len({row["time"] for row in of_days}) == len(of_days) == 2


def test_a_row_that_can_be_read_later_completes_its_order(lab: Labs) -> None:
    made = with_orders(lab)
    made.tell("orders", [filled_row(1, made.now() - HOUR)])
    good = books(made)
    fault(made, "status", status=200, body=json.dumps([row | {"qty": "much"} for row in good]), at=1)
    assert made("sync").returncode == 3
    assert states(made) == {"incomplete": 1}
    with psycopg.connect(made.database_url) as connection, connection.cursor() as cursor:  # as a new version reads them
        rows = [(json.dumps(row), str(row["id"])) for row in good]
        cursor.executemany("UPDATE quarantined_orders SET raw = %s WHERE raw ->> 'id' = %s", rows)
    done = made("quarantine", "retry")
    assert done.returncode == 0, done.stderr
    assert states(made) == {"complete": 1}
    assert stored(made) == expected(made)


def test_a_time_that_the_exchange_refuses_costs_only_its_own_orders(lab: Labs) -> None:
    made = with_orders(lab)
    made.tell("orders", [filled_row(1, made.now() - 40 * DAY), filled_row(2, made.now() - 39 * DAY)])
    fault(made, "code", at=[1, 2], code=-4166, msg="Search window is restricted to recent 30 days only.")
    done = made("sync", FORCE_ORDERS_CONCURRENCY="1")
    assert done.returncode == 0
    assert "the fills of 1 order are still to be read" in done.stderr
    assert [(row["state"], row["reason"]) for row in checks(made)] == [
        ("incomplete", "beyond retention"),
        ("complete", None),
    ]
    assert requested(made) == 3


def test_a_window_that_is_too_wide_is_asked_for_in_pieces(lab: Labs) -> None:
    made = with_orders(lab)
    made.tell("orders", [filled_row(number, made.now() - (30 - number) * HOUR) for number in range(1, 5)])
    fault(made, "code", at=1, code=-4165, msg="Invalid time interval.")
    done = made("sync", FORCE_ORDERS_CONCURRENCY="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert states(made) == {"complete": 4}
