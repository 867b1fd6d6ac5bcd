"""From a row of income to a value or a reason why it is none; which rows are one; and what a failure is said to be."""

import json
from decimal import Decimal
from typing import Any

import pytest

from etl.core.income import Income, market_of, number_copies, quarantine_of
from etl.core.markets import MARKETS
from etl.core.orders import Reject
from etl.core.paging import PageRequest
from etl.core.planning import Known, Rules
from etl.core.records import REREAD, rules_of
from etl.core.timeline import DAY, Window
from etl.core.wallets import Wallet
from etl.errors import ContractError, CredentialsError, NotServedError, RejectedError, TransientError
from etl.exchange.income import question, read_income, read_row
from etl.runs.income import lines
from etl.runs.record_reader import Outcome, plan_records
from etl.runs.spans import nightly_planner

AT = 1_570_636_800_000
NOW = AT + DAY
ROW: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "incomeType": "COMMISSION",
    "income": "-0.01000000",
    "asset": "USDT",
    "time": AT,
    "info": "COMMISSION",
    "tranId": 9689322392,
    "tradeId": "2059192",
}
"""The documented row."""

MISSING = {"tranId": "tranId, time or incomeType is missing", "income": "asset or income is missing"}
WALLET = Wallet("main", "coinm")
USDM_INCOME = next(market.income for market in MARKETS if market.name == "usdm")
assert USDM_INCOME is not None


def changed(**values: Any) -> bytes:
    """The row with some values set; `...` leaves the key out."""
    return json.dumps({name: value for name, value in (ROW | values).items() if value is not ...}).encode()


def row(**values: Any) -> Income:
    read = read_row(changed(**values), NOW)
    assert isinstance(read, Income)
    return read


def test_the_documented_row_is_read_to_the_digit() -> None:
    raw = changed().decode()
    assert row() == Income("COMMISSION", 9689322392, AT, "USDT", Decimal("-0.01000000"), "BTCUSDT", 2059192, raw)
    assert str(row().amount) == "-0.01000000"


@pytest.mark.parametrize(
    ("values", "column", "value"),
    [
        ({"tranId": "9689322392"}, "tran_id", 9689322392),
        ({"tranId": 0}, "tran_id", 0),
        ({"tranId": 8_389_766_251_307_928_001}, "tran_id", 8_389_766_251_307_928_001),
        ({"symbol": ""}, "symbol", ""),
        ({"symbol": ...}, "symbol", ""),
        ({"tradeId": ""}, "trade_id", None),
        ({"tradeId": ...}, "trade_id", None),
        ({"tradeId": None}, "trade_id", None),
        ({"tradeId": 2059192}, "trade_id", 2059192),
        ({"tradeId": "x-7"}, "trade_id", None),
        ({"tradeId": str(1 << 63)}, "trade_id", None),
        ({"income": -0.5}, "amount", Decimal("-0.5")),
        ({"income": "1E-8"}, "amount", Decimal("0.00000001")),
        ({"incomeType": "NEW_KIND"}, "income_type", "NEW_KIND"),
    ],
)
def test_each_way_to_write_a_value_is_read(values: dict[str, Any], column: str, value: object) -> None:
    assert getattr(row(**values), column) == value


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"tranId": ...}, MISSING["tranId"]),
        ({"time": None}, MISSING["tranId"]),
        ({"incomeType": ""}, MISSING["tranId"]),
        ({"asset": ""}, MISSING["income"]),
        ({"income": None}, MISSING["income"]),
        ({"income": "much"}, "income is not a decimal"),
        ({"tranId": 1.5}, "tranId is not an integer"),
        ({"tranId": 1 << 63}, "tranId is not an integer"),
        ({"time": AT // 1000}, "time is not a time in epoch milliseconds"),
        ({"time": NOW + 2 * DAY}, "time is more than a day later than the row was received"),
        ({"symbol": "X" * 65}, "symbol has more than 64 characters"),
        ({"asset": "X" * 65}, "asset has more than 64 characters"),
        ({"tradeId": [1]}, "tradeId is not text or an integer"),
    ],
)
def test_a_row_that_cannot_be_read_says_why(values: dict[str, Any], reason: str) -> None:
    assert read_row(changed(**values), NOW) == Reject(changed(**values).decode(), reason, is_json=True)


def test_an_id_names_a_row_within_its_type() -> None:
    assert row(income="-7").key == row().key
    assert row(incomeType="REALIZED_PNL").key != row().key


@pytest.mark.parametrize(
    "other", [{"income": "-0.02"}, {"asset": "BNB"}, {"symbol": ""}, {"tradeId": ""}, {"time": AT + 1}]
)
def test_without_an_id_a_row_is_all_that_it_says(other: dict[str, Any]) -> None:
    assert row(tranId=0, income="-0.01").key == row(tranId=0).key, "however it is written"
    assert row(tranId=0, **other).key != row(tranId=0).key


def test_equal_rows_without_an_id_are_numbered_and_a_repeated_id_is_not() -> None:
    rows = [row(tranId=0), row(), row(tranId=0, symbol=""), row(tranId=0), row(), row(tranId=0)]
    assert [one.copy for one in number_copies(rows)] == [0, 0, 0, 1, 0, 2]


def test_a_page_keeps_the_type_that_was_asked_for_and_counts_every_row() -> None:
    body = b"[%b,%b,%b]" % (changed(), changed(incomeType="TRANSFER"), changed(tranId="x"))
    page = read_income("COMMISSION", body, NOW)
    assert (page.length, len(page.rejects)) == (3, 1)
    assert page.records == (row(),)
    assert [order.symbol for order in page.orders] == ["COMMISSION", "TRANSFER"]


def test_what_is_no_page_is_refused() -> None:
    with pytest.raises(TransientError):
        read_income("COMMISSION", b"", NOW)
    with pytest.raises(ContractError):
        read_income("COMMISSION", b'{"rows": []}', NOW)


def test_a_request_names_one_type_and_both_ends() -> None:
    asked = question(USDM_INCOME, "COMMISSION", PageRequest(Window(AT, AT + 5), 1_000, "COMMISSION"))
    expected = {"incomeType": "COMMISSION", "startTime": AT - 1, "endTime": AT + 5, "limit": 1_000}
    assert asked.parameters == expected
    assert (asked.endpoint.path, asked.endpoint.weight) == ("/fapi/v1/income", 30)


def test_a_night_reads_from_a_day_before_the_newest_proof() -> None:
    rules = Rules(now=NOW, settle_lag=0, keeps=None, widest=7 * DAY)
    known = Known(proven=[Window(NOW - 80 * DAY, NOW - DAY)], requested_since=NOW - 80 * DAY)
    (target,) = plan_records(USDM_INCOME, known, nightly_planner, rules)
    assert target.requested == Window(NOW - DAY - REREAD, NOW)
    assert rules_of(USDM_INCOME, rules).keeps == 90 * DAY


def test_a_quarantined_row_says_of_which_market_s_income_it_is() -> None:
    assert market_of(quarantine_of("pm-coinm")) == "pm-coinm"
    assert market_of("usdm") is None


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome(), []),
        (
            Outcome(DAY, ("failed",)),
            ["the income X of 1 d is not proven (failed); the next run asks again"],
        ),
        (
            Outcome(DAY, ("failed",), TransientError("no answer")),
            ["the income X of 1 d is not proven (no answer); the next run asks again"],
        ),
        (Outcome(DAY, ("failed",), NotServedError("404")), []),
        (
            Outcome(DAY, ("failed",), RejectedError("-1130")),
            ["the income X is refused; take it out of income_types if it is no type of income (-1130)"],
        ),
        (
            Outcome(DAY, ("saturated",)),
            ["the income X of 1 d is not proven (saturated); it is not asked for again"],
        ),
        (
            Outcome(DAY, ("failed", "saturated")),
            ["the income X of 1 d is not proven (failed, saturated); the next run asks again"],
        ),
        (
            Outcome(DAY, ("disputed",), None, ("7 of 2026-01-01", "8 of 2026-01-01")),
            ["the income X 7 of 2026-01-01 is stored, but the exchange left it out, so its answer proves nothing"],
        ),
    ],
)
def test_what_is_left_is_one_line(outcome: Outcome, said: list[str]) -> None:
    assert lines(WALLET, "X", outcome) == [f"account main (coinm): {line}" for line in said]


def test_a_key_that_may_not_read_income_is_said_once_for_all_types() -> None:
    refused = Outcome(DAY, ("failed",), CredentialsError("-2015"))
    assert lines(WALLET, "X", refused) == ["account main (coinm): the key may not read income (-2015)"]
