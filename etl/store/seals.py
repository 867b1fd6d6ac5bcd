"""The table `seals`: each proven day that no nightly run reads again gets a digest of its orders, in a chain.

Rows are only added, by the one run that has the account's lock. `etl.core.seals` says what a seal is made of.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import asdict, fields
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

from sqlalchemy import ColumnElement, Connection, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from etl.core.orders import Key
from etl.core.planning import OPENED
from etl.core.seals import FIRST, Content, Seal
from etl.core.timeline import to_datetime
from etl.store import stored_orders
from etl.store.canonical_form import canonical_forms
from etl.store.schema import newest_seals, seals
from etl.store.stored_orders import OrderToSeal
from etl.store.upserting import Change

DAYS_AT_ONCE = 92
"""Days that are read in one query. Nearly every run seals fewer."""


class Written(Protocol):
    """An order that was written: of the API, or of an archive."""

    @property
    def key(self) -> Key: ...

    @property
    def order_time(self) -> int:
        """Epoch milliseconds."""


class StoredSeal(NamedTuple):
    seal: Seal
    digest: str
    """As it is stored, whatever the seal's own columns say."""

    def as_json(self) -> dict[str, str]:
        """For programs: which day it seals, and its digest."""
        own = self.seal
        return {"account": own.account, "market": own.market, "day": own.day.isoformat(), "seal": self.digest}


def is_cut(connection: Connection, account: str, market: str) -> bool:
    """Whether the newest seals of an account were removed: the last one made is not the last one there."""
    noted, own = newest_seals.c, seals.c
    of_account = (own.account == noted.account, own.market == noted.market)
    last = select(own.digest).where(*of_account).order_by(own.id.desc()).limit(1).scalar_subquery()
    is_other = noted.digest != func.coalesce(last, "")
    return bool(connection.scalar(select(is_other).where(noted.account == account, noted.market == market)))


def seal_proven_days(connection: Connection, account: str, market: str, run_id: int, until: int) -> None:
    """Seal each day before `until` (epoch milliseconds) that is proven and has no seal. The caller commits.

    The chain of the account must not be cut: what may be forged would be sealed as true.

    A day is proven if requests without symbol prove all of it; for an account that is read by name only, if each of
    its symbols is proven. A day with a row in quarantine is left out. A row whose time is unknown may be of any day.
    """
    values = {"account": account, "market": market, "until": to_datetime(until), "opened": to_datetime(OPENED)}
    days = list(connection.scalars(_SEALABLE, values))
    for i in range(0, len(days), DAYS_AT_ONCE):
        some = days[i : i + DAYS_AT_ONCE]
        contents = {day: Content() for day in some}
        for day, orders in stored_orders.to_seal(connection, account, market, some):
            contents[day].add_lines(canonical_forms(orders))
        _Chain(connection, account, market, some).add(run_id, contents)


def seal_corrections(
    connection: Connection,
    account: str,
    market: str,
    run_id: int,
    sealed: Set[date],
    written: Sequence[Written],
    changes: Mapping[Key, Change],
) -> None:
    """Seal anew the days of `sealed` in which this transaction changed an order. The caller commits.

    `written` and `changes` are what `orders.upsert` was given and what it returned. A day that did not hold what its
    seal says before these changes keeps its seal: a correction must not cover up what somebody else changed.
    """
    if not sealed:
        return
    corrected = [key for key, change in changes.items() if change is not Change.INSERTED]
    former = stored_orders.before_last_change(connection, account, market, corrected) if corrected else []
    new_days = {to_datetime(order.order_time).date() for order in written if order.key in changes}
    days = sealed & (new_days | {order.day for order in former})
    if not days or is_cut(connection, account, market):
        return
    stored = stored_orders.to_seal(connection, account, market, days)
    now = [OrderToSeal(day, values) for day, orders in stored for values in orders]
    then = [order for order in now if order.key not in changes] + former
    before, after = _contents(then, days), _contents(now, days)
    chain = _Chain(connection, account, market, days)
    held = {day for day in days if chain.content_of(day) == before[day].digest != after[day].digest}
    chain.add(run_id, {day: after[day] for day in held})


def sealed_days(connection: Connection, account: str, market: str) -> set[date]:
    own = seals.c
    return set(connection.scalars(select(own.day).distinct().where(own.account == account, own.market == market)))


def newest(connection: Connection, accounts: Collection[str] = ()) -> list[StoredSeal]:
    """The newest seal of each account and market. It vouches for all seals before it.

    Of these accounts; without any, of all.
    """
    return [StoredSeal(Seal(*row[:-1]), row.digest) for row in connection.execute(_NEWEST, {"accounts": [*accounts]})]


def newest_made(connection: Connection) -> dict[tuple[str, str], datetime]:
    """When the newest seal of each account and market was made."""
    return {(row.account, row.market): row.sealed_at for row in connection.execute(_NEWEST_MADE)}


def chain(connection: Connection, account: str, market: str) -> list[StoredSeal]:
    """All seals of an account and market in the order in which they were made."""
    return _read(connection, seals.c.account == account, seals.c.market == market)


class _Chain:
    """The end of an account's chain, where seals are added, and the newest seals of some days."""

    def __init__(self, connection: Connection, account: str, market: str, days: Collection[date]) -> None:
        self._connection, self._scope = connection, (account, market)
        own = (seals.c.account == account, seals.c.market == market)
        last = select(func.max(seals.c.id)).where(*own).scalar_subquery()
        found = _read(connection, *own, or_(seals.c.day.in_(days), seals.c.id == last))
        self._previous = found[-1].digest if found else FIRST
        self._newest = {one.seal.day: one for one in found}

    def content_of(self, day: date) -> str:
        return self._newest[day].seal.content

    def add(self, run_id: int, contents: Mapping[date, Content]) -> None:
        rows: list[dict[str, Any]] = []
        for day, content in sorted(contents.items()):
            replaced = self._newest.get(day)
            seal = Seal(
                *self._scope, day, content.orders, content.digest, self._previous, replaced.digest if replaced else None
            )
            self._previous = seal.digest
            rows.append(asdict(seal) | {"digest": seal.digest, "run_id": run_id})
        if rows:
            self._connection.execute(insert(seals), rows)
            noted = insert(newest_seals).values(account=self._scope[0], market=self._scope[1], digest=self._previous)
            self._connection.execute(
                noted.on_conflict_do_update(
                    index_elements=list(newest_seals.primary_key), set_={"digest": self._previous}
                )
            )


def _read(connection: Connection, *conditions: ColumnElement[bool]) -> list[StoredSeal]:
    """Oldest first."""
    columns = [seals.c[field.name] for field in fields(Seal)]
    found = connection.execute(select(*columns, seals.c.digest).where(*conditions).order_by(seals.c.id))
    return [StoredSeal(Seal(*row[:-1]), row.digest) for row in found]


def _contents(orders: Iterable[OrderToSeal], days: Collection[date]) -> dict[date, Content]:
    contents = {day: Content() for day in days}
    for order in sorted(orders, key=lambda order: order.key):
        if order.day in contents:
            contents[order.day].add_lines(canonical_forms([order.values]))
    return contents


# One look into the index for each account, whatever the number of seals.
_NEWEST_MADE = text("""
    SELECT account, market, sealed_at
      FROM (SELECT DISTINCT account, market FROM coverage) AS scope
     CROSS JOIN LATERAL (SELECT sealed_at FROM seals
                          WHERE seals.account = scope.account AND seals.market = scope.market
                          ORDER BY id DESC LIMIT 1) AS newest
     ORDER BY account, market
""")

_NEWEST = text(f"""
    SELECT last.*
      FROM (SELECT DISTINCT account, market FROM effective_coverage
             WHERE cardinality(CAST(:accounts AS text[])) = 0 OR account = ANY(:accounts)) AS scopes
     CROSS JOIN LATERAL (
           SELECT {", ".join(one.name for one in fields(Seal))}, digest FROM seals
            WHERE seals.account = scopes.account AND seals.market = scopes.market ORDER BY id DESC LIMIT 1
           ) AS last
     ORDER BY account, market
""")  # noqa: S608 – made of our own names

_SEALABLE = text("""
    WITH proven AS (
        SELECT range_intersect_agg(proven) AS whole FROM effective_coverage
         WHERE account = :account AND market = :market AND (symbol <> '*' OR proven <> '{}')
    ), days AS (
        SELECT (start AT TIME ZONE 'UTC')::date AS day, tstzrange(start, start + interval '24 hours') AS span
          FROM proven, generate_series(greatest(date_trunc('day', lower(whole), 'UTC'), 'epoch'),
                                       least(upper(whole), :until) - interval '24 hours', '24 hours') AS start
         WHERE tstzrange(start, start + interval '24 hours') <@ whole
    ), unread AS (
        SELECT CASE WHEN moment BETWEEN :opened AND seen_at + interval '1 day' THEN moment END AS order_time
          FROM quarantined_orders,
               quarantined_moment(raw, CASE WHEN quarantined_field(raw, 'time') IS NULL THEN 'updateTime'
                                            ELSE 'time' END) AS moment
         WHERE account = :account AND market = :market AND resolved_at IS NULL
    )
    SELECT day FROM days
     WHERE day NOT IN (SELECT seals.day FROM seals WHERE account = :account AND market = :market)
       AND NOT EXISTS (SELECT FROM unread WHERE order_time IS NULL OR order_time <@ span)
     ORDER BY day
""")
