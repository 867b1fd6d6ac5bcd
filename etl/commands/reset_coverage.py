"""`coverage reset`: takes back what is proven of a span, so that it is read again."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from etl.commands.retire_account import check_stored
from etl.core.planning import Rules
from etl.core.retention import MARGIN
from etl.core.timeline import DAY, Window, clip, is_bare_date, iso, parse_instant, to_millis
from etl.errors import ConfigError
from etl.runs.arguments import parse_symbols
from etl.store import account_rows, coverage_reset, decisions, locks
from etl.store.coverage_reset import Reach
from etl.store.decisions import Decision
from etl.store.engine import store_errors

_LATEST = to_millis(datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True)
class Taken:
    """What a reset takes back."""

    proven: list[Window]
    """Of any symbol, merged."""
    lost: int
    """Milliseconds of it that the exchange no longer keeps, and that can never be proven again; 0 for what the edge of
    its retention moves during a run."""


def parse_reach(
    account: str, market: str | None, symbol: str | None, since: str | None, until: str | None, now: int
) -> Reach:
    """The options as typed. Instants may lie in the future, as wrong proof does. Raises ConfigError."""
    try:
        start = None if since is None else parse_instant(since, now)
        end = None if until is None else min(parse_instant(until, now) + DAY * is_bare_date(until), _LATEST)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if start is not None and end is not None and start >= end:
        raise ConfigError(f"--since {iso(start)} is not before --until {iso(end)}")
    return Reach(account, market, None if symbol is None else parse_symbols([symbol])[0], start, end)


def taken_by(connection: Connection, reach: Reach, rules: Rules) -> Taken:
    """What `reset_coverage` would take back. Raises ConfigError for an account or market that is not stored."""
    with store_errors():
        check_stored(connection, reach.account)
        markets = account_rows.markets(connection, reach.account)
        proven = coverage_reset.proven_within(connection, reach)
        connection.rollback()
    if reach.market is not None and reach.market not in markets:
        raise ConfigError(f"account {reach.account} has no market {reach.market!r}; it has {', '.join(markets)}")
    lost = sum(window.width for window in clip(proven, Window(0, rules.floor)))
    return Taken(proven, lost if lost > MARGIN else 0)


def reset_coverage(connection: Connection, reach: Reach, rules: Rules, why: str) -> list[Window]:
    """Take it back and return what was proven of it. Records no decision where nothing was known of the span.

    Raises BusyError while a run has the account.
    """
    with store_errors():
        markets = account_rows.markets(connection, reach.account) if reach.market is None else [reach.market]
        for market in markets:
            locks.claim_account(connection, reach.account, market, "coverage reset")
        proven = coverage_reset.proven_within(connection, reach)
        if coverage_reset.reset(connection, reach, rules.floor):
            details = {
                "symbol": reach.symbol,
                "since": None if reach.since is None else iso(reach.since),
                "until": None if reach.until is None else iso(reach.until),
                "proven_milliseconds": sum(window.width for window in proven),
            }
            decisions.record(connection, Decision.RESET, reach.account, why, market=reach.market, details=details)
        connection.commit()
    return proven
