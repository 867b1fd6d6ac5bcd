"""The tables of reconciliations: what was compared, the verdict on each day, and the orders that differed.

Whether an order is disputed is told by the view `disputed_orders` alone: it also knows what was stored since.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    DateTime,
    MetaData,
    Table,
    Text,
    and_,
    cast,
    func,
    literal,
    select,
    text,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import Range, insert
from sqlalchemy.exc import DataError

from etl.core.order_lists import DISPUTED, Discrepancy, Kind
from etl.core.orders import CloseType, Key, Order
from etl.core.reconciling import DayVerdict, Verdict
from etl.core.timeline import Window, to_datetime, to_millis
from etl.core.wallets import Wallet
from etl.store.decisions import Decision
from etl.store.orders import IS_OF_API
from etl.store.ranges import multirange
from etl.store.schema import decisions, force_orders, reconciled_days, reconciliation_orders, reconciliations

KEPT_OF_A_KIND = 100
"""How many orders of a kind that is no dispute are kept of one comparison; all are counted."""

_disputed_orders = Table(
    "disputed_orders",
    MetaData(),
    *(Column(name, Text) for name in ("account", "market", "symbol", "kind", "detail")),
    Column("order_id", force_orders.c.order_id.type),
    *(Column(name, DateTime(timezone=True)) for name in ("order_time", "found_at")),
)


class Disputed(NamedTuple):
    """An order on which the exchange's own lists disagree."""

    account: str
    market: str
    symbol: str
    order_id: int
    order_time: datetime
    kind: str
    detail: str

    @property
    def key(self) -> Key:
        return self.symbol, self.order_id

    @property
    def wallet(self) -> Wallet:
        return Wallet(self.account, self.market)


class NewestReconciliation(NamedTuple):
    """The newest reconciliation of an account in a market; `reason`: why not all of its span was compared."""

    account: str
    market: str
    reconciled_at: datetime
    run_id: int
    agreed: int
    """Days that agreed, of all that were ever compared; so the next two."""
    not_checkable: int
    disputed: int
    reason: str | None


@dataclass(frozen=True)
class Reconciled:
    """What one run compared of an account in a market, and found."""

    wallet: Wallet
    span: Window
    compared: Sequence[Window] = ()
    reason: str | None = None
    days: Sequence[DayVerdict] = ()
    discrepancies: Sequence[Discrepancy] = ()
    agreeing: Collection[Key] = ()
    """Orders on which both lists agree now: a dispute about one of them is over."""
    orders_listed: int = 0
    expected: Mapping[str, int] = field(default_factory=dict)
    """How many stored orders the list of all orders need not show, by reason."""
    accepted: int = 0
    """How many orders would be disputed, had an operator not accepted them."""
    has_compared: bool = False
    """Whether anything was compared, be it of some symbols."""

    def count(self, kind: Kind) -> int:
        return sum(one.kind is kind for one in self.discrepancies)


def record(connection: Connection, run_id: int, done: Reconciled) -> None:
    """Add what was compared, keep the verdicts and what differs, and end the disputes that are over.

    The caller commits. A day that agreed stays so when it cannot be compared another time.
    """
    of_wallet = done.wallet._asdict() | {"run_id": run_id}
    row = of_wallet | {
        "span": Range(to_datetime(done.span.start), to_datetime(done.span.end)),
        "compared": multirange(done.compared),
        "reason": done.reason,
        "orders_listed": done.orders_listed,
        "orders_compared": len(done.agreeing),
        **{kind.value: done.count(kind) for kind in Kind},
        "expected": sum(done.expected.values()),
        "accepted": done.accepted,
    }
    connection.execute(insert(reconciliations).values(row))
    if done.days:
        days = [of_wallet | {"day": one.day, "verdict": one.verdict, "reason": one.reason} for one in done.days]
        statement = insert(reconciled_days).values(days)
        told = {name: statement.excluded[name] for name in ("verdict", "reason", "run_id")}
        is_news = (statement.excluded.verdict == Verdict.AGREED) | (reconciled_days.c.verdict != Verdict.AGREED)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=list(reconciled_days.primary_key),
                set_=told | {"reconciled_at": func.now()},
                where=is_news,
            )
        )
    for one in _kept(done.discrepancies):
        _keep(connection, of_wallet, one)
    _end(connection, done.wallet, done.agreeing)


def _kept(discrepancies: Sequence[Discrepancy]) -> Iterable[Discrepancy]:
    """Every dispute, and the newest of the other kinds."""
    for kind in Kind:
        own = sorted(one for one in discrepancies if one.kind is kind)
        yield from own if kind in DISPUTED else own[-KEPT_OF_A_KIND:]


def _keep(connection: Connection, of_wallet: Mapping[str, Any], one: Discrepancy) -> None:
    """One row for each order: what was found last. As a JSON string of its text where Postgres takes no other."""
    found: dict[str, Any] = {"kind": one.kind, "detail": one.detail, "run_id": of_wallet["run_id"]}
    own = dict(of_wallet) | {"symbol": one.symbol, "order_id": one.order_id, "order_time": to_datetime(one.order_time)}
    for raw in (one.raw, one.raw and json.dumps(one.raw)):
        attempt = connection.begin_nested()
        try:
            statement = insert(reconciliation_orders).values(
                own
                | found
                | {"raw": None if raw is None else cast(literal(raw, Text), reconciliation_orders.c.raw.type)}
            )
            changed = {name: statement.excluded[name] for name in (*found, "raw")}
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=list(reconciliation_orders.primary_key),
                    set_=changed | {"found_at": func.now(), "resolved_at": None},
                )
            )
            attempt.commit()
            return
        except DataError:
            attempt.rollback()


def _end(connection: Connection, wallet: Wallet, agreeing: Collection[Key]) -> None:
    """End the disputes about missing orders that are stored by now, and about orders on which the lists agree."""
    keys = sorted(agreeing)
    values = {"symbols": [symbol for symbol, _ in keys], "order_ids": [order_id for _, order_id in keys]}
    connection.execute(_END, wallet._asdict() | values)


def disputed(
    connection: Connection, accounts: Collection[str] = (), wallet: Wallet | None = None, span: Window | None = None
) -> list[Disputed]:
    """The disputed orders of these accounts (without any, all), or of one in a market and a span; the oldest first."""
    own = _disputed_orders.c
    conditions: list[ColumnElement[bool]] = [own.account.in_(accounts)] if accounts else []
    if wallet is not None:
        conditions += [own.account == wallet.account, own.market == wallet.market]
    if span is not None:
        conditions += [own.order_time >= to_datetime(span.start), own.order_time < to_datetime(span.end)]
    columns = [own[name] for name in Disputed._fields]
    rows = connection.execute(select(*columns).where(and_(True, *conditions)).order_by(own.order_time, *columns))
    return [Disputed(*row) for row in rows]


def accept(connection: Connection, account: str, market: str, key: Key) -> None:
    """End the dispute about an order by decision. The caller records the decision and commits."""
    connection.execute(_ACCEPT, {"account": account, "market": market, "symbol": key[0], "order_id": key[1]})


def accepted(connection: Connection, account: str, market: str | None = None) -> set[Key]:
    """The orders of a market (None: of any) of which an operator accepted that the exchange's lists disagree."""
    own = decisions.c
    rows = connection.execute(
        select(own.details["symbol"].astext, own.details["order_id"].astext).where(
            own.kind == Decision.DISPUTED, own.account == account, own.market == market if market else true()
        )
    )
    return {(symbol, int(order_id)) for symbol, order_id in rows}


def stored_between(connection: Connection, account: str, market: str, window: Window) -> dict[Key, Order]:
    """The stored orders of a window, by order time."""
    own = force_orders.c
    return _orders(
        connection,
        and_(
            *(own.account == account, own.market == market),
            *(own.order_time >= to_datetime(window.start), own.order_time < to_datetime(window.end)),
        ),
    )


def stored(connection: Connection, account: str, market: str, keys: Collection[Key]) -> dict[Key, Order]:
    """The stored orders among these."""
    own = force_orders.c
    which = tuple_(own.symbol, own.order_id).in_(sorted(keys))
    return _orders(connection, and_(own.account == account, own.market == market, which)) if keys else {}


def symbols(connection: Connection, account: str, market: str) -> list[str]:
    """The symbols of which an order is stored, those with the newest one first."""
    own = force_orders.c
    newest = func.max(own.order_time)
    of_wallet = (own.account == account, own.market == market)
    rows = connection.scalars(select(own.symbol).where(*of_wallet).group_by(own.symbol).order_by(newest.desc()))
    return [*rows]


def newest(connection: Connection, accounts: Collection[str] = ()) -> list[NewestReconciliation]:
    """The newest reconciliation of each account (without any, of all) and market."""
    rows = connection.execute(_NEWEST, {"accounts": [*accounts]})
    return [NewestReconciliation(*row) for row in rows]


def verdicts(connection: Connection, first: date, last: date, accounts: Collection[str]) -> dict[str, int]:
    """How many days of these accounts have each verdict."""
    rows = connection.execute(_VERDICTS, {"first": first, "last": last, "accounts": [*accounts]})
    return {row.verdict: row.days for row in rows}


def _orders(connection: Connection, which: ColumnElement[bool]) -> dict[Key, Order]:
    own = force_orders.c
    columns = (own.symbol, own.order_id, own.order_time, own.update_time, own.close_type, own.executed_qty)
    rows = connection.execute(select(*columns, cast(own.raw, Text).label("raw")).where(which, IS_OF_API))
    return {
        (row.symbol, row.order_id): Order(
            *(row.symbol, row.order_id, to_millis(row.order_time), to_millis(row.update_time)),
            *(CloseType(row.close_type), row.raw, str(row.executed_qty or 0)),
        )
        for row in rows
    }


_END = text("""
    UPDATE reconciliation_orders AS own SET resolved_at = now()
     WHERE account = :account AND market = :market AND kind IN ('missing', 'conflicting') AND resolved_at IS NULL
       AND (kind = 'missing' AND EXISTS (SELECT FROM force_orders AS o
                                          WHERE o.account = own.account AND o.market = own.market
                                            AND o.symbol = own.symbol AND o.order_id = own.order_id
                                            AND o.source = 'api')
            OR EXISTS (SELECT FROM unnest(CAST(:symbols AS text[]), CAST(:order_ids AS bigint[])) AS agreed (symbol, id)
                        WHERE agreed.symbol = own.symbol AND agreed.id = own.order_id))
""")
_ACCEPT = text("""
    UPDATE reconciliation_orders SET resolved_at = now()
     WHERE account = :account AND market = :market AND symbol = :symbol AND order_id = :order_id
""")
_NEWEST = text("""
    SELECT own.account, own.market, own.reconciled_at, own.run_id,
           coalesce(days.agreed, 0), coalesce(days.not_checkable, 0), coalesce(days.disputed, 0), own.reason
      FROM (SELECT DISTINCT ON (account, market) * FROM reconciliations
             WHERE cardinality(CAST(:accounts AS text[])) = 0 OR account = ANY(:accounts)
             ORDER BY account, market, id DESC) AS own
      LEFT JOIN (SELECT account, market, count(*) FILTER (WHERE verdict = 'agreed') AS agreed,
                        count(*) FILTER (WHERE verdict = 'not checkable') AS not_checkable,
                        count(*) FILTER (WHERE verdict = 'disputed') AS disputed
                   FROM reconciliation_days
                  WHERE cardinality(CAST(:accounts AS text[])) = 0 OR account = ANY(:accounts)
                  GROUP BY account, market) AS days USING (account, market)
     ORDER BY own.account, own.market
""")
_VERDICTS = text("""
    SELECT verdict, count(*) AS days FROM reconciliation_days
     WHERE account = ANY(:accounts) AND day BETWEEN :first AND :last
     GROUP BY verdict
""")
