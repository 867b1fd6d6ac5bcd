"""From a row of capital flows to a flow, or to the reason why it is none; and the plan of a night."""

import json
from dataclasses import replace
from typing import Any

import pytest

from etl.core.capital_flows import FLOWS, Flow
from etl.core.orders import Reject
from etl.core.planning import Known, Rules
from etl.core.records import REREAD
from etl.core.timeline import DAY, Window
from etl.errors import ContractError, TransientError
from etl.exchange.capital_flow import read_flow, read_flows
from etl.runs.record_reader import plan_records
from etl.runs.spans import SpanText, backfill_planner, nightly_planner

AT = 1_691_116_657_000
NOW = AT + DAY
ROW: dict[str, Any] = {
    "id": 123456,
    "tranId": 123123,
    "timestamp": AT,
    "asset": "USDT",
    "symbol": "BTCUSDT",
    "type": "SELL_LIQUIDATION",
    "amount": "-101.10",
}
"""The documented row, as a liquidation."""

RULES = Rules(now=NOW, settle_lag=0, keeps=90 * DAY, widest=7 * DAY - 2)
MISSING = {"id": "id, timestamp or type is missing", "amount": "asset or amount is missing"}


def changed(**values: Any) -> bytes:
    """The row with some values set; `...` leaves the key out."""
    return json.dumps({name: value for name, value in (ROW | values).items() if value is not ...}).encode()


def test_the_documented_row_is_a_flow_as_received() -> None:
    assert read_flow(changed(), NOW) == Flow(123456, AT, "SELL_LIQUIDATION", changed().decode())


@pytest.mark.parametrize(
    "values",
    [
        {"id": 8389766251307928000},
        {"id": "123456"},
        {"tranId": ...},
        {"symbol": ""},
        {"symbol": ...},
        {"amount": -0.5},
        {"amount": "1E-8"},
        {"new": [1]},
        {"type": "BONUS_LIQUIDATION"},
    ],
)
def test_whatever_else_the_row_says_it_is_a_liquidation(values: dict[str, Any]) -> None:
    flow = read_flow(changed(**values), NOW)
    assert isinstance(flow, Flow)
    assert flow.is_liquidation


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"id": ...}, MISSING["id"]),
        ({"timestamp": None}, MISSING["id"]),
        ({"type": ""}, MISSING["id"]),
        ({"asset": ...}, MISSING["amount"]),
        ({"amount": None}, MISSING["amount"]),
        ({"amount": "much"}, "amount is not a decimal"),
        ({"id": 1.5}, "id is not an integer"),
        ({"id": 1 << 63}, "id or tranId is not an integer"),
        ({"tranId": str(1 << 63)}, "id or tranId is not an integer"),
        ({"timestamp": AT // 1000}, "timestamp is not a time in epoch milliseconds"),
        ({"timestamp": NOW + 2 * DAY}, "timestamp is more than a day later than the row was received"),
        ({"asset": 7}, "asset is not text"),
    ],
)
def test_a_row_that_cannot_be_read_says_why(values: dict[str, Any], reason: str) -> None:
    assert read_flow(changed(**values), NOW) == Reject(changed(**values).decode(), reason, is_json=True)


def test_what_is_no_liquidation_needs_only_id_time_and_type() -> None:
    flow = read_flow(changed(type="TRANSFER", asset=..., amount="much"), NOW)
    assert isinstance(flow, Flow)
    assert not flow.is_liquidation


def test_a_page_counts_every_row_and_gives_the_liquidations() -> None:
    page = read_flows(b"[%b,%b,%b]" % (changed(), changed(id=2, type="BORROW"), changed(id="x")), NOW)
    assert (page.length, len(page.orders), len(page.rejects)) == (3, 2, 1)
    assert [flow.flow_id for flow in page.records] == [123456]


def test_what_is_no_page_is_refused() -> None:
    with pytest.raises(TransientError):
        read_flows(b"", NOW)
    with pytest.raises(ContractError):
        read_flows(b'{"rows": []}', NOW)


def test_a_night_reads_from_a_day_before_the_newest_proof() -> None:
    known = Known(proven=[Window(NOW - 80 * DAY, NOW - DAY)], requested_since=NOW - 80 * DAY)
    (target,) = plan_records(FLOWS, known, nightly_planner, replace(RULES, reread=7 * DAY))
    assert target.requested == Window(NOW - DAY - REREAD, NOW)


def test_nothing_is_asked_for_that_flows_are_not_kept_for() -> None:
    long_kept = replace(RULES, keeps=400 * DAY)
    targets = plan_records(FLOWS, Known(), backfill_planner(SpanText(), []), long_kept)
    assert min(target.need.start for target in targets) >= NOW - FLOWS.keeps
    assert plan_records(FLOWS, Known(), backfill_planner(SpanText(since="300d", until="200d"), []), long_kept) == []
