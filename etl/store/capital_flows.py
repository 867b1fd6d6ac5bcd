"""The tables `capital_flows` and `capital_flow_coverage`: liquidations by what they moved, and what of them is proven.

A flow never changes: its first row stays.
"""

from collections.abc import Sequence

from sqlalchemy import BigInteger, Connection, all_, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from etl.core.capital_flows import QUARANTINE, Flow
from etl.core.orders import Reject
from etl.core.timeline import Window, to_datetime
from etl.store.record_coverage import RecordCoverage
from etl.store.schema import capital_flow_coverage, capital_flows

# Postgres reads every column out of the row as received. What differs under one id is returned and not stored.
_ADD = text("""
    WITH received AS (
        SELECT place, moment, raw, fields.*
          FROM unnest(CAST(:times AS timestamptz[]), CAST(:rows AS text[])) WITH ORDINALITY
               AS given (moment, said, place)
         CROSS JOIN LATERAL (SELECT CAST(said AS jsonb) AS raw) AS row
         CROSS JOIN LATERAL jsonb_to_record(raw)
               AS fields (id bigint, "tranId" bigint, asset text, symbol text, type text, amount numeric)
    ), added AS (
        INSERT INTO capital_flows (account, market, id, tran_id, "time", asset, symbol, type, amount, raw, first_run_id)
        SELECT :account, :market, id, "tranId", moment, asset, symbol, type, amount, raw, :run_id
          FROM received ORDER BY id, place
            ON CONFLICT DO NOTHING
        RETURNING id, tran_id, "time", asset, symbol, type, amount
    ), kept AS (
        SELECT id, tran_id, "time", asset, symbol, type, amount FROM capital_flows
         WHERE (account, market) = (:account, :market) AND id IN (SELECT id FROM received)
        UNION ALL
        SELECT * FROM added
    )
    SELECT place - 1 FROM received JOIN kept USING (id)
     WHERE (received."tranId", moment, received.asset, received.symbol, received.type, received.amount)
           IS DISTINCT FROM (kept.tran_id, kept."time", kept.asset, kept.symbol, kept.type, kept.amount)
     ORDER BY place
""")

_RESOLVE = text("""
    UPDATE quarantined_orders SET resolved_at = now()
     WHERE (account, market) = (:account, :of_flows) AND resolved_at IS NULL
       AND quarantined_field(raw, 'id') = ANY (CAST(:ids AS text[]))
""")


def coverage_of(account: str, market: str) -> RecordCoverage:
    """What is known of the flows of an account."""
    return RecordCoverage(capital_flow_coverage, "capital_flow_gaps", {"account": account, "market": market})


def add(connection: Connection, account: str, market: str, run_id: int, flows: Sequence[Flow]) -> list[Reject]:
    """Store flows that are not stored yet, and resolve their rows in quarantine; returns those that contradict another.

    Raises DataError where Postgres cannot read a row.
    """
    if not flows:
        return []
    scope = {"account": account, "market": market, "run_id": run_id}
    rows = {"times": [to_datetime(flow.time) for flow in flows], "rows": [flow.raw for flow in flows]}
    differing = [flows[place] for place in connection.scalars(_ADD, scope | rows)]
    ids = [str(flow.flow_id) for flow in flows if flow not in differing]
    connection.execute(_RESOLVE, {"account": account, "of_flows": QUARANTINE, "ids": ids})
    return [Reject(flow.raw, f"another flow has the id {flow.flow_id}", is_json=True) for flow in differing]


def left_out(connection: Connection, account: str, market: str, window: Window, shown: Sequence[int]) -> int | None:
    """The least id of a stored flow of a window that is not among those shown; None: all are."""
    own = capital_flows.c
    least: int | None = connection.scalar(
        select(func.min(own.id)).where(
            own.account == account,
            own.market == market,
            own.time >= to_datetime(window.start),
            own.time < to_datetime(window.end),
            own.id != all_(literal([*shown], ARRAY(BigInteger))),
        )
    )
    return least
