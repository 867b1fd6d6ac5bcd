"""The tables `force_order_fills` and `fill_checks`: the fills of force orders, and what was read of them.

A fill never changes: its first row stays.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

from etl.core.fills import QUARANTINE, DueOrder, Fill, Reason, Sums
from etl.core.orders import Key, Reject
from etl.core.timeline import Window, to_datetime, to_millis

# The few orders of one account and span are found by their index; those that were asked for in this run wait for the
# next one. Those that were asked for least come first: what is never complete must not keep the others waiting.
_DUE = """
      FROM force_orders AS o
      LEFT JOIN fill_checks AS c USING (account, market, symbol, order_id)
     CROSS JOIN LATERAL (SELECT c.executed_qty IS NOT DISTINCT FROM o.executed_qty
                                AND c.cum_quote IS NOT DISTINCT FROM o.cum_quote AS is_same) AS compared
     WHERE o.account = :account AND o.market = :market AND o.source = 'api' AND o.order_time >= :since
       AND o.order_time < :until AND o.update_time < :until AND o.executed_qty > 0
       AND NOT (is_same AND c.state = 'complete')
"""
NEXT_DUE = text(f"""
    SELECT o.symbol, o.order_id, o.order_time, o.update_time, o.executed_qty, o.cum_quote,
           CASE WHEN is_same THEN c.tries ELSE 0 END AS tries
    {_DUE} AND c.run_id IS DISTINCT FROM :run_id
       AND (CASE WHEN is_same THEN c.tries ELSE 0 END, o.order_time, o.symbol, o.order_id)
           > (:after_tries, :after_time, :after_symbol, :after_id)
     ORDER BY tries, o.order_time, o.symbol, o.order_id LIMIT :limit
""")  # noqa: S608 – made of our own text
_COUNT_DUE = text(f"SELECT count(*) {_DUE} AND NOT (is_same AND c.reason = 'symbol refused' AND c.tries > 1)")

# Postgres reads every column out of the row as received. What differs under one key is returned and not stored; what
# only one of two rows says is no difference.
_AMOUNTS = ("price", "qty", "quote_qty", "base_qty", "realized_pnl", "commission")
_COMPARED = ("moment", *_AMOUNTS, "commission_asset", "margin_asset", "buyer", "maker")
_ADD = text(f"""
    WITH received AS (
        SELECT place, moment, raw, symbol, "orderId" AS order_id, id AS trade_id, price, qty, "quoteQty" AS quote_qty,
               "baseQty" AS base_qty, "realizedPnl" AS realized_pnl, commission,
               "commissionAsset" AS commission_asset, "marginAsset" AS margin_asset, buyer, maker
          FROM unnest(CAST(:times AS timestamptz[]), CAST(:rows AS text[])) WITH ORDINALITY
               AS given (moment, said, place)
         CROSS JOIN LATERAL (SELECT CAST(said AS jsonb) AS raw) AS row
         CROSS JOIN LATERAL jsonb_to_record(raw)
               AS fields (symbol text, "orderId" bigint, id bigint, price numeric, qty numeric, "quoteQty" numeric,
                          "baseQty" numeric, "realizedPnl" numeric, commission numeric, "commissionAsset" text,
                          "marginAsset" text, buyer boolean, maker boolean)
    ), added AS (
        INSERT INTO force_order_fills (
               account, market, symbol, order_id, trade_id, "time", price, qty, quote_qty, base_qty, realized_pnl,
               commission, commission_asset, margin_asset, buyer, maker, raw, first_run_id)
        SELECT :account, :market, symbol, order_id, trade_id, moment, price, qty, quote_qty, base_qty, realized_pnl,
               commission, commission_asset, margin_asset, buyer, maker, raw, :run_id
          FROM received ORDER BY symbol, order_id, trade_id, place
            ON CONFLICT DO NOTHING
        RETURNING *
    ), kept AS (
        SELECT fills.*
          FROM (SELECT DISTINCT symbol, order_id, trade_id FROM received) AS keys
          JOIN force_order_fills AS fills USING (symbol, order_id, trade_id)
         WHERE (fills.account, fills.market) = (:account, :market)
        UNION ALL
        SELECT * FROM added
    )
    SELECT place - 1
      FROM received JOIN (SELECT *, "time" AS moment FROM kept) AS kept USING (symbol, order_id, trade_id)
     WHERE {" OR ".join(f"received.{name} <> kept.{name}" for name in _COMPARED)}
     ORDER BY place
""")  # noqa: S608 – made of our own names
_RESOLVE = text("""
    UPDATE quarantined_orders SET resolved_at = now()
     WHERE (account, market) = (:account, :of_fills) AND resolved_at IS NULL
       AND (quarantined_field(raw, 'symbol'), quarantined_field(raw, 'orderId'), quarantined_field(raw, 'id'))
           IN (SELECT * FROM unnest(CAST(:symbols AS text[]), CAST(:order_ids AS text[]), CAST(:trade_ids AS text[])))
""")
_SUMS = text("""
    SELECT symbol, order_id, sum(qty) AS executed,
           CASE WHEN count(quote_qty) = count(*) THEN sum(quote_qty) END AS quote
      FROM force_order_fills
     WHERE (account, market) = (:account, :market)
       AND (symbol, order_id) IN (SELECT * FROM unnest(CAST(:symbols AS text[]), CAST(:order_ids AS bigint[])))
     GROUP BY symbol, order_id
""")
_CHECK = text("""
    INSERT INTO fill_checks AS old (account, market, symbol, order_id, state, reason, executed_qty, cum_quote, run_id)
    SELECT :account, :market, symbol, order_id, CASE WHEN reason IS NULL THEN 'complete' ELSE 'incomplete' END,
           reason, executed_qty, cum_quote, :run_id
      FROM unnest(CAST(:symbols AS text[]), CAST(:order_ids AS bigint[]), CAST(:reasons AS text[]),
                  CAST(:executed AS numeric[]), CAST(:quotes AS numeric[]))
           AS given (symbol, order_id, reason, executed_qty, cum_quote)
     ORDER BY symbol, order_id
        ON CONFLICT (account, market, symbol, order_id) DO UPDATE
       SET state = excluded.state, reason = excluded.reason, executed_qty = excluded.executed_qty,
           cum_quote = excluded.cum_quote, checked_at = now(), run_id = excluded.run_id,
           tries = CASE WHEN old.executed_qty IS DISTINCT FROM excluded.executed_qty
                          OR old.cum_quote IS DISTINCT FROM excluded.cum_quote THEN 1
                        ELSE old.tries + (old.run_id <> excluded.run_id)::int END
""")

_OWNERS = text("""
    SELECT market, order_id, order_time, update_time, executed_qty, cum_quote
      FROM force_orders
     WHERE account = :account AND market = ANY (:markets) AND symbol = :symbol AND order_id = :order_id
       AND executed_qty > 0
     ORDER BY market
""")


class Place(NamedTuple):
    """Where a chunk of due orders ended."""

    tries: int = -1
    time: int = 0
    symbol: str = ""
    order_id: int = 0


def due(
    connection: Connection, account: str, market: str, run_id: int, span: Window, after: Place, limit: int
) -> list[DueOrder]:
    """The next orders whose fills are to be read, those that were asked for least and the oldest first.

    `span`: when they were created and last changed, as `readable` says. Left out are those this run has asked for.
    """
    values = _scope(account, market, span) | {"run_id": run_id, "limit": limit}
    values |= {"after_tries": after.tries, "after_time": to_datetime(after.time)}
    rows = connection.execute(NEXT_DUE, values | {"after_symbol": after.symbol, "after_id": after.order_id})
    return [
        DueOrder(symbol, order_id, to_millis(created), to_millis(changed), executed, quote, tries)
        for symbol, order_id, created, changed, executed, quote, tries in rows
    ]


def count_due(connection: Connection, account: str, market: str, span: Window) -> int:
    """How many orders have fills that are not complete and may still be read.

    Not counted are those of a closed contract that were refused before: nobody needs to hear that every night.
    """
    return int(connection.scalar(_COUNT_DUE, _scope(account, market, span)) or 0)


def add(connection: Connection, account: str, market: str, run_id: int, fills: Sequence[Fill]) -> list[Reject]:
    """Store fills that are not stored yet, and resolve their rows in quarantine; returns those that contradict another.

    Raises DataError where Postgres cannot read a row.
    """
    if not fills:
        return []
    scope = {"account": account, "market": market, "run_id": run_id}
    rows = {"times": [to_datetime(fill.time) for fill in fills], "rows": [fill.raw for fill in fills]}
    differing = {*connection.scalars(_ADD, scope | rows)}
    stored = [fill for place, fill in enumerate(fills) if place not in differing]
    ids = {
        "symbols": [fill.symbol for fill in stored],
        "order_ids": [str(fill.order_id) for fill in stored],
        "trade_ids": [str(fill.trade_id) for fill in stored],
    }
    connection.execute(_RESOLVE, {"account": account, "of_fills": QUARANTINE} | ids)
    return [
        Reject(fill.raw, f"another fill of order {fill.order_id} has the id {fill.trade_id}", is_json=True)
        for place, fill in enumerate(fills)
        if place in differing
    ]


def sums(connection: Connection, account: str, market: str, keys: Collection[Key]) -> dict[Key, Sums]:
    """What the stored fills of each of these orders add up to, exactly."""
    rows = connection.execute(_SUMS, {"account": account, "market": market} | _columns(keys))
    found = {(row.symbol, row.order_id): Sums(row.executed, row.quote) for row in rows}
    return {key: found.get(key, Sums()) for key in keys}


def record(
    connection: Connection, account: str, market: str, run_id: int, checks: Mapping[DueOrder, Reason | None]
) -> None:
    """Record of orders whether their fills are complete (None), or why they are not."""
    if not checks:
        return
    values = {
        "reasons": [*checks.values()],
        "executed": [order.executed for order in checks],
        "quotes": [order.quote for order in checks],
    }
    scope = {"account": account, "market": market, "run_id": run_id}
    connection.execute(_CHECK, scope | _columns([order.key for order in checks]) | values)


def owners(connection: Connection, account: str, markets: Sequence[str], key: Key) -> dict[str, DueOrder]:
    """The orders of a key by market: two markets of an account may have one each."""
    symbol, order_id = key
    values = {"account": account, "markets": [*markets], "symbol": symbol, "order_id": order_id}
    return {
        row.market: DueOrder(
            *key, to_millis(row.order_time), to_millis(row.update_time), row.executed_qty, row.cum_quote
        )
        for row in connection.execute(_OWNERS, values)
    }


def _scope(account: str, market: str, span: Window) -> dict[str, object]:
    return {"account": account, "market": market, "since": to_datetime(span.start), "until": to_datetime(span.end)}


def _columns(keys: Collection[Key]) -> dict[str, list[object]]:
    return {"symbols": [symbol for symbol, _ in keys], "order_ids": [order_id for _, order_id in keys]}
