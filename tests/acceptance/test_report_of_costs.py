"""What orders cost in the report: the sums of `report_costs`, in the terminal and on the page."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from etl.simulator.scenario import Scenario
from tests.acceptance.lab import Lab, Labs
from tests.acceptance.market_tables import LONG, account_of, histories
from tests.acceptance.reporting import page_data

Amounts = tuple[Decimal | None, ...]


def market_of(lab: Labs, market: str, **switches: Any) -> Lab:
    made = lab(Scenario(**switches), (account_of(market),), histories=histories(LONG))
    made.command.environment.update({"FORCE_ORDERS_MARKETS": market, "FORCE_ORDERS_COST_WEIGHT": "1000000"})
    return made


def summed(rows: Iterable[tuple[tuple[Any, ...], Amounts]]) -> dict[tuple[Any, ...], Amounts]:
    """Each column by itself; None where nothing of it is known. Keys without any amount are left out."""
    groups: dict[tuple[Any, ...], list[Amounts]] = defaultdict(list)
    for key, amounts in rows:
        groups[key].append(amounts)
    sums = {}
    for key, own in groups.items():
        sums[key] = tuple(
            sum((one for one in column if one is not None), Decimal(0)) for column in zip(*own, strict=True)
        )
    return {key: amounts for key, amounts in sums.items() if any(amounts)}


def in_sql(lab: Lab) -> dict[tuple[Any, ...], Amounts]:
    rows = lab.sql("SELECT *, to_char(coalesce(order_time, booked_at), 'YYYY-MM') AS month FROM report_costs")
    names = ("symbol", "close_type", "month", "asset")
    kinds = ("realized_pnl", "commission", "clearance_fee")
    return summed((tuple(row[name] for name in names), tuple(row[kind] for kind in kinds)) for row in rows)


def on_the_page(data: dict[str, Any]) -> dict[tuple[Any, ...], Amounts]:
    return summed(
        (
            (data["symbols"][symbol], data["close_types"][kind], month, asset),
            tuple(None if one is None else Decimal(one) for one in amounts),
        )
        for _, _, symbol, _, kind, month, asset, *amounts in data["costs"]
    )


@pytest.mark.parametrize(
    ("market", "switches"),
    [
        pytest.param("usdm", {}, id="usdm"),
        pytest.param("usdm", {"fee_in_bnb": True, "clearance_trade_id": False}, id="fees in BNB and without trade"),
        pytest.param("coinm", {}, id="coinm"),
    ],
)
def test_the_costs_of_the_page_are_those_of_the_view(lab: Labs, market: str, switches: dict[str, Any]) -> None:
    made = market_of(lab, market, **switches)
    assert made("sync").returncode == 0
    done = made("report", "--html", "-")
    assert (done.returncode, done.stderr) == (0, "")
    data = page_data(done.stdout)
    assert on_the_page(data) == in_sql(made) != {}
    states = made.sql(
        "SELECT incomplete_because, count(DISTINCT (symbol, order_id))::int AS orders FROM report_costs"
        " WHERE order_id IS NOT NULL GROUP BY 1"
    )
    found: dict[str | None, int] = defaultdict(int)
    for *_, reason, orders in data["cost_states"]:
        found[reason] += orders
    assert found == {row["incomplete_because"]: row["orders"] for row in states}
    of_orders = made.sql(
        "SELECT symbol, order_id::text AS id, asset, total FROM report_costs WHERE order_id IS NOT NULL"
    )
    totals: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
    for row in of_orders:
        totals[row["symbol"], row["id"]][row["asset"]] = row["total"]
    for _, _, symbol, order_id, *_, cost in data["largest"]:
        assert {asset: Decimal(total) for asset, total in cost.items()} == totals[symbol, order_id]


def test_the_terminal_has_the_costs_of_each_month_and_asset(lab: Labs) -> None:
    made = market_of(lab, "usdm", fee_in_bnb=True)
    assert made("sync").returncode == 0
    printed = made("report").stdout
    lines = [line.split() for line in printed.splitlines()]
    rows = made.sql(
        "SELECT to_char(coalesce(order_time, booked_at), 'YYYY-MM') AS month, asset, sum(total) AS total"
        " FROM report_costs GROUP BY 1, 2 HAVING sum(total) <> 0"
    )
    assert {row["asset"] for row in rows} >= {"BNB", "USDT"}
    for row in rows:
        total = f"{row['total']:,f}".rstrip("0").rstrip(".")
        assert [line for line in lines if line[:2] == [row["month"], row["asset"]] and line[-1] == total]
    assert "costs known" not in printed, "of all orders they are"


def test_costs_that_were_never_read_are_said_to_be_unknown(lab: Labs) -> None:
    made = market_of(lab, "usdm")
    assert made("backfill").returncode == 0
    printed = made("report").stdout
    orders = made.sql("SELECT count(*) FROM force_orders")[0]["count"]
    assert f"\ncosts known of 0 of {orders} orders; read by force-orders sync, backfill --costs\n" in printed
    assert "what it cost" not in printed
    data = page_data(made("report", "--html", "-").stdout)
    assert (data["costs"], {row[-1] for row in data["largest"]}) == ([], {None})
