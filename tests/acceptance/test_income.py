"""Income of the types that are set: the table equals the exchange's books, and what is not proven is named."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import requests

from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, HOUR, Lab, Labs, order_row
from tests.acceptance.market_tables import LONG, market_lab
from tests.waiting import wait_until

PATHS = {
    "usdm": "/fapi/v1/income",
    "coinm": "/dapi/v1/income",
    "pm-usdm": "/papi/v1/um/income",
    "pm-coinm": "/papi/v1/cm/income",
}
INCOME = PATHS["usdm"]
CLEARANCE = "INSURANCE_CLEAR"
SEVERAL = (CLEARANCE, "FUNDING_FEE", "TRANSFER")
SPARSE = Generated(Profile("bursty", 0.5), "income", days=60)
WINDOWS = 13
"""Of 7 days, in 90 days."""


def income_lab(
    lab: Labs,
    market: str = "usdm",
    scenario: Scenario | None = None,
    of: Generated | None = SPARSE,
    named: Sequence[str] = (CLEARANCE,),
) -> Lab:
    """An account that has this market, and a command that reads these types of income."""
    made = market_lab(lab, market, of, scenario)
    settings = {"FORCE_ORDERS_COST_WEIGHT": "3000", "FORCE_ORDERS_INCOME_TYPES": ",".join(named)}
    made.command.environment.update({"FORCE_ORDERS_ATTEMPTS": "1", **settings})
    return made


def books(lab: Lab, market: str = "usdm", named: Sequence[str] = (CLEARANCE,)) -> list[dict[str, Any]]:
    """What the exchange has of these types since the beginning of what is proven, each id as text."""
    known = lab.sql(f"SELECT income_type, lower(proven) AS since FROM income_coverage WHERE market = '{market}'")
    since = {row["income_type"]: row["since"].timestamp() * 1000 for row in known if row["since"]}
    answer = requests.get(f"{lab.simulator.url}/sim/books?market={market}", timeout=30)
    rows = [row for row in json.loads(answer.content)["income"] if row["incomeType"] in named]
    return in_order([row | {"tranId": str(row["tranId"])} for row in rows if row["time"] >= since[row["incomeType"]]])


def stored(lab: Lab, market: str = "usdm") -> list[dict[str, Any]]:
    """The rows of the table, written as the exchange writes them."""
    return in_order(
        lab.sql(f"""
            SELECT symbol, income_type AS "incomeType", amount::text AS income, asset,
                   (extract(epoch FROM time) * 1000)::bigint AS time, raw ->> 'info' AS info,
                   tran_id::text AS "tranId", coalesce(trade_id::text, '') AS "tradeId"
              FROM income WHERE account = 'main' AND market = '{market}'
        """)
    )


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


def gaps(lab: Lab) -> list[dict[str, Any]]:
    return lab.sql("SELECT * FROM income_gaps ORDER BY income_type, gap_start")


def requested(lab: Lab, path: str = INCOME) -> int:
    return int(lab.stats()["requests_by_path"].get(path, 0))


def fault(lab: Lab, kind: str, **changes: object) -> None:
    lab.tell("faults", [{"kind": kind, "path": INCOME, **changes}])


def said_of_income(done: Any) -> list[str]:
    return [line for line in done.stderr.splitlines() if "income" in line]


@pytest.mark.parametrize("market", PATHS)
def test_the_table_equals_the_books_and_the_next_night_costs_one_request_a_type(lab: Labs, market: str) -> None:
    one = income_lab(lab, market, Scenario(income_tran_id="unique"), LONG, SEVERAL)
    done = one("sync")
    assert done.returncode == 0, done.stderr
    assert requested(one, PATHS[market]) == 3 * WINDOWS
    assert stored(one, market) == books(one, market, SEVERAL)
    assert {row["incomeType"] for row in stored(one, market)} == {*SEVERAL}
    assert gaps(one) == []
    before = one.sql("SELECT * FROM income ORDER BY id")
    one.tell("clock", {"advance_ms": HOUR})
    one.tell("reset-stats", {})
    assert one("sync").returncode == 0
    assert requested(one, PATHS[market]) == 3
    assert [row for row in one.sql("SELECT * FROM income ORDER BY id") if row in before] == before
    assert stored(one, market) == books(one, market, SEVERAL)
    assert one.last_run()["weight"] == one.stats()["weight"]


def test_only_the_clearance_of_liquidations_is_read_unless_more_is_set(lab: Labs) -> None:
    one = income_lab(lab)
    assert one("sync").returncode == 0
    assert {row["incomeType"] for row in stored(one)} == {CLEARANCE}
    assert one.sql("SELECT DISTINCT trade_id IS NULL AS nameless FROM income") == [{"nameless": False}]


@pytest.mark.parametrize("market", ["usdm", "pm-coinm"])
def test_rows_without_an_id_are_all_kept_also_those_that_are_equal(lab: Labs, market: str) -> None:
    scenario = Scenario(income_tran_id="0", clearance_trade_id=False)
    one = income_lab(lab, market, scenario, LONG, (CLEARANCE, "TRANSFER"))
    assert one("sync").returncode == 0
    assert stored(one, market) == books(one, market, (CLEARANCE, "TRANSFER"))
    assert one.sql("SELECT DISTINCT copy FROM income ORDER BY copy") == [{"copy": 0}, {"copy": 1}]
    one.tell("clock", {"advance_ms": DAY})
    assert one("sync", FORCE_ORDERS_REREAD_DAYS="7").returncode == 0
    assert stored(one, market) == books(one, market, (CLEARANCE, "TRANSFER"))


def test_full_pages_are_asked_for_in_pieces(lab: Labs) -> None:
    one = income_lab(lab, of=None)
    at = one.now() - 2 * DAY
    one.tell("orders", [order_row("BTCUSDT", 1 + number, at + number * 60_000) for number in range(1_100)])
    done = one("sync")
    assert done.returncode == 0, done.stderr
    assert WINDOWS + 1 < requested(one) < WINDOWS + 8
    assert len(stored(one)) == 1_100
    assert stored(one) == books(one)
    assert gaps(one) == []


def test_a_failure_is_one_line_and_a_gap_that_the_next_night_closes(lab: Labs) -> None:
    one = income_lab(lab)
    fault(one, "garbage", at=3)
    done = one("sync")
    assert done.returncode == 0, "no order is missing"
    (line,) = said_of_income(done)
    assert "account main: the income INSURANCE_CLEAR of 6 d" in line
    assert line.endswith("the next run asks again")
    assert [(gap["income_type"], gap["reason"]) for gap in gaps(one)] == [(CLEARANCE, "failed")]
    assert one.gaps() == []
    assert said_of_income(one("sync")) == []
    assert gaps(one) == []
    assert stored(one) == books(one)


def test_a_night_that_was_killed_keeps_what_it_proved(lab: Labs) -> None:
    one = income_lab(lab, scenario=Scenario(latency_ms=100))
    process = one.command.start("sync")
    wait_until(lambda: one.sql("SELECT FROM income_coverage WHERE proven <> '{}'"))
    process.kill()
    process.communicate()
    one.tell("scenario", {"latency_ms": 0})
    one.tell("reset-stats", {})
    assert one("sync").returncode == 0
    assert requested(one) <= WINDOWS
    assert stored(one) == books(one)
    assert gaps(one) == []


def test_a_host_without_income_is_asked_once_and_makes_no_noise(lab: Labs) -> None:
    one = income_lab(lab, named=SEVERAL)
    fault(one, "status", status=404)
    done = one("--log-level", "warning", "sync")
    assert (done.returncode, said_of_income(done)) == (0, [])
    assert requested(one) == 1
    assert one.last_run()["error"] is None
    told = one("--log-level", "info", "sync")
    assert len(said_of_income(told)) == 1


def test_a_type_that_the_exchange_refuses_is_one_line_and_the_others_are_read(lab: Labs) -> None:
    one = income_lab(lab, named=("NO_SUCH_INCOME", CLEARANCE))
    fault(one, "code", at=1, code=-1130, msg="Data sent for parameter 'incomeType' is not valid.")
    done = one("--log-level", "warning", "sync")
    assert done.returncode == 0
    (line,) = said_of_income(done)
    assert "the income NO_SUCH_INCOME is refused; take it out of income_types" in line
    assert requested(one) == 1 + WINDOWS
    assert stored(one) == books(one)
    assert {gap["income_type"] for gap in gaps(one)} == {"NO_SUCH_INCOME"}


@pytest.mark.parametrize(
    ("kind", "code"), [("code", -1002), ("key", -2015)], ids=["not authorized", "no permission, as in a hidden ban"]
)
def test_a_key_that_may_not_read_income_is_one_line(lab: Labs, kind: str, code: int) -> None:
    one = income_lab(lab, named=SEVERAL)
    fault(one, kind, code=code, msg="You are not authorized to execute this request.")
    done = one("--log-level", "warning", "sync", FORCE_ORDERS_PATIENCE_SECONDS="0")
    assert done.returncode == 0
    (line,) = said_of_income(done)
    assert "account main: the key may not read income" in line
    assert requested(one) == 1


def test_a_ban_ends_the_night_and_takes_no_proof_of_orders(lab: Labs) -> None:
    one = income_lab(lab)
    fault(one, "ban", at=2, seconds=3_600)
    done = one("sync", FORCE_ORDERS_PATIENCE_SECONDS="0")
    assert done.returncode == 4
    assert one.gaps() == []
    assert one.stats()["requests_during_ban"] == 0
    assert len(one.sql("SELECT FROM income_coverage WHERE proven <> '{}'")) == 1


def test_an_exchange_that_leaves_out_stored_income_is_not_believed(lab: Labs) -> None:
    one = income_lab(lab, named=("FUNDING_FEE",))
    assert one("sync").returncode == 0
    one.tell("clock", {"advance_ms": HOUR})
    one.tell("scenario", {"records_delay_ms": 20 * HOUR})
    done = one("sync")
    assert done.returncode == 0
    (line,) = said_of_income(done)
    assert "is stored, but the exchange left it out" in line
    (gap,) = gaps(one)
    assert gap["reason"] == "disputed"
    assert gap["gap_end"] - gap["gap_start"] < timedelta(hours=2), "what was proven before stays proven"


def test_a_page_of_other_types_only_answers_another_question(lab: Labs) -> None:
    one = income_lab(lab)
    at = one.now() - HOUR
    other = {"symbol": "BTCUSDT", "incomeType": "COMMISSION", "income": "-0.01", "asset": "USDT", "time": at}
    page = json.dumps([other | {"info": "COMMISSION", "tranId": 7, "tradeId": "7"}])
    fault(one, "status", status=200, body=page)
    done = one("sync")
    assert "disputed" in "".join(said_of_income(done))
    assert stored(one) == []
    assert {gap["reason"] for gap in gaps(one)} == {"disputed"}


def test_a_row_that_cannot_be_read_is_kept_as_received(lab: Labs) -> None:
    one = income_lab(lab, of=None)
    at = one.now() - HOUR
    row = {
        "symbol": "",
        "incomeType": CLEARANCE,
        "income": "-0.01",
        "asset": "USDT",
        "time": at,
        "info": "",
        "tranId": 1,
    }
    other, unreadable = row | {"income": "-0.02"}, row | {"tranId": 2, "income": "much"}
    fault(one, "status", status=200, body=json.dumps([row, other, unreadable]), at=WINDOWS)
    done = one("sync")
    assert done.returncode == 3
    assert one.sql("SELECT amount::text, symbol, trade_id FROM income") == [
        {"amount": "-0.01", "symbol": "", "trade_id": None}
    ]
    assert one.sql("SELECT market, reason, raw FROM quarantined_orders ORDER BY reason") == [
        {"market": "income-usdm", "reason": "another INSURANCE_CLEAR has the tranId 1", "raw": other},
        {"market": "income-usdm", "reason": "income is not a decimal", "raw": unreadable},
    ]
    assert one("status").returncode == 0


def test_neither_a_backfill_nor_a_verification_nor_a_night_without_costs_asks_for_income(lab: Labs) -> None:
    one = income_lab(lab)
    assert one("backfill").returncode == 0
    assert one("verify").returncode == 0
    assert one("sync", FORCE_ORDERS_COST_WEIGHT="0").returncode == 0
    assert one("sync", FORCE_ORDERS_INCOME_TYPES="none").returncode == 0
    assert requested(one) == 0
    assert one.sql("SELECT FROM income_coverage") == []


def test_an_account_that_was_switched_to_portfolio_margin_keeps_the_income_of_both(lab: Labs) -> None:
    one = income_lab(lab)
    assert one("sync").returncode == 0
    classic = stored(one)
    one.tell("accounts", {"portfolio_margin_from_ms": one.now()})
    assert one("sync", FORCE_ORDERS_MARKETS="pm-usdm").returncode == 0
    assert stored(one) == classic
    assert one.sql("SELECT DISTINCT market FROM income_coverage ORDER BY market") == [
        {"market": "pm-usdm"},
        {"market": "usdm"},
    ]
