"""Quarantine: rows that cannot be read, kept as received until a later version of the program can read them."""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import NamedTuple, Protocol, TypeVar

from sqlalchemy import Connection, Text, case, cast, exists, func, literal_column, select, text, true, update
from sqlalchemy.exc import DataError

from etl.core.orders import Key, Reject
from etl.store.schema import quarantined_orders


class HasRaw(Protocol):
    """A row that was read: `raw` is its JSON text as received."""

    @property
    def raw(self) -> str: ...


Row = TypeVar("Row", bound=HasRaw)

# Dismissed rows are looked up by their index, then compared.
_KEEP = text("""
    WITH received AS (
        SELECT place, CAST(said AS jsonb) AS raw, reason
          FROM unnest(CAST(:rows AS text[]), CAST(:reasons AS text[])) WITH ORDINALITY AS given (said, reason, place)
    ), waiting AS (
        SELECT * FROM received
         WHERE NOT EXISTS (SELECT FROM quarantined_orders AS old
                            WHERE old.account = :account AND old.market = :market AND old.decision_id IS NOT NULL
                              AND md5(old.raw::text) = md5(received.raw::text) AND old.raw = received.raw)
    ), kept AS (
        INSERT INTO quarantined_orders (account, market, run_id, raw, reason)
        SELECT :account, :market, :run_id, raw, reason FROM waiting ORDER BY place ON CONFLICT DO NOTHING
    )
    SELECT place - 1 FROM waiting ORDER BY place
""")

# Without a readable update time, only an order that was written after the row came can be what the row meant. One with
# an impossible update time means whatever a later page shows of the order.
_RESOLVE_STORED = text("""
    UPDATE quarantined_orders AS waiting SET resolved_at = now()
      FROM unnest(CAST(:symbols AS text[]), CAST(:order_ids AS bigint[])) AS given (symbol, order_id)
      JOIN force_orders AS o USING (symbol, order_id)
     WHERE (waiting.account, waiting.market) = (:account, :market) AND waiting.resolved_at IS NULL
       AND (o.account, o.market) = (:account, :market)
       AND quarantined_field(waiting.raw, 'symbol') = o.symbol
       AND quarantined_field(waiting.raw, 'orderId') = o.order_id::text
       AND coalesce(quarantined_field(waiting.raw, 'isIsolated') = o.is_isolated::text, true)
       AND CASE WHEN quarantined_moment(waiting.raw, 'updateTime') > waiting.seen_at + interval '1 day'
                THEN waiting.seen_at < now()
                ELSE coalesce(o.update_time >= quarantined_moment(waiting.raw, 'updateTime'),
                              o.changed_at > waiting.seen_at) END
""")

_SHOWN = text("""
    SELECT DISTINCT symbol, order_id
      FROM unnest(CAST(:symbols AS text[]), CAST(:order_ids AS bigint[])) AS given (symbol, order_id)
      JOIN quarantined_orders AS aside ON quarantined_field(aside.raw, 'symbol') = symbol
                                      AND quarantined_field(aside.raw, 'orderId') = order_id::text
     WHERE (aside.account, aside.market) = (:account, :market)
""")

_DOUBTED_DAYS = text("""
    SELECT account, market, day
      FROM (SELECT DISTINCT account FROM quarantined_days
             WHERE cardinality(CAST(:accounts AS text[])) = 0 OR account = ANY(:accounts)) AS of_row
     CROSS JOIN LATERAL (SELECT market, day, reasons FROM report_coverage WHERE account = of_row.account) AS days
     WHERE 'quarantined' = ANY (string_to_array(reasons, ', ')) ORDER BY account, market, day
""")


def keep(connection: Connection, account: str, market: str, run_id: int, rejects: Sequence[Reject]) -> list[Reject]:
    """Add rows, each once while it is unresolved, and return them without those that an operator dismissed.

    A row that is no JSON is stored as a JSON string of its text.
    """
    if not rejects:
        return []
    rows = {
        "rows": [reject.raw if reject.is_json else json.dumps(reject.raw) for reject in rejects],
        "reasons": [reject.reason for reject in rejects],
    }
    waiting = connection.scalars(_KEEP, {"account": account, "market": market, "run_id": run_id} | rows)
    return [rejects[place] for place in waiting]


def sift(
    connection: Connection, rows: Iterable[Row], write: Callable[[Sequence[Row]], object]
) -> tuple[list[Row], list[Reject]]:
    """The rows that Postgres accepts and those that it refuses: each is written alone and rolled back."""
    accepted: list[Row] = []
    refused: list[Reject] = []
    for row in rows:
        attempt = connection.begin_nested()
        try:
            write([row])
            accepted.append(row)
        except DataError as error:
            reason = str(error.orig).splitlines()[0] if error.orig else "unreadable"
            refused.append(Reject(row.raw, f"the database cannot keep it: {reason}", is_json=True))
        attempt.rollback()
    return accepted, refused


def storable(connection: Connection, run_id: int, rejects: Sequence[Reject]) -> list[Reject]:
    """The same rows, as text where Postgres does not take them as jsonb, which has limits that JSON does not have."""
    return [replace(one, is_json=one.is_json and _is_jsonb(connection, run_id, one)) for one in rejects]


def _is_jsonb(connection: Connection, run_id: int, reject: Reject) -> bool:
    attempt = connection.begin_nested()
    try:
        keep(connection, "", "", run_id, [reject])
    except DataError:
        return False
    else:
        return True
    finally:
        attempt.rollback()


class Quarantined(NamedTuple):
    """An unresolved row; `raw` is its text as received."""

    id: int
    account: str
    market: str
    raw: str
    reason: str
    seen_at: datetime


def unresolved(connection: Connection) -> list[Quarantined]:
    """Oldest first."""
    own = quarantined_orders.c
    is_text = func.jsonb_typeof(own.raw) == "string"
    text_of = case((is_text, own.raw.op("#>>")(literal_column("'{}'"))), else_=cast(own.raw, Text))
    rows = connection.execute(
        select(own.id, own.account, own.market, text_of.label("raw"), own.reason, own.seen_at)
        .where(own.resolved_at.is_(None))
        .order_by(own.id)
    )
    return [Quarantined(*row) for row in rows]


def count(connection: Connection, accounts: Collection[str] = ()) -> int:
    """Unresolved rows of these accounts; without any, of all."""
    own = quarantined_orders.c
    chosen = own.account.in_(accounts) if accounts else true()
    return int(connection.scalar(select(func.count()).where(own.resolved_at.is_(None), chosen)) or 0)


def count_by_account(connection: Connection) -> dict[tuple[str, str], int]:
    """Unresolved rows by account and market, where there are any."""
    own = quarantined_orders.c
    by = (own.account, own.market)
    rows = connection.execute(select(*by, func.count()).where(own.resolved_at.is_(None)).group_by(*by).order_by(*by))
    return {(account, market): count for account, market, count in rows}


def is_waiting(connection: Connection, account: str, market: str) -> bool:
    """Whether the account has an unresolved row."""
    own = quarantined_orders.c
    row = exists().where(own.account == account, own.market == market, own.resolved_at.is_(None))
    return bool(connection.scalar(select(row)))


def resolve_stored(connection: Connection, account: str, market: str, keys: Collection[Key]) -> None:
    """Mark rows as resolved whose orders are stored now. `keys`: what this transaction stores.

    A row stays if what it says is later than what is stored.
    """
    symbols, order_ids = [symbol for symbol, _ in keys], [order_id for _, order_id in keys]
    scope = {"account": account, "market": market}
    connection.execute(_RESOLVE_STORED, scope | {"symbols": symbols, "order_ids": order_ids})


def shown(connection: Connection, account: str, market: str, keys: Collection[Key]) -> set[Key]:
    """Those of these orders of which a row was ever set aside: the exchange has shown them before."""
    if not keys:
        return set()
    symbols, order_ids = [symbol for symbol, _ in keys], [order_id for _, order_id in keys]
    scope = {"account": account, "market": market}
    rows = connection.execute(_SHOWN, scope | {"symbols": symbols, "order_ids": order_ids})
    return {(row.symbol, row.order_id) for row in rows}


def doubted_days(connection: Connection, accounts: Collection[str] = ()) -> list[tuple[str, str, date]]:
    """Account, market and day of UTC, of each day that is not proven because an unresolved row may belong to it.

    Of these accounts; without any, of all.
    """
    if not count(connection, accounts):
        return []
    return [(row.account, row.market, row.day) for row in connection.execute(_DOUBTED_DAYS, {"accounts": [*accounts]})]


def dismiss(connection: Connection, row_id: int, decision_id: int) -> None:
    """Mark an unresolved row as resolved by a decision. It stays so when the exchange sends the same row again."""
    own = quarantined_orders.c
    by_decision = {"resolved_at": func.now(), "decision_id": decision_id}
    connection.execute(update(quarantined_orders).where(own.id == row_id).values(by_decision))


def resolve(connection: Connection, ids: Sequence[int]) -> None:
    """Mark rows as resolved, because they can be read now."""
    own = quarantined_orders.c
    connection.execute(update(quarantined_orders).where(own.id.in_(ids)).values(resolved_at=func.now()))
