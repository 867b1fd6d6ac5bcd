"""What an order was before it changed is kept, so that the past can be asked for as it looked then."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, text

from etl.core.markets import USDM
from etl.core.orders import latest_versions
from etl.store.orders import upsert
from etl.store.schema import force_order_revisions, force_orders
from etl.store.upserting import Change
from tests.postgres.samples import ACCOUNT, page, row

AT = 1_790_000_000_000

NEW, PARTLY, FILLED = (
    {"status": status, "executedQty": filled, "updateTime": at}
    for status, filled, at in (
        ("NEW", "0", AT + 1000),
        ("PARTIALLY_FILLED", "0.0005", AT + 2000),
        ("FILLED", "0.001", AT + 3000),
    )
)


def write(connection: Connection, **changes: Any) -> datetime:
    """Store a version of the order; when that was."""
    upsert(connection, ACCOUNT, USDM, 1, page(row(**changes)).orders)
    now = connection.scalar(text("SELECT now()"))
    connection.commit()
    assert isinstance(now, datetime)
    return now


def as_of(connection: Connection, moment: datetime) -> list[str]:
    found = connection.scalars(text("SELECT status FROM force_orders_as_of(:moment)"), {"moment": moment})
    return list(found)


def revisions(connection: Connection) -> list[tuple[Any, ...]]:
    table = force_order_revisions.c
    columns = (table.status, table.valid_from, table.valid_until)
    return [tuple(found) for found in connection.execute(select(*columns).order_by(table.valid_until))]


def test_an_order_that_never_changed_has_no_revision(connection: Connection) -> None:
    for _ in range(2):
        write(connection, **NEW)
    assert revisions(connection) == []


def test_each_version_but_the_last_becomes_a_revision(connection: Connection) -> None:
    first, second, third = (write(connection, **version) for version in (NEW, PARTLY, FILLED))
    write(connection, **PARTLY)
    assert revisions(connection) == [("NEW", first, second), ("PARTIALLY_FILLED", second, third)]


def test_the_past_can_be_asked_for_as_it_looked_then(connection: Connection) -> None:
    first, second, third = (write(connection, **version) for version in (NEW, PARTLY, FILLED))
    instant = timedelta(microseconds=1)
    assert [as_of(connection, moment) for moment in (first - instant, first, second - instant)] == [
        [],
        ["NEW"],
        ["NEW"],
    ]
    assert [as_of(connection, moment) for moment in (second, third - instant)] == [["PARTIALLY_FILLED"]] * 2
    assert as_of(connection, third) == ["FILLED"]


def test_two_versions_of_one_transaction_are_never_current_at_one_moment(connection: Connection) -> None:
    for version in (NEW, PARTLY, FILLED):
        upsert(connection, ACCOUNT, USDM, 1, page(row(**version)).orders)
    now = connection.scalar(text("SELECT now()"))
    connection.commit()
    instant = timedelta(microseconds=1)
    assert [as_of(connection, now + n * instant) for n in range(4)] == [
        ["NEW"],
        ["PARTIALLY_FILLED"],
        ["FILLED"],
        ["FILLED"],
    ]


def test_a_double_write_of_an_earlier_release_gives_the_order_once(connection: Connection) -> None:
    first, second = (write(connection, **version) for version in (NEW, FILLED))
    connection.execute(text("ALTER TABLE force_orders DISABLE TRIGGER USER"))
    connection.execute(text("UPDATE force_orders SET changed_at = :first"), {"first": first})
    as_it_was = "UPDATE force_order_revisions SET valid_until = CAST(:first AS timestamptz) + interval '1 microsecond'"
    connection.execute(text(as_it_was), {"first": first})
    connection.commit()
    assert [as_of(connection, moment) for moment in (first, second)] == [["NEW"], ["FILLED"]]


def test_no_way_of_changing_a_row_forgets_it(connection: Connection) -> None:
    write(connection, **NEW)
    connection.execute(text("""UPDATE force_orders SET raw = raw || '{"by": "hand"}', changed_at = now()"""))
    assert [status for status, *_ in revisions(connection)] == ["NEW"]


def test_a_revision_has_the_columns_of_an_order(connection: Connection) -> None:
    write(connection, **NEW)
    before = dict(connection.execute(select(force_orders)).mappings().one())
    write(connection, **FILLED)
    kept = dict(connection.execute(select(force_order_revisions)).mappings().one())
    assert {name: kept[name] for name in before} == before
    assert set(kept) - set(before) == {"valid_from", "valid_until"}


@pytest.mark.parametrize(
    ("now", "changes"),
    [
        pytest.param(PARTLY | {"status": "EXPIRED"}, [Change.UPDATED], id="another version of the same millisecond"),
        pytest.param(PARTLY | {"executedQty": "0.0004"}, [Change.UPDATED], id="even if less filled"),
        pytest.param(FILLED, [Change.UPDATED], id="a later version"),
        pytest.param(PARTLY, [], id="not the same version"),
        pytest.param(NEW, [], id="never an earlier version"),
    ],
)
def test_a_repair_replaces(connection: Connection, now: dict[str, Any], changes: list[Change]) -> None:
    write(connection, **PARTLY)
    orders = latest_versions(page(row(**now)).orders)
    assert list(upsert(connection, ACCOUNT, USDM, 2, orders, replace_equal=True).values()) == changes
    assert len(revisions(connection)) == len(changes)
