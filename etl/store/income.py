"""The tables `income` and `income_coverage`: what changed a balance, by type, and what of it is proven.

A row never changes: its first one stays.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, text

from etl.core.income import Income, quarantine_of
from etl.core.orders import Reject
from etl.core.timeline import Window, to_datetime, to_millis
from etl.store.record_coverage import RecordCoverage
from etl.store.schema import income, income_coverage

# What differs under one id is returned and not stored.
_ADD = text("""
    WITH received AS (
        SELECT *
          FROM unnest(CAST(:types AS text[]), CAST(:ids AS bigint[]), CAST(:times AS timestamptz[]),
                      CAST(:assets AS text[]), CAST(:amounts AS numeric[]), CAST(:symbols AS text[]),
                      CAST(:trades AS bigint[]), CAST(:copies AS smallint[]), CAST(:rows AS text[])) WITH ORDINALITY
               AS given (income_type, tran_id, "time", asset, amount, symbol, trade_id, copy, said, place)
    ), added AS (
        INSERT INTO income (account, market, income_type, tran_id, "time", asset, amount, symbol, trade_id, copy, raw,
                            first_run_id)
        SELECT :account, :market, income_type, tran_id, "time", asset, amount, symbol, trade_id, copy,
               CAST(said AS jsonb), :run_id
          FROM received ORDER BY income_type, tran_id, place
            ON CONFLICT DO NOTHING
        RETURNING income_type, tran_id, "time", asset, amount, symbol, trade_id
    ), kept AS (
        SELECT income_type, tran_id, "time", asset, amount, symbol, trade_id FROM income
         WHERE (account, market) = (:account, :market) AND tran_id <> 0
           AND (income_type, tran_id) IN (SELECT income_type, tran_id FROM received)
        UNION ALL
        SELECT * FROM added WHERE tran_id <> 0
    )
    SELECT place - 1 FROM received JOIN kept USING (income_type, tran_id)
     WHERE (received."time", received.asset, received.amount, received.symbol, received.trade_id)
           IS DISTINCT FROM (kept."time", kept.asset, kept.amount, kept.symbol, kept.trade_id)
     ORDER BY place
""")

# Without an id nobody can say that a stored row is the one that could not be read.
_RESOLVE = text("""
    UPDATE quarantined_orders SET resolved_at = now()
      FROM unnest(CAST(:types AS text[]), CAST(:ids AS text[])) AS stored (income_type, tran_id)
     WHERE (account, market) = (:account, :of_income) AND resolved_at IS NULL
       AND quarantined_field(raw, 'incomeType') = stored.income_type
       AND quarantined_field(raw, 'tranId') = stored.tran_id
""")


def coverage_of(account: str, market: str, income_type: str) -> RecordCoverage:
    """What is known of the income of one type."""
    key = {"account": account, "market": market, "income_type": income_type}
    return RecordCoverage(income_coverage, "income_gaps", key)


def add(connection: Connection, account: str, market: str, run_id: int, rows: Sequence[Income]) -> list[Reject]:
    """Store rows that are not stored yet, and resolve them in quarantine; returns those that contradict another.

    Raises DataError where Postgres cannot read a row.
    """
    if not rows:
        return []
    scope = {"account": account, "market": market, "run_id": run_id}
    differing = [rows[place] for place in connection.scalars(_ADD, scope | _columns(rows))]
    doubted = {row.key for row in differing}
    stored = [row for row in rows if row.tran_id and row.key not in doubted]
    of_stored = {"types": [row.income_type for row in stored], "ids": [str(row.tran_id) for row in stored]}
    connection.execute(_RESOLVE, {"account": account, "of_income": quarantine_of(market)} | of_stored)
    return [Reject(row.raw, f"another {row.income_type} has the tranId {row.tran_id}", True) for row in differing]


def left_out(
    connection: Connection, account: str, market: str, income_type: str, window: Window, shown: Sequence[Income]
) -> Income | None:
    """The first stored row of a window that is not among those shown; None: all are."""
    own = income.c
    rows = connection.execute(
        select(own.tran_id, own.time, own.asset, own.amount, own.symbol, own.trade_id, own.copy)
        .where(
            own.account == account,
            own.market == market,
            own.income_type == income_type,
            own.time >= to_datetime(window.start),
            own.time < to_datetime(window.end),
        )
        .order_by(own.time, own.tran_id, own.copy)
    )
    keys = {row.key for row in shown}
    stored = (
        Income(income_type, tran_id, to_millis(time), asset, amount, symbol, trade_id, "", copy)
        for tran_id, time, asset, amount, symbol, trade_id, copy in rows
    )
    return next((row for row in stored if row.key not in keys), None)


def _columns(rows: Sequence[Income]) -> dict[str, list[Any]]:
    return {
        "types": [row.income_type for row in rows],
        "ids": [row.tran_id for row in rows],
        "times": [to_datetime(row.time) for row in rows],
        "assets": [row.asset for row in rows],
        "amounts": [row.amount for row in rows],
        "symbols": [row.symbol for row in rows],
        "trades": [row.trade_id for row in rows],
        "copies": [row.copy for row in rows],
        "rows": [row.raw for row in rows],
    }
