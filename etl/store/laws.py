"""The laws that every run keeps, each as a query for what breaks it: a restore or a statement by hand may."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import CheckConstraint, Connection, PrimaryKeyConstraint, text

from etl.core.planning import OPENED
from etl.core.timeline import to_datetime
from etl.store.schema import RUN_STATUSES, metadata

LAWS = {
    "the tables have their keys, checks and triggers": """
        SELECT '', format('%s lacks %s', relation, wanted)
          FROM unnest(CAST(:relations AS text[]), CAST(:constraints AS text[])) AS needed (relation, wanted)
         WHERE NOT EXISTS (SELECT FROM pg_constraint
                            WHERE conrelid = to_regclass(relation) AND conname = wanted AND convalidated)
        UNION ALL
        SELECT '', 'force_orders lacks force_orders_keep_revision'
         WHERE NOT EXISTS (SELECT FROM pg_trigger
                            WHERE tgrelid = to_regclass('force_orders') AND tgname = 'force_orders_keep_revision'
                              AND tgenabled IN ('O', 'A'))
    """,
    "every order has a symbol and possible times": """
        SELECT account, :order FROM force_orders
         WHERE '' IN (account, market, symbol) OR least(order_time, update_time) < :opened
            OR greatest(order_time, update_time) > now() + interval '1 day'
    """,
    "every order was stored by runs that exist": """
        SELECT account, :order FROM force_orders
         WHERE NOT EXISTS (SELECT FROM runs WHERE id = first_run_id)
            OR NOT EXISTS (SELECT FROM runs WHERE id = last_run_id)
    """,
    "every earlier version belongs to an order": """
        SELECT account, :order FROM force_order_revisions AS former
         WHERE NOT EXISTS (SELECT FROM force_orders AS own
                            WHERE (own.account, own.market, own.symbol, own.order_id)
                                = (former.account, former.market, former.symbol, former.order_id))
    """,
    "every symbol with an order has a watermark": """
        SELECT account, format('%s %s %s', account, market, symbol)
          FROM (SELECT account, market, symbol FROM force_orders GROUP BY account, market, symbol) AS used
         WHERE NOT EXISTS (SELECT FROM effective_coverage AS own
                            WHERE (own.account, own.market, own.symbol) = (used.account, used.market, used.symbol))
    """,
    "nothing is proven beyond now, or without end": """
        SELECT account, format('%s %s %s, proven until %s', account, market, symbol, upper(proven))
          FROM effective_coverage
         WHERE lower_inf(proven) OR upper_inf(proven) OR lower(proven) = '-infinity' OR upper(proven) > now()
    """,
    "every run has a status and counts that fit": """
        SELECT '', format('run %s', id) FROM runs
         WHERE status <> ALL (CAST(:statuses AS text[])) OR (status = 'running') <> (finished_at IS NULL)
            OR least(requests, weight, rows_received, inserted, updated, unchanged, quarantined) < 0
    """,
}
"""Each query returns accounts, empty where the case belongs to none, and words for the case."""

_ORDER = "format('%s %s %s %s, order %s', account, market, (order_time AT TIME ZONE 'UTC')::date, symbol, order_id)"


class Broken(NamedTuple):
    """How many cases break a law, and one of them."""

    cases: int
    first: str | None


def broken(connection: Connection, accounts: Collection[str] = ()) -> dict[str, Broken]:
    """Each law with what breaks it, for these accounts; without any, for all. Only reads."""
    constraints = [
        (table.name, str(constraint.name))
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint | PrimaryKeyConstraint)
    ]
    values = {
        "relations": [relation for relation, _ in constraints],
        "constraints": [name for _, name in constraints],
        "statuses": list(RUN_STATUSES),
        "opened": to_datetime(OPENED),
        "accounts": ["", *accounts],
        "every": not accounts,
    }
    found = {}
    for law, query in LAWS.items():
        statement = text(f"""
            SELECT count(*), min(words) FROM ({query.replace(":order", _ORDER)}) AS cases (account, words)
             WHERE :every OR account = ANY (CAST(:accounts AS text[]))
        """)  # noqa: S608 – made of our own text
        wanted = {name: values[name] for name in statement.compile().params}
        found[law] = Broken(*connection.execute(statement, wanted).one())
    return found
