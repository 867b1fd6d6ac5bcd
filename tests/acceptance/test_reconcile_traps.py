"""What makes the two lists differ although nothing is lost: each has its verdict, and none is a false alarm."""

from typing import Any

import psycopg
import pytest

from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, HOUR, Lab, Labs, order_row
from tests.acceptance.reconciling import (
    ALL_ORDERS,
    THREE,
    UNFILLED,
    backfilled,
    forced,
    forced_day,
    lose,
    midday,
    orders_found,
    reconciled,
    requests_to,
    traded,
    verdicts,
)
from tests.combining import each_value_once

ADL = {"clientOrderId": "adl_autoclose", "timeInForce": "GTC"}


def innocent(lab: Lab, *arguments: str) -> dict[str, Any]:
    """What is said where nothing is lost: no dispute, by the command or by the night."""
    said = reconciled(lab, *arguments)
    assert (said["disputed"], said["faults"]) == ([], [])
    done = lab("sync")
    assert (done.returncode, done.stderr) == (0, "")
    (one,) = said["reconciliations"]
    assert isinstance(one, dict)
    return one


def kinds(said: dict[str, Any]) -> list[tuple[int, str]]:
    return [(order["order_id"], order["kind"]) for order in said["orders"]]


def all_agreed(said: dict[str, Any]) -> bool:
    return {day["verdict"] for day in said["days"]} == {"agreed"}


def test_an_unfilled_order_vanishes_from_the_list_after_three_days(lab: Labs) -> None:
    one = backfilled(traded(lab, rows=(*THREE, {"number": 4, "days": 6} | UNFILLED)))
    said = innocent(one)
    assert said["expected"] == {"nothing was filled, and it is older than three days": 1}
    assert all_agreed(said)
    assert kinds(said) == []


def test_an_order_of_the_last_hour_that_one_list_does_not_show_yet_is_not_compared(lab: Labs) -> None:
    one = backfilled(traded(lab, scenario=Scenario(visibility_delay_ms=50 * 60_000)))
    one.tell("orders", [order_row("BTCUSDT", 9, one.now() - 40 * 60_000)])
    said = innocent(one)
    assert kinds(said) == []


@each_value_once(field=["time", "updateTime"], other=["updateTime", "time"])
def test_an_order_at_the_edge_of_a_day_and_lists_that_filter_by_other_times(lab: Labs, field: Any, other: Any) -> None:
    one = traded(lab, scenario=Scenario(filter_field=field, all_orders_filter=other))
    for number, days in enumerate((1, 2, 4, 12), 10):
        midnight = midday(one, days) - 12 * HOUR
        one.tell("orders", [order_row("BTCUSDT", number, midnight - 3, updateTime=midnight + 3)])
    backfilled(one)
    for since in ("1d", "3d", "20d"):
        assert all_agreed(innocent(one, "--since", f"{forced_day(one, int(since[:-1]))}")) or since == "20d"


def test_what_is_about_to_leave_the_exchange_is_left_out_and_said(lab: Labs) -> None:
    one = traded(lab)
    one.tell("orders", [order_row("BTCUSDT", 20, one.now() - 90 * DAY + HOUR)])
    assert one("backfill").returncode == 0
    said = innocent(one, "--since", "90d")
    assert "the exchange keeps no orders, or is about to drop them" in said["reason"]
    assert all_agreed(said)
    assert len(said["days"]) in (87, 88)
    assert innocent(one)["reason"] is None, "nobody asked for it"


@pytest.mark.parametrize("only_in", ["force_orders", "all_orders"])
def test_settlements_may_stand_in_one_list_only(lab: Labs, only_in: Any) -> None:
    one = traded(lab, scenario=Scenario(settlements_in=only_in))
    at = midday(one, 2)
    one.tell("orders", [order_row("BTCUSDT", 8, at, clientOrderId=f"settlement_autoclose-{at}000001")])
    said = innocent(backfilled(one))
    assert said["expected"] == ({"a settlement": 1} if only_in == "force_orders" else {})
    assert all_agreed(said)
    assert kinds(said) == []


def test_orders_are_told_apart_by_their_ids_where_their_names_repeat(lab: Labs) -> None:
    one = traded(lab, rows=tuple({"number": number} | ADL for number in (5, 6, 7)))
    assert all_agreed(innocent(backfilled(one)))


def test_a_lost_order_whose_name_others_have_is_the_one_that_is_named(lab: Labs) -> None:
    one = traded(lab, rows=tuple({"number": number} | ADL for number in (5, 6, 7)))
    lose(one, 6)
    backfilled(one)
    assert [(one["order_id"], one["kind"]) for one in reconciled(one, code=3)["disputed"]] == [(6, "missing")]


def test_the_same_value_in_other_words_is_no_difference(lab: Labs) -> None:
    one = backfilled(traded(lab))
    one.tell("orders", [forced(one, 1, avgPrice="10913.21", type="LIQUIDATION", cumQuote="10.91321000")])
    said = innocent(one)
    assert all_agreed(said)
    assert kinds(said) == []


@pytest.mark.parametrize("code", ["-4141", "-1121"])
def test_a_closed_contract_is_in_no_list_of_all_orders(lab: Labs, code: Any) -> None:
    one = backfilled(traded(lab))
    one.tell("scenario", {"closed_symbols": "ETHUSDT", "closed_symbol_code": code})
    said = innocent(one)
    assert said["expected"] == {"the contract is closed": 1}
    assert all_agreed(said)


def test_an_order_that_only_the_list_of_a_symbol_lacks_is_told_and_doubts_nothing(lab: Labs) -> None:
    one = backfilled(traded(lab))
    with_an_extra(one)
    (said,) = reconciled(one)["reconciliations"]
    assert kinds(said) == [(77, "unseen")]
    assert all_agreed(said)
    assert orders_found(one) == [("BTCUSDT", 77, "unseen")]


def test_a_list_of_all_orders_that_shows_no_stored_order_is_no_witness(lab: Labs) -> None:
    one = backfilled(traded(lab))
    one.tell("faults", [{"kind": "status", "status": 200, "body": "[]", "path": ALL_ORDERS}])
    (said,) = reconciled(one)["reconciliations"]
    assert {kind for _, kind in kinds(said)} == {"unseen"}
    assert {day["verdict"] for day in said["days"]} == {"not checkable"}
    assert {day["reason"] for day in said["days"]} == {"the list of all orders shows none of the stored orders"}
    one.tell("faults", [])
    assert all_agreed(innocent(one))


def with_an_extra(lab: Lab) -> None:
    """A stored order that the exchange does not have."""
    query = """
        INSERT INTO force_orders (account, market, symbol, order_id, close_type, order_time, update_time, executed_qty,
                                  raw, source, order_time_source, first_seen_at, changed_at, first_run_id, last_run_id)
        SELECT account, market, symbol, 77, close_type, order_time, update_time, executed_qty, raw, source,
               order_time_source, first_seen_at, changed_at, first_run_id, last_run_id
          FROM force_orders WHERE order_id = 1
    """
    with psycopg.connect(lab.database_url) as connection:
        connection.execute(query)


@pytest.mark.parametrize("layout", ["other", "exchange"])
def test_the_owners_own_orders_may_be_named_like_forced_ones(lab: Labs, layout: Any) -> None:
    one = traded(lab, scenario=Scenario(own_autoclose_a_day=2, own_autoclose_layout=layout))
    said = innocent(backfilled(one, since="6d"))
    assert {kind for _, kind in kinds(said)} == {"namesake"}
    assert said["namesake"] >= 5
    assert all_agreed(said)
    done = one("reconcile")
    assert "namesake" in done.stdout


def test_where_a_symbol_is_demanded_the_known_ones_are_compared_and_that_is_said(lab: Labs) -> None:
    one = backfilled(traded(lab, scenario=Scenario(all_orders_without_symbol="-1102")))
    one.tell("reset-stats", {})
    said = innocent(one, "--since", "6d")
    assert requests_to(one, ALL_ORDERS) == 2 * 3, "one without symbol and one of each known symbol, and so in the night"
    assert said["orders_compared"] == 3
    assert {day["verdict"] for day in said["days"]} == {"not checkable"}
    (reason,) = {day["reason"] for day in said["days"]}
    assert reason == "the exchange lists all orders by symbol only; compared: BTCUSDT, ETHUSDT"


def test_where_a_symbol_is_demanded_a_lost_order_of_a_known_one_is_found(lab: Labs) -> None:
    one = traded(lab, scenario=Scenario(all_orders_without_symbol="-1102"))
    lose(one, 1)
    backfilled(one)
    assert [(found["order_id"], found["kind"]) for found in reconciled(one, code=3)["disputed"]] == [(1, "missing")]


def test_a_later_version_in_either_list_is_stored_and_told(lab: Labs) -> None:
    one = backfilled(traded(lab))
    at = midday(one, 2) + 1
    one.tell("orders", [forced(one, 1, updateTime=at + 900, avgPrice="10000.0")])
    said = reconciled(one)["reconciliations"][0]
    assert kinds(said) == [(1, "different")]
    assert "avgPrice 10000.0 there, 10913.21000 here; all orders had the later version" in said["orders"][0]["detail"]
    assert all_agreed(said)
    assert one.table()["BTCUSDT", 1]["avg_price"] == "10000.0"
    assert len(one.sql("SELECT * FROM force_order_revisions")) == 1
    assert kinds(innocent(one)) == []


def test_a_later_version_that_only_the_list_of_all_orders_has_is_stored_from_there(lab: Labs) -> None:
    one = backfilled(traded(lab))
    lose(one, 1)
    one.tell("orders", [forced(one, 1, updateTime=midday(one, 2) + 900, avgPrice="10000.0")])
    said = reconciled(one)["reconciliations"][0]
    assert kinds(said) == [(1, "different")]
    assert one.table()["BTCUSDT", 1]["avg_price"] == "10000.0"


def test_an_earlier_version_in_the_list_of_all_orders_replaces_nothing(lab: Labs) -> None:
    one = traded(lab, rows=())
    one.tell("orders", [forced(one, 1, updateTime=midday(one, 2) + 900, avgPrice="10000.0")])
    backfilled(one)
    one.tell("orders", [forced(one, 1)])
    said = innocent(one)
    assert kinds(said) == [(1, "different")]
    assert "what is stored had the later version" in said["orders"][0]["detail"]
    assert one.table()["BTCUSDT", 1]["avg_price"] == "10000.0"


def test_a_stored_order_that_the_list_of_all_orders_calls_the_owners_own_is_disputed_and_kept(lab: Labs) -> None:
    one = backfilled(traded(lab))
    before = one.table()["BTCUSDT", 1]
    lose(one, 1)
    one.tell("orders", [forced(one, 1, updateTime=midday(one, 2) + 900, clientOrderId="web_1", avgPrice="1.0")])
    lose(one, 1)
    said = reconciled(one, code=3)
    assert [(found["order_id"], found["kind"]) for found in said["disputed"]] == [(1, "conflicting")]
    assert "clientOrderId web_1 there" in said["disputed"][0]["detail"]
    assert one.table()["BTCUSDT", 1] == before


def test_one_version_with_two_values_is_disputed_until_they_agree(lab: Labs) -> None:
    one = backfilled(traded(lab))
    one.tell("orders", [forced(one, 1, avgPrice="10000.0")])
    said = reconciled(one, code=3)
    assert [(found["order_id"], found["kind"]) for found in said["disputed"]] == [(1, "conflicting")]
    assert "avgPrice 10000.0 there, 10913.21000 here" in said["disputed"][0]["detail"]
    assert verdicts(one) == {"agreed", "disputed"}
    one.tell("orders", [forced(one, 1)])
    assert all_agreed(innocent(one))
    assert verdicts(one) == {"agreed"}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"kind": "status", "status": 404}, "there is no such endpoint on this host"),
        ({"kind": "code", "code": -4109, "msg": "no wallet"}, "the account has no active futures wallet"),
        ({"kind": "garbage"}, "cut off or unreadable"),
        ({"kind": "key"}, "-2015"),
    ],
)
def test_a_list_that_cannot_be_read_leaves_the_night_as_it_is(lab: Labs, fault: dict[str, Any], said: str) -> None:
    one = backfilled(traded(lab))
    one.tell("faults", [fault | {"path": ALL_ORDERS}])
    done = one("sync", FORCE_ORDERS_PATIENCE_SECONDS="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert verdicts(one) == {"not checkable"}
    (reason,) = one.sql("SELECT DISTINCT reason FROM reconciled_days")
    assert said in reason["reason"]


def test_an_order_that_cannot_be_asked_for_again_is_neither_lost_nor_agreed(lab: Labs) -> None:
    one = traded(lab)
    lose(one, 1)
    backfilled(one)
    one.tell("faults", [{"kind": "garbage", "path": "/fapi/v1/forceOrders"}])
    said = reconciled(one)
    assert said["disputed"] == []
    (day,) = [day for day in said["reconciliations"][0]["days"] if day["verdict"] != "agreed"]
    assert "BTCUSDT 1 could not be read again" in day["reason"]
    one.tell("faults", [])
    assert reconciled(one, code=3)["disputed"][0]["order_id"] == 1


def test_a_full_page_is_asked_for_in_pieces_and_a_lost_order_in_it_is_found(lab: Labs) -> None:
    one = traded(lab, scenario=Scenario(own_orders_a_day=350))
    lose(one, 1)
    backfilled(one)
    one.tell("reset-stats", {})
    assert one("sync").returncode == 3
    assert 2 < requests_to(one, ALL_ORDERS) <= 20
    assert verdicts(one) == {"agreed", "disputed"}
    assert orders_found(one) == [("BTCUSDT", 1, "missing")]


def test_a_reconciliation_that_a_ban_ends_blames_no_market(lab: Labs) -> None:
    one = backfilled(traded(lab))
    one.tell("faults", [{"kind": "ban", "path": ALL_ORDERS, "seconds": 3_600}])
    done = one("reconcile", FORCE_ORDERS_PATIENCE_SECONDS="0")
    assert done.returncode == 4
    assert "usdm: not compared, because the run ended before" in done.stdout
    assert "no list of all orders" not in done.stdout
