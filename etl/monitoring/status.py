"""How complete the stored history is, by account, market and symbol."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection

from etl.core.planning import Rules
from etl.core.timeline import DAY
from etl.store import (
    account_markets,
    backups,
    coverage,
    decisions,
    identities,
    quarantine,
    reconciliations,
    runs,
    seals,
    verifications,
)
from etl.store.backups import Backup
from etl.store.clock import database_clock
from etl.store.coverage import Gap, Watermark
from etl.store.engine import store_errors
from etl.store.identities import Unchecked
from etl.store.reconciliations import Disputed, NewestReconciliation
from etl.store.rights import is_standby
from etl.store.schema import EVERY_SYMBOL
from etl.store.seals import StoredSeal
from etl.store.verifications import Newest

FILLABLE = ("not_fetched", "failed", "disputed")
"""Reasons of gaps that another run can close."""

WORST_SHOWN = 20
"""How many accounts are shown of more than so many; the worst first."""

OfMarket = TypeVar("OfMarket", bound=tuple[Any, ...])

Counts = Mapping[tuple[str, str, str], int]
"""Orders by account, market and symbol."""


@dataclass(frozen=True)
class ScopeStatus:
    """One row of the status. Times are epoch milliseconds, ages milliseconds."""

    account: str
    market: str
    symbol: str
    watermark: int | None
    covered_since: int | None
    age: int | None
    unread: int | None
    """Age of the oldest instant that is not proven and can still be read. None also if the account has no such market
    any more; then it has no age either."""
    days_until_loss: float | None
    """Days until that instant leaves the exchange's retention; 0: it has left."""
    orders: int | None
    """None: not counted, as in a brief status."""
    gaps: tuple[Gap, ...]
    """Those of a market that the account has no more are among them: nothing closes them."""
    is_retired: bool = False
    """Whether the account is retired. Then it has no age, and nothing of it is unread."""
    is_closed: bool = False
    """Whether the account does not have the market any more. Then nothing of it can be read, and it has no age."""
    symbols: int = 1
    """How many scopes the row stands for; see `Watermark`."""


class Ended(NamedTuple):
    """What is not read any more, and must not alarm anybody."""

    accounts: Collection[str]
    """Those that were retired."""
    markets: Collection[tuple[str, str]]
    """Account and market of those that an account does not have any more."""


@dataclass(frozen=True)
class Status:
    """Retired accounts have scopes, and count nowhere else but in `orders`."""

    scopes: tuple[ScopeStatus, ...]
    last_run: runs.LastRun | None
    orders: int
    now: int
    """The database's clock, epoch milliseconds."""
    quarantined: int
    """Rows that could not be read."""
    quarantined_days: tuple[tuple[str, str, date], ...] = ()
    """Account, market and day of UTC, of each day that is not proven because such a row may belong to it."""
    unchecked_keys: tuple[Unchecked, ...] = ()
    seals: tuple[StoredSeal, ...] = ()
    """The newest of each account and market."""
    verifications: Sequence[Newest] = ()
    reconciliations: Sequence[NewestReconciliation] = ()
    """The newest of each account and market."""
    disputed: Sequence[Disputed] = ()
    """Orders on which the exchange's own lists disagree, also of a brief status."""
    is_standby: bool = False
    """Whether it was read on a standby, where a run that died still shows as running."""
    backup: Backup | None = None
    """The newest."""
    verified_backup: Backup | None = None
    """The newest that was restored and checked."""
    is_brief: bool = False
    """Whether symbols that were never asked for by name, quarantined days, seals and verifications are left out."""
    close_types: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    """Orders by account, market and close type; only of a brief status."""

    @property
    def markets(self) -> set[str]:
        """Those of all scopes."""
        return {scope.market for scope in self.scopes}

    @property
    def gaps(self) -> list[Gap]:
        return [gap for scope in self.scopes if not scope.is_retired for gap in scope.gaps]


def read_status(
    connection: Connection,
    rules: Rules,
    configured: Collection[str] = (),
    accounts: Collection[str] = (),
    markets: Collection[str] = (),
) -> Status:
    """The status of these accounts and markets; without any, of all. Reads only the database. Raises StoreError.

    `rules.now` is this machine's clock. `configured`: the accounts of the settings. One that was retired and stands
    there again is not retired.
    """
    with store_errors():
        retired = decisions.retired_accounts(connection).difference(configured)
        ended = Ended(retired, account_markets.closed(connection))
        marks = _within(coverage.read_watermarks(connection, accounts), markets)
        gaps = _within(coverage.read_gaps(connection, accounts), markets)
        counts = coverage.count_orders(connection, accounts)
        counts = {scope: orders for scope, orders in counts.items() if not markets or scope[1] in markets}
        days = _within(quarantine.doubted_days(connection, accounts), markets)
        sealed = seals.newest(connection, accounts)
        status = Status(
            scopes=tuple(_scopes(marks, gaps, counts, rules, ended)),
            orders=sum(counts.values()),
            seals=tuple(one for one in sealed if not markets or one.seal.market in markets),
            verifications=_within(verifications.newest(connection, accounts), markets),
            reconciliations=_within(reconciliations.newest(connection, accounts), markets),
            quarantined_days=tuple(day for day in days if day[0] not in retired),
            **_of_whole(connection, retired, accounts, markets),
        )
        connection.rollback()
    return status


def read_brief_status(
    connection: Connection, rules: Rules, configured: Collection[str] = (), markets: Collection[str] = ()
) -> Status:
    """The status of all accounts, as quick for thousands of them as monitoring needs it. Otherwise as `read_status`."""
    with store_errors():
        retired = decisions.retired_accounts(connection).difference(configured)
        ended = Ended(retired, account_markets.closed(connection))
        marks, gaps = coverage.read_own(connection)
        close_types = coverage.count_close_types(connection)
        close_types = {of: orders for of, orders in close_types.items() if not markets or of[1] in markets}
        status = Status(
            scopes=tuple(_scopes(_within(marks, markets), _within(gaps, markets), None, rules, ended)),
            orders=sum(close_types.values()),
            is_brief=True,
            close_types=close_types,
            **_of_whole(connection, retired, (), markets),
        )
        connection.rollback()
    return status


def _within(rows: Sequence[OfMarket], markets: Collection[str]) -> list[OfMarket]:
    """The rows of these markets; without any, all. The market is a row's second value."""
    return [row for row in rows if not markets or row[1] in markets]


def _of_whole(
    connection: Connection, retired: Collection[str], accounts: Collection[str], markets: Collection[str]
) -> dict[str, Any]:
    """What both kinds of status say beside the scopes."""
    quarantined = _within([(*of, rows) for of, rows in quarantine.count_by_account(connection).items()], markets)
    disputed = reconciliations.disputed(connection, accounts)
    return {
        "last_run": runs.last(connection),
        "quarantined": sum(
            rows for account, _, rows in quarantined if account not in retired and (not accounts or account in accounts)
        ),
        "unchecked_keys": tuple(_within(identities.unchecked(connection, accounts), markets)),
        "disputed": [one for one in _within(disputed, markets) if one.account not in retired],
        "backup": backups.newest(connection),
        "verified_backup": backups.newest(connection, verified=True),
        "now": database_clock(connection),
        "is_standby": is_standby(connection),
    }


def _scopes(
    marks: Sequence[Watermark], gaps: Sequence[Gap], counts: Counts | None, rules: Rules, ended: Ended
) -> Iterator[ScopeStatus]:
    own: dict[tuple[str, str, str], list[Gap]] = defaultdict(list)
    for gap in gaps:
        own[gap.account, gap.market, gap.symbol].append(gap)
    of_scope = Counter(dict(counts or {}))
    for (account, market, _), number in (counts or {}).items():
        of_scope[account, market, EVERY_SYMBOL] += number
    never_asked = sorted(own.keys() - {mark[:3] for mark in marks})
    for mark in [*marks, *(Watermark(*scope, None, None, None) for scope in never_asked)]:
        scope = mark[:3]
        orders = None if counts is None else of_scope[scope]
        yield _scope(mark, tuple(own.get(scope, ())), orders, rules, ended)


def _scope(mark: Watermark, own: tuple[Gap, ...], orders: int | None, rules: Rules, ended: Ended) -> ScopeStatus:
    is_retired, is_closed = mark.account in ended.accounts, (mark.account, mark.market) in ended.markets
    has_ended = is_retired or is_closed
    unread = None if has_ended else unread_since(mark, own)
    return ScopeStatus(
        account=mark.account,
        market=mark.market,
        symbol=mark.symbol,
        watermark=mark.watermark,
        covered_since=mark.covered_since,
        age=None if mark.watermark is None or has_ended else max(0, rules.now - mark.watermark),
        unread=None if unread is None else max(0, rules.now - unread),
        days_until_loss=None if unread is None else days_until_loss(unread, rules),
        orders=orders,
        gaps=own,
        is_retired=is_retired,
        is_closed=is_closed,
        symbols=mark.symbols,
    )


def unread_since(mark: Watermark, gaps: Sequence[Gap]) -> int | None:
    """The oldest unproven instant that can still be read: in a fillable gap, or after the newest proof."""
    fillable = [gap.window.start for gap in gaps if gap.reason in FILLABLE]
    return min([*fillable, *([] if mark.newest_proof is None else [mark.newest_proof])], default=None)


def days_until_loss(unread_since: int, rules: Rules) -> float | None:
    """Days until the exchange no longer keeps that instant; 0: already. None: it keeps everything."""
    return None if rules.keeps is None else max(0, unread_since + rules.keeps - rules.now) / DAY
