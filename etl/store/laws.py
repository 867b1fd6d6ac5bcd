"""The laws that every run keeps, each as a query for what breaks it: a restore or a statement by hand may."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import CheckConstraint, Connection, PrimaryKeyConstraint, text

from etl.core.planning import OPENED
from etl.core.timeline import to_datetime
from etl.store.schema import RUN_STATUSES, daily_sums, metadata

LAWS = {
    "the tables have their keys, checks and triggers": """
        SELECT '', format('%s lacks %s', relation, wanted)
          FROM unnest(CAST(:relations AS text[]), CAST(:constraints AS text[])) AS needed (relation, wanted)
         WHERE NOT EXISTS (SELECT FROM pg_constraint
                            WHERE conrelid = to_regclass(relation) AND conname = wanted AND convalidated)
        UNION ALL
        SELECT '', format('force_orders lacks %s', wanted)
          FROM unnest(CAST(:triggers AS text[])) AS wanted
         WHERE NOT EXISTS (SELECT FROM pg_trigger
                            WHERE tgrelid = to_regclass('force_orders') AND tgname = wanted
                              AND tgenabled IN ('O', 'A'))
    """,
    "every order has a symbol and possible times": """
        SELECT account, :order FROM force_orders
         WHERE '' IN (account, market, symbol) OR least(order_time, update_time) < :opened
            OR greatest(order_time, update_time) > now() + interval '1 day'
    """,
    "every order was stored by runs that exist, or were removed after they had been counted": """
        WITH removed AS (
            SELECT coalesce(range_agg(int8range(first_run_id, last_run_id, '[]')), '{}') AS ids
              FROM run_days WHERE removed_at IS NOT NULL
        )
        SELECT account, :order FROM force_orders
         WHERE NOT EXISTS (SELECT FROM runs WHERE id = first_run_id)
               AND NOT (SELECT ids @> first_run_id FROM removed)
            OR NOT EXISTS (SELECT FROM runs WHERE id = last_run_id)
               AND NOT (SELECT ids @> last_run_id FROM removed)
    """,
    "every order is counted once": """
        SELECT account, format('%s %s %s: %s orders, but %s counted', account, market, close_type,
                               coalesce(stored.orders, 0), coalesce(counted.orders, 0))
          FROM (SELECT account, market, close_type, count(*) AS orders FROM force_orders
                 GROUP BY account, market, close_type) AS stored
          FULL JOIN order_counts AS counted USING (account, market, close_type)
         WHERE stored.orders IS DISTINCT FROM nullif(counted.orders, 0)
    """,
    "every day with an order is known, and the sums that are kept of it are those of its orders": """
        WITH kept AS (
            SELECT :sums FROM order_days JOIN daily_sums USING (account, market, day) WHERE is_summed
        ), computed AS (
            SELECT :sums FROM computed_daily_sums WHERE is_summed
        )
        SELECT DISTINCT account, format('%s %s %s', account, market, day)
          FROM ((TABLE kept EXCEPT ALL TABLE computed) UNION ALL (TABLE computed EXCEPT ALL TABLE kept)) AS different
        UNION ALL
        SELECT account, format('%s %s %s', account, market, day)
          FROM (SELECT DISTINCT account, market, timezone('UTC', order_time)::date AS day FROM force_orders) AS stored
         WHERE NOT EXISTS (SELECT FROM order_days AS own
                            WHERE (own.account, own.market, own.day) = (stored.account, stored.market, stored.day))
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
    "the newest seal of each account is the one that was made last": """
        SELECT account, format('%s %s', account, market)
          FROM newest_seals AS noted
          FULL JOIN (SELECT DISTINCT ON (account, market) account, market, digest
                       FROM seals ORDER BY account, market, id DESC) AS own USING (account, market)
         WHERE noted.digest IS DISTINCT FROM own.digest
    """,
    # Only days that no setting of `reread_days` leaves to a later run, and only where the last run reached its end.
    "every proven day that is long past has a seal": """
        SELECT account, format('%s %s %s', account, market, (start AT TIME ZONE 'UTC')::date)
          FROM (SELECT account, market, max(day) AS day, max(run_id) AS run_id, max(sealed_at) AS sealed_at
                  FROM seals GROUP BY account, market) AS last
          JOIN (SELECT account, market, range_intersect_agg(proven) AS whole FROM effective_coverage
                 WHERE symbol <> '*' OR proven <> '{}' GROUP BY account, market) AS own USING (account, market)
         CROSS JOIN generate_series(greatest(date_trunc('day', lower(whole), 'UTC'), :opened),
                                    least(last.day::timestamp AT TIME ZONE 'UTC', now() - interval '62 days'),
                                    interval '24 hours') AS start
         WHERE tstzrange(start, start + interval '24 hours') <@ whole
           AND NOT EXISTS (SELECT FROM seals WHERE (seals.account, seals.market) = (last.account, last.market)
                              AND seals.day = (start AT TIME ZONE 'UTC')::date)
           AND NOT EXISTS (SELECT FROM runs WHERE id >= last.run_id AND status NOT IN ('succeeded', 'incomplete')
                           UNION ALL
                           SELECT FROM run_days
                            WHERE last_run_id >= last.run_id AND status NOT IN ('succeeded', 'incomplete'))
           AND NOT EXISTS (SELECT FROM quarantined_orders AS waiting
                            WHERE (waiting.account, waiting.market) = (last.account, last.market)
                              AND (resolved_at IS NULL OR resolved_at > last.sealed_at))
    """,
    # Not how many: runs count the same row again, and rows of two texts may be one. `verify` only counts.
    "the rows that a run could not read are kept": """
        SELECT '', format('run %s, %s', id, command) FROM runs
         WHERE quarantined > 0 AND command <> 'verify'
           AND NOT EXISTS (SELECT FROM quarantined_orders WHERE run_id <= runs.id)
           AND NOT EXISTS (SELECT FROM decisions WHERE kind = 'forget' AND decided_at >= started_at)
    """,
    "every run has a status and counts that fit": """
        SELECT '', format('run %s', id) FROM runs
         WHERE status <> ALL (CAST(:statuses AS text[])) OR (status = 'running') <> (finished_at IS NULL)
            OR least(requests, weight, rows_received, inserted, updated, unchanged, quarantined) < 0
    """,
}
"""Each query returns accounts, empty where the case belongs to none, and words for the case."""

TRIGGERS = (
    "keep_revision",
    "refuse_other_margin",
    *(f"{does}_{of}" for does in ("count", "mark") for of in ("inserted", "deleted", "changed", "none")),
)
"""Of `force_orders`."""

_ORDER = "format('%s %s %s %s, order %s', account, market, (order_time AT TIME ZONE 'UTC')::date, symbol, order_id)"
_SUMS = ", ".join(column.name for column in daily_sums.c)


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
        "triggers": [f"force_orders_{name}" for name in TRIGGERS],
        "opened": to_datetime(OPENED),
        "accounts": ["", *accounts],
        "every": not accounts,
    }
    found = {}
    for law, query in LAWS.items():
        own = query.replace(":order", _ORDER).replace(":sums", _SUMS)
        statement = text(f"""
            SELECT count(*), min(words) FROM ({own}) AS cases (account, words)
             WHERE :every OR account = ANY (CAST(:accounts AS text[]))
        """)  # noqa: S608 – made of our own text
        wanted = {name: values[name] for name in statement.compile().params}
        found[law] = Broken(*connection.execute(statement, wanted).one())
    return found
