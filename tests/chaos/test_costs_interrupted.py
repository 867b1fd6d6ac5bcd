"""A night that reads costs and reconciles kills itself at its commits; the next one has the exchange's own books."""

import json
from decimal import Decimal
from itertools import count
from signal import SIGKILL
from typing import Any

import requests

from etl.simulator.history import Generated, Profile
from tests.acceptance.lab import Lab
from tests.chaos.dying import Moment
from tests.chaos.judging import left_behind, untrue
from tests.chaos.scenes import Scenes, start
from tests.combining import each_value_once

SPARSE = Generated(Profile("bursty", 0.5), "costs", 40)
NIGHT = {"FORCE_ORDERS_COST_WEIGHT": "100000", "FORCE_ORDERS_RECONCILE_DAYS": "30", "FORCE_ORDERS_MARKETS": "usdm"}
STEP = 13
"""Every thirteenth commit: a night has some forty, most of them alike."""

Row = tuple[Any, ...]


@each_value_once(moment=["before", "after"], concurrency=[1, 4])
def test_a_night_that_dies_at_any_commit_is_finished_by_the_next(
    scenes: Scenes, moment: Moment, concurrency: int
) -> None:
    for number in count(1, STEP):
        with scenes(history=SPARSE, **NIGHT, FORCE_ORDERS_CONCURRENCY=str(concurrency)) as lab:
            died = start(lab, "sync", dies=(number, moment)).end()
            if died.returncode == 0:
                break
            assert (died.returncode, died.stderr) == (-SIGKILL, "")
            assert untrue(lab) == []
            assert stored_fills(lab) <= fills_of_books(lab)
            done = lab("sync")
            assert (done.returncode, done.stderr) == (0, "")
            assert untrue(lab) == []
            assert left_behind(lab) == []
            assert stored_fills(lab) == fills_of_books(lab)
            assert fees_of(lab) == fees_of_books(lab)
            assert lab.sql("SELECT DISTINCT is_complete FROM report_costs") == [{"is_complete": True}]
            assert lab.sql("SELECT FROM disputed_orders") == []
    assert number > 2 * STEP, "the walks, the list of all orders, the fills, the fees, the end"


def books(lab: Lab, what: str) -> list[dict[str, Any]]:
    answer = requests.get(f"{lab.simulator.url}/sim/books?market=usdm", timeout=30)
    rows: list[dict[str, Any]] = json.loads(answer.content)[what]
    return rows


def fills_of_books(lab: Lab) -> set[Row]:
    """Of the forced orders: the owner's own trades are nobody's business."""
    forced = {(row["symbol"], row["orderId"]) for row in lab.history()}
    return {
        (one["symbol"], one["orderId"], one["id"], Decimal(one["qty"]), Decimal(one["realizedPnl"]))
        for one in books(lab, "fills")
        if (one["symbol"], one["orderId"]) in forced
    }


def stored_fills(lab: Lab) -> set[Row]:
    rows = lab.sql("SELECT symbol, order_id, trade_id, qty, realized_pnl FROM force_order_fills")
    return {tuple(row.values()) for row in rows}


def fees_of_books(lab: Lab) -> list[Row]:
    fees = [one for one in books(lab, "income") if one["incomeType"] == "INSURANCE_CLEAR"]
    return sorted((one["symbol"], one["tranId"], Decimal(one["income"])) for one in fees)


def fees_of(lab: Lab) -> list[Row]:
    return sorted(tuple(row.values()) for row in lab.sql("SELECT symbol, tran_id, amount FROM income"))
