"""The table `verifications`: what each run of `verify` compared with the exchange, and what it found."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select, true
from sqlalchemy.dialects.postgresql import Range

from etl.core.differences import Difference, DifferenceKind
from etl.core.timeline import Window, iso, to_datetime
from etl.core.verifying import ScopeResult
from etl.core.wallets import Wallet
from etl.store.ranges import multirange
from etl.store.schema import EVERY_SYMBOL, runs, verifications

DIFFERENCES_KEPT = 1_000
"""How many differences of a scope are listed; all are counted."""


class Newest(NamedTuple):
    """The newest verification of a scope; `is_equal`: all of its span was compared, and both sides agree now."""

    account: str
    market: str
    symbol: str
    verified_at: datetime
    run_id: int
    is_sample: bool
    is_equal: bool


def record(connection: Connection, run_id: int, results: Sequence[ScopeResult], *, is_sample: bool) -> None:
    """Add a row for each scope. The caller commits."""
    rows = [
        {
            "run_id": run_id,
            **result.wallet._asdict(),
            "symbol": result.symbol or EVERY_SYMBOL,
            "span": _range(result.span),
            "compared": multirange(result.compared),
            "unread": multirange(unread.window for unread in result.unread),
            "unread_reason": ", ".join(sorted({unread.reason for unread in result.unread})) or None,
            "orders_compared": result.orders,
            **{kind.value: result.count(kind) for kind in DifferenceKind},
            "forgotten": result.forgotten,
            "repaired": result.repaired,
            "differences": [as_json(difference) for difference in sorted(result.differences)[:DIFFERENCES_KEPT]],
            "is_sample": is_sample,
        }
        for result in results
    ]
    if rows:
        connection.execute(insert(verifications), rows)


def as_json(difference: Difference) -> dict[str, Any]:
    """A difference for programs; the times are ISO 8601, UTC."""
    return {
        "symbol": difference.symbol,
        "order_id": difference.order_id,
        "order_time": iso(difference.order_time),
        "kind": difference.kind.value,
        "fields": [*difference.fields],
        "newer": difference.newer,
        "repaired": difference.is_repaired,
    }


def newest(connection: Connection, accounts: Collection[str] = ()) -> list[Newest]:
    """The newest verification of each scope of these accounts, and the newest sample; without accounts, of all.

    A sample is made every night, and would hide that all was compared a week ago.
    """
    own = verifications.c
    left = own.missing + own.different + own.extra - own.repaired
    is_equal = (left == 0) & own.unread_reason.is_(None)
    scope = (own.account, own.market, own.symbol)
    newest_ids = (
        select(func.max(own.id))
        .where(own.account.in_(accounts) if accounts else true())
        .group_by(*scope, own.is_sample)
    )
    rows = connection.execute(
        select(*scope, own.verified_at, own.run_id, own.is_sample, is_equal)
        .where(own.id.in_(newest_ids))
        .order_by(*scope, own.is_sample)
    )
    return [Newest(*row) for row in rows]


def is_older(connection: Connection, wallet: Wallet, days: int) -> bool:
    """Whether so many days have passed since an account was verified in a market, or else since the first run.

    One of which nothing could be compared, as of a symbol that is closed, is no verification.
    """
    own = verifications.c
    of_wallet = select(func.max(own.verified_at)).where(
        own.account == wallet.account, own.market == wallet.market, ~func.isempty(own.compared)
    )
    first_run = select(runs.c.started_at).order_by(runs.c.id).limit(1)
    since = func.coalesce(of_wallet.scalar_subquery(), first_run.scalar_subquery())
    return bool(connection.scalar(select(since < func.now() - timedelta(days=days))))


def _range(window: Window) -> Range[datetime]:
    return Range(to_datetime(window.start), to_datetime(window.end))
