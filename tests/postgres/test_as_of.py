"""`SET force_orders.as_of`: the report views as they were at a moment, whatever came after it."""

import re
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, text

from etl.core.timeline import DAY, SECOND, to_millis
from tests.postgres.reported import at, found, write
from tests.postgres.samples import row

VIEWS = ("report_force_orders", "report_daily", "report_symbols", "report_cascades")
MOMENT = text("SELECT clock_timestamp()")
AS_OF = text("SELECT set_config('force_orders.as_of', :moment, false)")


def version(random: Random, now: int, number: int) -> str:
    """An order in one of its versions: the later, the more is filled; some change their kind as well."""
    begun = now - 40 * DAY + random.randrange(60) * DAY // 2 + number * 20 * SECOND
    filled = random.randrange(4)
    return row(
        orderId=number,
        symbol=random.choice(["BTCUSDT", "ETHUSDT", "XRPUSDC"]) if number > 5 else "BTCUSDT",
        clientOrderId=random.choice(["autoclose-1", "adl_autoclose"]),
        status="FILLED" if filled == 3 else "PARTIALLY_FILLED",
        executedQty=f"0.00{filled}",
        cumQuote=f"{filled * 10}.91321",
        time=begun if number > 5 else now - DAY + number * 20 * SECOND,
        updateTime=now + random.randrange(1000),
    )


def said(connection: Connection, suffix: str = "") -> dict[str, list[dict[str, Any]]]:
    return {view: found(connection, f"{view}{suffix}") for view in VIEWS}


def test_the_past_is_what_the_views_said_then(connection: Connection) -> None:
    random = Random(19)
    now = to_millis(connection.scalar(text("SELECT now()")))
    then = []
    for night in range(6):
        numbers = random.sample(range(1, 20), 8)
        write(connection, *(version(random, now + night * 1000, number) for number in numbers))
        connection.commit()
        then.append((connection.scalar(MOMENT), said(connection)))
        connection.commit()
    assert len({str(views) for _, views in then}) == 6
    assert connection.scalar(text("SELECT count(*) FROM force_order_revisions")) > 10
    for moment, views in then:
        connection.execute(AS_OF, {"moment": moment.isoformat()})
        assert said(connection, "_as_of") == views


def test_without_a_moment_it_is_the_present(connection: Connection) -> None:
    random, now = Random(4), to_millis(connection.scalar(text("SELECT now()")))
    for night in range(2):
        write(connection, *(version(random, now + night * 1000, number) for number in range(1, 12)))
    connection.commit()
    present = said(connection)
    assert all(present.values())
    for moment in ("", "infinity"):
        connection.execute(AS_OF, {"moment": moment})
        assert said(connection, "_as_of") == present


def test_before_anything_was_stored_there_was_nothing(connection: Connection) -> None:
    write(connection, version(Random(1), 1_790_000_000_000, 1))
    connection.commit()
    connection.execute(AS_OF, {"moment": "2020-01-01Z"})
    assert said(connection, "_as_of") == {view: [] for view in VIEWS}


@pytest.mark.parametrize("view", ["report_force_orders", "report_symbols"])
def test_a_view_of_the_past_follows_its_view(connection: Connection, view: str) -> None:
    """A migration that changes one of them has to change the other."""
    now, then = (
        connection.scalar(text(f"SELECT pg_get_viewdef('{name}'::regclass)")) for name in (view, f"{view}_as_of")
    )
    expected = re.sub(
        r"\bforce_orders\b", "orders_as_of", now.replace("report_force_orders", "report_force_orders_as_of")
    )
    expected = expected.replace("now()", "LEAST(now(), report_as_of())")
    assert " ".join(then.split()) == " ".join(expected.split())


@pytest.mark.parametrize("pause", ["0", "30 seconds", "1 day"])
def test_the_cascades_of_the_past_are_those_of_their_view(connection: Connection, pause: str) -> None:
    """They are found in another way than those of the present."""
    random = Random(7)
    for account in ("main", "hedge"):
        instants = [1_790_000_000_000 + random.randrange(60) * 20 * SECOND + random.randrange(2) for _ in range(90)]
        orders = (
            at(instant, number, symbol=random.choice(["BTCUSDT", "ETHUSDC", "XRPFOO"]))
            for number, instant in enumerate([*instants, *instants[:9]])
        )
        write(connection, *orders, account=account)
    connection.execute(text("SELECT set_config('force_orders.cascade_pause', :pause, false)"), {"pause": pause})
    assert found(connection, "report_cascades_as_of") == found(connection, "report_cascades") != []


def test_what_reads_the_present_does_not_read_the_past(connection: Connection) -> None:
    """The ordinary path is as fast as before: nothing of it depends on the moment."""
    depend = text("""
        SELECT DISTINCT ev_class::regclass::text FROM pg_depend
          JOIN pg_rewrite ON pg_rewrite.oid = objid AND classid = 'pg_rewrite'::regclass
         WHERE refobjid IN ('orders_as_of'::regclass, 'report_as_of()'::regprocedure) ORDER BY 1
    """)
    assert connection.scalars(depend).all() == [
        "orders_as_of",
        "report_daily_as_of",
        "report_force_orders_as_of",
        "report_symbols_as_of",
    ]
