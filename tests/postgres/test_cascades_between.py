"""`report_cascades_between`: in one pass the rows that the view has, of every span, pause and account; their orders."""

from random import Random

import pytest
from sqlalchemy import Connection, text

from etl.core.timeline import MINUTE, SECOND, iso
from tests.combining import each_value_once
from tests.postgres.reported import at, write

BEGAN = 1_790_000_000_000
SAME = """
    SELECT (SELECT count(*) FROM ({function}) AS f), (SELECT count(*) FROM ({view}) AS v),
           (SELECT count(*) FROM ({function} EXCEPT {view}) AS only_one)
"""
FUNCTION = "SELECT * FROM report_cascades_between('{since}', '{until}', {account})"
VIEW = "SELECT * FROM report_cascades WHERE started_at >= '{since}' AND started_at < '{until}' AND {condition}"


@pytest.fixture
def bursts(connection: Connection) -> Connection:
    """Orders of two accounts: alone, at the same instant, and in bursts that are cut by any span."""
    random = Random(37)
    for account in ("main", "hedge"):
        instants = [BEGAN + random.randrange(120) * 20 * SECOND + random.randrange(2) for _ in range(90)]
        write(
            connection,
            *(
                at(instant, number, symbol=random.choice(["BTCUSDT", "ETHUSDC", "XRPFOO"]))
                for number, instant in enumerate([*instants, *instants[:10]])
            ),
            account=account,
        )
    write(connection, at(BEGAN), at(BEGAN + 5 * MINUTE, 2), market="pm-usdm")
    connection.commit()
    return connection


@each_value_once(pause=["0", "1 second", "40 seconds", "5 minutes", "1 day"], account=[None, "hedge"])
def test_it_has_the_rows_of_the_view(bursts: Connection, pause: str, account: str | None) -> None:
    bursts.execute(text("SELECT set_config('force_orders.cascade_pause', :pause, false)"), {"pause": pause})
    spans = [(iso(BEGAN + a * MINUTE), iso(BEGAN + b * MINUTE)) for a in range(0, 45, 8) for b in range(a + 1, 50, 9)]
    for since, until in [("-infinity", "infinity"), *spans]:
        function = FUNCTION.format(since=since, until=until, account=f"'{account}'" if account else "NULL")
        condition = f"account = '{account}'" if account else "true"
        view = VIEW.format(since=since, until=until, condition=condition)
        ours, theirs, only_one = bursts.execute(text(SAME.format(function=function, view=view))).one()
        assert (ours, only_one) == (theirs, 0), (since, until)


@pytest.mark.parametrize("pause", ["0", "40 seconds", "1 day"])
def test_the_orders_of_its_cascades_are_those_between_their_ends(bursts: Connection, pause: str) -> None:
    bursts.execute(text("SELECT set_config('force_orders.cascade_pause', :pause, false)"), {"pause": pause})
    for span in ("", f"'{iso(BEGAN + 9 * MINUTE)}', '{iso(BEGAN + 21 * MINUTE)}'"):
        joined = f"""
            SELECT c.account, c.market, c.started_at, c.orders AS cascade_orders, o.symbol, o.order_id, o.close_type,
                   o.position_closed, o.order_time, o.quantity_ordered, o.quantity_filled, o.price, o.average_price,
                   o.notional, o.quote_asset
              FROM report_cascades_between({span}) AS c JOIN report_force_orders AS o USING (account, market)
             WHERE o.order_time BETWEEN c.started_at AND c.ended_at
        """
        function = f"SELECT * FROM report_cascade_orders({span})"
        ours, theirs, only_one = bursts.execute(text(SAME.format(function=function, view=joined))).one()
        assert (ours, only_one) == (theirs, 0)
        assert ours == 202 or span


def test_without_a_span_it_has_every_cascade(bursts: Connection) -> None:
    ours, theirs = (
        bursts.scalar(text(f"SELECT sum(orders) FROM {name}"))
        for name in ("report_cascades_between()", "report_cascades")
    )
    assert ours == theirs == 202


def test_a_reader_of_the_views_needs_no_more_rights(bursts: Connection) -> None:
    may = text("SELECT has_function_privilege('public', oid, 'EXECUTE') FROM pg_proc WHERE proname = :name")
    for name in ("report_cascades_between", "report_cascade_orders"):
        assert bursts.scalar(may, {"name": name}) is True
        reads = text(f"SELECT pg_get_functiondef('{name}'::regproc)")
        assert " force_orders " not in bursts.scalar(reads)
