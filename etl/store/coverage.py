"""Coverage: which intervals of a scope are proven, and why others are not. A scope is account, market and symbol."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    MetaData,
    Table,
    Text,
    and_,
    any_,
    delete,
    exists,
    func,
    literal,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSTZMULTIRANGE, Insert, insert

from etl.core.findings import Finding, Verdict
from etl.core.planning import Known
from etl.core.timeline import Window, merge, to_datetime, to_millis, window_or_none
from etl.store.ranges import millis, multirange, windows_of
from etl.store.schema import EVERY_SYMBOL, coverage, force_orders, order_counts

views = MetaData()
"""Views. Migrations create them; these definitions are for reading only."""

effective_coverage = Table(
    "effective_coverage",
    views,
    *(Column(name, Text) for name in ("account", "market", "symbol")),
    Column("asked_since", DateTime(timezone=True)),
    *(Column(verdict.value, TSTZMULTIRANGE) for verdict in Verdict),
)

watermarks = Table(
    "watermarks",
    views,
    *(Column(name, Text) for name in ("account", "market", "symbol")),
    Column("watermark", DateTime(timezone=True)),
    Column("covered_since", DateTime(timezone=True)),
)

own_watermarks = Table(
    "own_watermarks",
    views,
    *(Column(name, Text) for name in ("account", "market", "symbol")),
    *(Column(name, DateTime(timezone=True)) for name in ("watermark", "covered_since", "newest_proof")),
    Column("symbols", BigInteger),
    Column("has_gap", Boolean),
)

coverage_gaps = Table(
    "coverage_gaps",
    views,
    *(Column(name, Text) for name in ("account", "market", "symbol", "reason")),
    Column("gap_start", DateTime(timezone=True)),
    Column("gap_end", DateTime(timezone=True)),
)


class Watermark(NamedTuple):
    """Everything of a symbol in [covered_since, watermark) is proven, and nothing from `newest_proof` on.

    All are epoch milliseconds, or None where there is none yet.
    """

    account: str
    market: str
    symbol: str
    watermark: int | None
    covered_since: int | None
    newest_proof: int | None
    symbols: int = 1
    """How many scopes have this watermark: `*`, and the symbols that were never asked for by name."""


class Asked(NamedTuple):
    account: str
    market: str
    symbol: str | None
    """None: requests without symbol."""
    span: Window | None
    """None: no answer yet."""


class Gap(NamedTuple):
    account: str
    market: str
    symbol: str
    window: Window
    reason: str


def record(connection: Connection, account: str, market: str, findings: Sequence[Finding]) -> None:
    """Add findings to the sets of their scopes. What is proven stays proven."""
    sets: dict[str, dict[Verdict, list[Window]]] = defaultdict(lambda: defaultdict(list))
    for finding in findings:
        sets[finding.symbol or EVERY_SYMBOL][finding.verdict].append(finding.window)
    rows = [
        {"account": account, "market": market, "symbol": symbol}
        | {verdict.value: multirange(sets[symbol][verdict]) for verdict in Verdict}
        for symbol in sorted(sets)
    ]
    if rows:
        connection.execute(_RECORD, rows)


def _record() -> Insert:
    statement = insert(coverage)
    grown = {verdict.value: coverage.c[verdict.value] + statement.excluded[verdict.value] for verdict in Verdict}
    return statement.on_conflict_do_update(index_elements=list(coverage.primary_key), set_=grown)


_RECORD = _record()


def dispute(connection: Connection, account: str, market: str, symbol: str | None, windows: Sequence[Window]) -> None:
    """Take back the proof of these intervals of a scope: an answer of the same run contradicts what is stored."""
    own, disputed = coverage.c, multirange(windows)
    connection.execute(
        update(coverage)
        .where(own.account == account, own.market == market, own.symbol == (symbol or EVERY_SYMBOL))
        .values(proven=own.proven - disputed, disputed=own.disputed + disputed)
    )


def withdraw(connection: Connection, account: str, market: str, proofs: Sequence[tuple[str | None, Window]]) -> None:
    """Take back the proof of these windows, each of a symbol or of all (None): they are disputed, and read again.

    What was read without symbol proves each symbol, so it is taken back with any of them; and all symbols with None.
    """
    own = coverage.c
    by_symbol: dict[str | None, list[Window]] = defaultdict(list)
    for symbol, window in proofs:
        by_symbol[symbol].append(window)
    for symbol, windows in by_symbol.items():
        doubted = multirange(windows)
        of_symbol = true() if symbol is None else own.symbol.in_([symbol, EVERY_SYMBOL])
        connection.execute(
            update(coverage)
            .where(own.account == account, own.market == market, of_symbol, own.proven.overlaps(doubted))
            .values(
                proven=own.proven - doubted,
                disputed=own.disputed + own.proven * doubted,
                asked_since=func.least(own.asked_since, func.lower(own.proven)),
            )
        )


def ask(connection: Connection, account: str, market: str, symbol: str | None, since: int) -> None:
    """Record that a scope was asked for from `since` on, so that a hole in it is a gap."""
    statement = insert(coverage).values(
        account=account, market=market, symbol=symbol or EVERY_SYMBOL, asked_since=to_datetime(since)
    )
    earliest = func.least(coverage.c.asked_since, statement.excluded.asked_since)
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(coverage.primary_key), set_={"asked_since": earliest})
    )


def name_symbols(connection: Connection, account: str, market: str, symbols: Iterable[str]) -> None:
    """Give each symbol a row, and with it a watermark, because it was asked for by name or has an order."""
    rows = [{"account": account, "market": market, "symbol": symbol} for symbol in sorted(set(symbols))]
    if rows:
        connection.execute(insert(coverage).values(rows).on_conflict_do_nothing())


def known(connection: Connection, account: str, market: str) -> dict[str | None, Known]:
    """What is known of an account's symbols in a market; the key None stands for requests without symbol.

    What was proven without symbol counts for each symbol, also for one without a row.
    """
    view = effective_coverage.c
    rows = connection.execute(
        select(view.symbol, view.asked_since, view.proven, view.saturated, view.beyond_retention).where(
            view.account == account, view.market == market
        )
    )
    scopes: dict[str | None, Known] = {None: Known()}
    for row in rows:
        given_up = merge([*windows_of(row.saturated), *windows_of(row.beyond_retention)])
        symbol = None if row.symbol == EVERY_SYMBOL else row.symbol
        scopes[symbol] = Known(windows_of(row.proven), given_up, millis(row.asked_since))
    return scopes


def forget(connection: Connection, account: str, market: str, symbol: str) -> bool:
    """Remove a scope whose symbol does not exist; False, and no change, where it has proof or an order."""
    own, of_orders = coverage.c, force_orders.c
    in_scope = (own.account == account, own.market == market, own.symbol == symbol)
    has_order = exists().where(of_orders.account == account, of_orders.market == market, of_orders.symbol == symbol)
    removed = connection.execute(
        delete(coverage).where(*in_scope, own.proven == multirange([]), ~has_order).returning(own.symbol)
    )
    return removed.first() is not None


def read_watermarks(connection: Connection, accounts: Collection[str] = ()) -> list[Watermark]:
    """Of these accounts; without any, of all."""
    mark, effective = watermarks.c, effective_coverage.c
    scope = (mark.account, mark.market, mark.symbol)
    same = and_(*(column == effective[column.name] for column in scope))
    rows = connection.execute(
        select(*scope, mark.watermark, mark.covered_since, func.upper(effective.proven).label("newest_proof"))
        .join_from(watermarks, effective_coverage, same)
        .where(_of(mark.account, accounts), _of(effective.account, accounts))
        .order_by(*scope)
    )
    return [_watermark(*row) for row in rows]


def newest_proofs(connection: Connection) -> dict[tuple[str, str], int | None]:
    """Until when anything is proven, epoch milliseconds, by account and market; None: it was asked for in vain."""
    by = (coverage.c.account, coverage.c.market)
    newest = func.max(func.upper(coverage.c.proven))
    rows = connection.execute(select(*by, newest.label("newest")).group_by(*by).order_by(*by))
    return {(row.account, row.market): millis(row.newest) for row in rows}


def read_gaps(connection: Connection, accounts: Collection[str] = ()) -> list[Gap]:
    """Of these accounts; without any, of all."""
    view = coverage_gaps.c
    scope = (view.account, view.market, view.symbol)
    rows = connection.execute(
        select(*scope, view.gap_start, view.gap_end, view.reason)
        .where(_of(view.account, accounts))
        .order_by(*scope, view.gap_start)
    )
    return [_gap(row) for row in rows]


def read_own(connection: Connection) -> tuple[list[Watermark], list[Gap]]:
    """Watermarks and gaps of all accounts, without the symbols that were never asked for by name.

    What is known of these is what is known of `*`; its watermark has their number.
    """
    mark = own_watermarks.c
    scope = (mark.account, mark.market, mark.symbol)
    rows = connection.execute(
        select(*scope, mark.watermark, mark.covered_since, mark.newest_proof, mark.symbols, mark.has_gap).order_by(
            *scope
        )
    ).all()
    marks = [_watermark(*row[:-1]) for row in rows]
    unread = [(row.account, row.market, EVERY_SYMBOL) for row in connection.execute(_UNREAD_MARKETS)]
    holed = sorted({*unread, *((row.account, row.market, row.symbol) for row in rows if row.has_gap)})
    scopes = {name: [scope[i] for scope in holed] for i, name in enumerate(("accounts", "markets", "symbols"))}
    return marks, [_gap(row) for row in connection.execute(_GAPS_OF, scopes)]


_UNREAD_MARKETS = text("SELECT account, market FROM unread_markets")

# OFFSET 0 keeps the planner from joining what it takes for millions of gaps: it looks up each scope by itself.
_GAPS_OF = text("""
    SELECT account, market, symbol, gap_start, gap_end, reason
      FROM unnest(CAST(:accounts AS text[]), CAST(:markets AS text[]), CAST(:symbols AS text[]))
           AS scopes (account, market, symbol)
     CROSS JOIN LATERAL (
           SELECT gap_start, gap_end, reason FROM coverage_gaps AS gap
            WHERE gap.account = scopes.account AND gap.market = scopes.market AND gap.symbol = scopes.symbol OFFSET 0
           ) AS gaps
     ORDER BY account, market, symbol, gap_start
""")


def has_more_accounts(connection: Connection, number: int) -> bool:
    """Whether more than this number of accounts were ever read."""
    some = select(effective_coverage.c.account).distinct().limit(number + 1).subquery()
    return (connection.scalar(select(func.count()).select_from(some)) or 0) > number


def _gap(row: Any) -> Gap:
    account, market, symbol, start, end, reason = row
    return Gap(account, market, symbol, Window(to_millis(start), to_millis(end)), reason)


def _watermark(account: str, market: str, symbol: str, *rest: Any) -> Watermark:
    mark, since, newest, *symbols = rest
    return Watermark(account, market, symbol, millis(mark), millis(since), millis(newest), *symbols)


def _of(account: ColumnElement[str], accounts: Collection[str]) -> ColumnElement[bool]:
    return account == any_(literal([*accounts], ARRAY(Text))) if accounts else true()


def read_asked(connection: Connection, accounts: Collection[str] = ()) -> list[Asked]:
    """By account, market and symbol, from the earliest instant ever asked for to the newest answer.

    Of these accounts; without any, of all.
    """
    view = effective_coverage.c
    scope = (view.account, view.market, view.symbol)
    sets = [view[verdict.value] for verdict in Verdict]
    rows = connection.execute(
        select(
            *scope,
            func.least(view.asked_since, *map(func.lower, sets)).label("since"),
            func.greatest(*map(func.upper, sets)).label("until"),
        )
        .where(_of(view.account, accounts))
        .order_by(*scope)
    )
    return [
        Asked(
            row.account,
            row.market,
            None if row.symbol == EVERY_SYMBOL else row.symbol,
            window_or_none(to_millis(row.since), to_millis(row.until)) if row.since and row.until else None,
        )
        for row in rows
    ]


def count_close_types(connection: Connection) -> dict[tuple[str, str, str], int]:
    """Orders by account, market and close type."""
    own = order_counts.c
    rows = connection.execute(select(own.account, own.market, own.close_type, own.orders).where(own.orders > 0))
    return {(account, market, close_type): orders for account, market, close_type, orders in rows}


def count_orders(connection: Connection, accounts: Collection[str] = ()) -> dict[tuple[str, str, str], int]:
    """Orders by account, market and symbol, of these accounts; without any, of all."""
    order = force_orders.c
    by = (order.account, order.market, order.symbol)
    rows = connection.execute(select(*by, func.count()).where(_of(order.account, accounts)).group_by(*by))
    return {(account, market, symbol): orders for account, market, symbol, orders in rows}
