"""The documented row of every market, stored to the digit; and margin orders, of which a key holds one kind."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, select, text

from etl.commands.check_database import check_database
from etl.commands.retry_quarantine import retry_quarantine
from etl.core.differences import compare
from etl.core.orders import FIELDS, FieldType
from etl.core.timeline import to_datetime, to_millis
from etl.core.wallets import Wallet
from etl.runs.recorder import Received, Recorder
from etl.store import orders, quarantine, runs
from etl.store.schema import force_orders
from tests.documented import ROW_OF_COINM, ROW_OF_MARGIN, ROW_OF_PM_MARGIN, ROWS
from tests.postgres.samples import ACCOUNT, page

LONG_ID = 8389766251307928001
"""Of a real account; above 2^53 a float would make another number of it."""

IS_ISOLATED = "the stored order 180015097 of BNBBTC is of isolated margin, and this row is of the other kind"


AT = to_millis(datetime(2021, 9, 3, 12, tzinfo=UTC))


def write(connection: Connection, market: str, *rows: dict[str, Any]) -> Recorder:
    run_id = runs.start(connection, "backfill")
    recorder = Recorder(connection, run_id, lambda: (1, 1))
    recorder.commit([Received(Wallet(ACCOUNT, market), page(*map(json.dumps, rows)), [])])
    return recorder


def stored(connection: Connection) -> list[dict[str, Any]]:
    found = connection.execute(select(force_orders).order_by(force_orders.c.order_id, force_orders.c.market))
    return [dict(row) for row in found.mappings()]


def margin(**changes: Any) -> dict[str, Any]:
    return ROW_OF_MARGIN | changes


@pytest.mark.parametrize("case", ROWS)
def test_the_row_is_stored_to_the_digit(connection: Connection, case: str) -> None:
    row, market = ROWS[case], case.split()[0]
    write(connection, market, row)
    (order,) = stored(connection)
    assert order["raw"] == row
    for field in FIELDS:
        sent = row.get(field.wire, row.get(field.also or ""))
        if field.type is FieldType.DECIMAL and sent is not None:
            assert f"{order[field.column]:f}" == sent
        else:
            assert order[field.column] == sent
    updated = to_datetime(row["updateTime" if "updateTime" in row else "updatedTime"])
    assert order["update_time"] == updated
    assert order["order_time"] == (to_datetime(row["time"]) if "time" in row else updated)
    assert order["order_time_source"] == ("time" if "time" in row else "update")
    assert (order["market"], order["source"]) == (market, "api")


@pytest.mark.parametrize("case", ROWS)
def test_the_row_shows_no_difference_and_passes_every_check(connection: Connection, case: str) -> None:
    row, market = dict(ROWS[case]), case.split()[0]
    if "updatedTime" in row:  # as documented it is older than any futures order can be
        row["updatedTime"] = AT
    write(connection, market, row)
    (order,) = page(json.dumps(row)).orders
    assert (
        compare(Wallet(ACCOUNT, market), order, orders.stored(connection, ACCOUNT, market, [order.key])[order.key])
        is None
    )
    connection.rollback()
    assert [check.sentence for check in check_database(connection).checks if check.wrong] == []


@pytest.mark.parametrize("row", [ROW_OF_COINM, ROW_OF_PM_MARGIN], ids=["coinm", "margin"])
def test_an_id_beyond_what_a_float_holds_is_exact_everywhere(connection: Connection, row: dict[str, Any]) -> None:
    ids = [LONG_ID, LONG_ID + 1]
    write(connection, "coinm", *(row | {"orderId": order_id} for order_id in ids))
    assert [order["order_id"] for order in stored(connection)] == ids
    assert [order["raw"]["orderId"] for order in stored(connection)] == ids
    shown = connection.scalars(text("SELECT order_id FROM report_force_orders ORDER BY order_id"))
    assert list(shown) == ids


def test_a_later_version_keeps_what_the_former_had_of_its_market(connection: Connection) -> None:
    updated = ROW_OF_COINM["updateTime"]
    write(connection, "coinm", ROW_OF_COINM)
    write(connection, "coinm", ROW_OF_COINM | {"cumBase": "0.009", "updateTime": updated + 1})
    query = text(
        "SELECT pair, cum_base, source, order_time_source, update_time, valid_until FROM force_order_revisions"
    )
    ((*former, updated_at, valid_until),) = connection.execute(query)
    assert former == ["BTCUSD", Decimal("0.00882854"), "api", "time"]
    assert updated_at == to_datetime(updated)
    before = {"moment": valid_until - timedelta(microseconds=1)}
    as_of = text("SELECT cum_base FROM force_orders_as_of(:moment)")
    assert list(connection.scalars(as_of, before)) == [Decimal("0.00882854")]
    assert list(connection.scalars(as_of, {"moment": valid_until})) == [Decimal("0.009")]


@pytest.mark.parametrize("later", [-1, 0, 1])
def test_an_order_of_the_other_kind_of_margin_overwrites_nothing_and_is_kept_aside(
    connection: Connection, later: int
) -> None:
    cross = margin(isIsolated=False, updatedTime=ROW_OF_MARGIN["updatedTime"] + later, orderId="180015097")
    write(connection, "margin", margin())
    recorder = write(connection, "margin", cross, margin(orderId=2))
    assert [(one["order_id"], one["raw"]) for one in stored(connection)] == [
        (2, margin(orderId=2)),
        (180015097, margin()),
    ]
    (waiting,) = quarantine.unresolved(connection)
    assert (json.loads(waiting.raw), waiting.reason) == (cross, f"the database cannot keep it: {IS_ISOLATED}")
    assert (recorder.counts.inserted, recorder.counts.quarantined) == (1, 1)


def test_it_waits_on_when_the_stored_one_is_shown_again_and_when_it_is_retried(connection: Connection) -> None:
    write(connection, "margin", margin())
    write(connection, "margin", margin(isIsolated=False))
    write(connection, "margin", margin())
    write(connection, "margin", margin(isIsolated=False))
    assert quarantine.count(connection) == 1
    retried = retry_quarantine(connection)
    assert (retried.stored, retried.left) == (0, 1)
    assert [one["is_isolated"] for one in stored(connection)] == [True]


def test_two_kinds_in_one_page_are_one_order_and_one_row_kept_aside(connection: Connection) -> None:
    write(connection, "margin", margin(), margin(isIsolated=False))
    assert [one["is_isolated"] for one in stored(connection)] == [True]
    (waiting,) = quarantine.unresolved(connection)
    assert waiting.reason == "another order of BNBBTC with this orderId is of isolated margin"


def test_a_row_that_does_not_say_its_kind_is_an_ordinary_version(connection: Connection) -> None:
    updated = ROW_OF_PM_MARGIN["updatedTime"]
    for later, is_isolated in enumerate([None, False, None]):
        write(connection, "pm-margin", margin(isIsolated=is_isolated, updatedTime=updated + later))
        assert [one["is_isolated"] for one in stored(connection)] == [is_isolated]
    assert quarantine.count(connection) == 0


def test_a_margin_row_that_cannot_be_read_doubts_the_day_of_its_update(connection: Connection) -> None:
    write(connection, "margin", margin(price="?", updatedTime=AT))
    query = text("SELECT first_day::text, last_day::text FROM quarantined_days")
    assert connection.execute(query).all() == [("2021-09-03", "2021-09-03")]
