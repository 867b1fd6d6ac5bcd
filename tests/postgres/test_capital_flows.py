"""Capital flows in the database: each once and to the digit, with a coverage that no view of orders counts."""

import json
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from etl.commands.retry_quarantine import retry_quarantine
from etl.core.capital_flows import OF_MARKET, QUARANTINE, Flow
from etl.core.findings import Finding, Verdict
from etl.core.orders import Reject
from etl.core.timeline import DAY, Window, to_datetime
from etl.exchange.capital_flow import read_flow
from etl.store import account_rows, capital_flows, coverage, coverage_reset, quarantine
from etl.store.coverage_reset import Reach
from tests.postgres.samples import ACCOUNT, proven

T = 1_700_000_000_000 // DAY * DAY
WALLET = (ACCOUNT, OF_MARKET)
FLOWS = capital_flows.coverage_of(*WALLET)


def raw(number: int = 1, at: int = T, **changes: Any) -> str:
    row = {"tranId": 9, "asset": "BTC", "symbol": "BNBBTC", "type": "LIQUIDATION_FEE", "amount": "-0.00060"}
    return json.dumps({"id": number, "timestamp": at} | row | changes)


def flow(number: int = 1, at: int = T, **changes: Any) -> Flow:
    read = read_flow(raw(number, at, **changes).encode(), T + 90 * DAY)
    assert isinstance(read, Flow)
    return read


def stored(connection: Connection) -> list[Any]:
    return list(connection.execute(text("SELECT id, amount::text, first_run_id FROM capital_flows ORDER BY id")))


def gaps(connection: Connection) -> list[tuple[Window, str]]:
    return FLOWS.gaps(connection)


def day(first: int, last: int) -> Window:
    return Window(T + first * DAY, T + last * DAY)


def test_every_column_comes_from_the_row_as_received(connection: Connection) -> None:
    one = flow(8389766251307928001, T + 7, amount="-0.000600000000000000000001")
    assert capital_flows.add(connection, *WALLET, 7, [one]) == []
    (row,) = connection.execute(text("SELECT * FROM capital_flows")).mappings()
    expected = {"account": ACCOUNT, "market": OF_MARKET, "id": 8389766251307928001, "tran_id": 9}
    expected |= {"time": to_datetime(T + 7), "asset": "BTC", "symbol": "BNBBTC", "type": "LIQUIDATION_FEE"}
    expected |= {"amount": Decimal("-0.000600000000000000000001"), "raw": json.loads(one.raw), "first_run_id": 7}
    assert {name: row[name] for name in expected} == expected
    report = connection.execute(text("SELECT * FROM report_liquidation_flows")).mappings().one()
    assert dict(report) == {name: row[name] for name in ("account", "time", "asset", "symbol", "type", "amount")}


def test_a_flow_is_stored_once_and_its_first_row_stays(connection: Connection) -> None:
    assert capital_flows.add(connection, *WALLET, 1, [flow(1), flow(1), flow(2)]) == []
    assert capital_flows.add(connection, *WALLET, 2, [flow(2, tranId="9"), flow(3)]) == []
    assert stored(connection) == [(1, "-0.00060", 1), (2, "-0.00060", 1), (3, "-0.00060", 2)]


@pytest.mark.parametrize("changes", [{"amount": "-7"}, {"asset": "ETH"}, {"at": T + 1}, {"symbol": None}])
def test_another_flow_of_the_same_id_is_no_version_of_it(connection: Connection, changes: dict[str, Any]) -> None:
    other = flow(1, **changes)
    refused = [Reject(other.raw, "another flow has the id 1", is_json=True)]
    assert capital_flows.add(connection, *WALLET, 1, [flow(1), other]) == refused
    assert capital_flows.add(connection, *WALLET, 2, [other]) == refused
    assert stored(connection) == [(1, "-0.00060", 1)]


def test_only_liquidations_can_be_stored(connection: Connection) -> None:
    with pytest.raises(IntegrityError, match="capital_flows_type_check"):
        capital_flows.add(connection, *WALLET, 1, [flow(type="TRANSFER")])


def test_a_stored_flow_that_a_page_does_not_show_is_found(connection: Connection) -> None:
    capital_flows.add(connection, *WALLET, 1, [flow(1), flow(2, T + DAY), flow(3, T + 2 * DAY)])
    assert capital_flows.left_out(connection, *WALLET, day(0, 2), [1, 2]) is None
    assert capital_flows.left_out(connection, *WALLET, day(0, 2), [2]) == 1
    assert capital_flows.left_out(connection, *WALLET, day(0, 3), []) == 1
    assert capital_flows.left_out(connection, "other", OF_MARKET, day(0, 3), []) is None


def test_each_instant_that_is_not_proven_has_a_reason(connection: Connection) -> None:
    FLOWS.ask(connection, T)
    assert gaps(connection) == [], "before the first answer nothing is known to be missing"
    failed, lost = Finding(day(1, 3), Verdict.FAILED), Finding(day(2, 4), Verdict.SATURATED)
    FLOWS.record(connection, [proven(T + 5 * DAY, T + 9 * DAY), failed, lost])
    assert gaps(connection) == [
        (day(0, 1), "not_fetched"),
        (day(1, 2), "failed"),
        (day(2, 4), "saturated"),
        (day(4, 5), "not_fetched"),
    ]
    known = FLOWS.known(connection)
    assert (known.proven, known.given_up, known.requested_since) == ([day(5, 9)], [day(2, 4)], T)
    FLOWS.record(connection, [proven(T, T + 6 * DAY)])
    assert gaps(connection) == []


def test_no_view_of_orders_counts_what_is_known_of_flows(connection: Connection) -> None:
    FLOWS.ask(connection, T)
    FLOWS.record(connection, [proven(T, T + DAY), Finding(day(2, 3), Verdict.FAILED)])
    quarantine.keep(connection, ACCOUNT, QUARANTINE, 1, [Reject(raw(id="x"), "unreadable", is_json=True)])
    assert coverage.known(connection, *WALLET)[None].proven == ()
    views = ("watermarks", "own_watermarks", "coverage_gaps", "report_coverage", "effective_coverage")
    assert [view for view in views if connection.execute(text(f"SELECT FROM {view}")).all()] == []
    assert quarantine.doubted_days(connection) == []


def test_a_row_in_quarantine_is_resolved_once_its_flow_is_stored(connection: Connection) -> None:
    quarantine.keep(connection, ACCOUNT, QUARANTINE, 1, [Reject(raw(amount="much"), "no decimal", is_json=True)])
    capital_flows.add(connection, *WALLET, 1, [flow(2)])
    assert quarantine.count(connection) == 1
    capital_flows.add(connection, *WALLET, 1, [flow(1)])
    assert quarantine.count(connection) == 0


def test_rows_that_can_be_read_now_are_stored_from_the_quarantine(connection: Connection) -> None:
    rows = [raw(1), raw(2, type="TRANSFER"), raw(3, amount="much")]
    quarantine.keep(connection, ACCOUNT, QUARANTINE, 1, [Reject(one, "unreadable", is_json=True) for one in rows])
    connection.commit()
    retried = retry_quarantine(connection)
    assert (retried.stored, retried.left) == (2, 1)
    assert [one[0] for one in stored(connection)] == [1]
    assert account_rows.markets(connection, ACCOUNT) == [], "an endpoint is no market"


def test_a_reset_takes_back_the_proof_of_flows_too(connection: Connection) -> None:
    FLOWS.record(connection, [proven(T, T + 9 * DAY)])
    assert not coverage_reset.reset(connection, Reach(ACCOUNT, "usdm", None, T, T + DAY), T)
    assert not coverage_reset.reset(connection, Reach(ACCOUNT, OF_MARKET, "BNBBTC", T, T + DAY), T)
    assert coverage_reset.reset(connection, Reach(ACCOUNT, None, None, T + DAY, T + 2 * DAY), T)
    assert gaps(connection) == [(day(1, 2), "not_fetched")]


def test_a_forgotten_account_leaves_no_flow(connection: Connection) -> None:
    capital_flows.add(connection, *WALLET, 1, [flow(1)])
    FLOWS.ask(connection, T)
    account_rows.delete_all(connection, ACCOUNT)
    assert stored(connection) == []
    assert connection.execute(text("SELECT FROM capital_flow_coverage")).all() == []
