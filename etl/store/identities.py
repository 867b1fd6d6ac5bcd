"""Identities: the host and the key that the proof of an account was read with. The key itself is never stored."""

from collections.abc import Collection
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Connection, and_, false, func, not_, or_, select, true
from sqlalchemy.dialects.postgresql import insert

from etl.core.identity import Held
from etl.core.orders import Key
from etl.core.retention import UNFILLED_KEPT
from etl.core.timeline import Window, to_datetime, to_millis
from etl.store.orders import IS_OF_API, IS_VANISHED
from etl.store.schema import coverage, force_orders, identities


class Identity(NamedTuple):
    """What the proof of an account was read with; see `etl.core.identity.Remembered`."""

    host: str
    key_salt: bytes
    key_fingerprint: bytes
    is_checked: bool


class Unchecked(NamedTuple):
    """An account whose key could not be checked when it changed, at `since`, epoch milliseconds."""

    account: str
    market: str
    since: int


class Witness(NamedTuple):
    """A stored order that the exchange must show to the key of its account."""

    key: Key
    order_time: int
    window: Window
    """Both its times, which lie at most a day apart."""


def remembered(connection: Connection, account: str, market: str) -> Identity | None:
    own = identities.c
    columns = (own[name] for name in Identity._fields)
    row = connection.execute(select(*columns).where(own.account == account, own.market == market)).first()
    return Identity(*row) if row else None


def remember(connection: Connection, account: str, market: str, identity: Identity) -> None:
    """From now on the proof of the account belongs to this host and key."""
    values = identity._asdict() | {"confirmed_at": func.now()}
    statement = insert(identities).values(account=account, market=market, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=list(identities.primary_key), set_=values))


def held(connection: Connection, account: str, market: str) -> Held:
    """What is stored under the account's name. Orders of archives came with no key."""
    proven, order = coverage.c, force_orders.c
    until = connection.scalar(
        select(func.max(func.upper(proven.proven))).where(proven.account == account, proven.market == market)
    )
    of_scope = (order.account == account, order.market == market, IS_OF_API)
    any_order = select(order.order_id).where(*of_scope).limit(1)
    has_orders = connection.execute(any_order).first() is not None
    return Held(None if until is None else to_millis(until), has_orders)


def newest_witness(connection: Connection, account: str, market: str, kept: Window) -> Witness | None:
    """The newest order that the exchange must show if it answers for the same account; `kept`: the time it keeps."""
    order = force_orders.c
    since, until = to_datetime(kept.start), to_datetime(kept.end)
    still_shown = to_datetime(kept.end - UNFILLED_KEPT)
    near = order.update_time.between(order.order_time - timedelta(days=1), order.order_time + timedelta(days=1))
    row = connection.execute(
        select(order.symbol, order.order_id, order.order_time, order.update_time)
        .where(order.account == account, order.market == market)
        .where(*(and_(moment >= since, moment < until) for moment in (order.order_time, order.update_time)))
        .where(near, IS_OF_API, not_(IS_VANISHED), or_(order.executed_qty > 0, order.order_time >= still_shown))
        .order_by(order.order_time.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    times = to_millis(row.order_time), to_millis(row.update_time)
    return Witness((row.symbol, row.order_id), times[0], Window(min(times), max(times) + 1))


def unchecked(connection: Connection, accounts: Collection[str] = ()) -> list[Unchecked]:
    """Those of these accounts, or of all without any, whose key could not be checked; by name."""
    own = identities.c
    rows = connection.execute(
        select(own.account, own.market, own.confirmed_at)
        .where(own.is_checked == false(), own.account.in_(accounts) if accounts else true())
        .order_by(own.account, own.market)
    )
    return [Unchecked(row.account, row.market, to_millis(row.confirmed_at)) for row in rows]
