"""Reads a statement of completeness, all as of one instant."""

import hashlib
import os
import pwd
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from socket import gethostname
from typing import Any

from sqlalchemy import Connection, text

from etl.core.account_markets import AccountMarket
from etl.core.completeness import Period
from etl.core.markets import NAMES
from etl.core.statement import (
    ExportFile,
    GapLine,
    MarketLine,
    OrderLine,
    Origin,
    QuarantinedLine,
    ReconciliationLine,
    SealLine,
    Statement,
    VerificationLine,
)
from etl.core.timeline import Window, to_millis
from etl.core.wallets import Wallet
from etl.errors import ConfigError
from etl.monitoring.gaps import shared
from etl.reporting.completeness import calendar_days, scoped_accounts
from etl.reporting.statement_costs import read_cost_lines
from etl.reporting.time_zones import check_zone
from etl.store import account_markets
from etl.store.coverage import read_gaps
from etl.store.engine import store_errors
from etl.store.ranges import millis


def read_statement(
    connection: Connection,
    period: Period,
    zone: str,
    asked: Collection[str],
    configured: Collection[str],
    version: str,
    export: ExportFile | None = None,
) -> Statement:
    """The statement of the accounts `asked` for or, without any, of all that are stored or `configured`.

    `version` is the program's. Raises ConfigError for an account that is neither stored nor configured and for an
    unknown time zone, StoreError.
    """
    check_zone(connection, zone)
    with store_errors():
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        try:
            accounts = _accounts(connection, asked, configured)
            return _read(connection, period, zone, accounts, _origin(connection, zone, version), export)
        finally:
            connection.rollback()


def describe_export(path: Path) -> ExportFile:
    """Name, size and digest of a file. Raises ConfigError with one line if it cannot be read."""
    try:
        if not path.is_file():
            raise ConfigError(f"--export: {path} is no file" if path.exists() else f"--export: there is no file {path}")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return ExportFile(path.name, file.tell(), digest)
    except OSError as error:
        raise ConfigError(f"--export: {path} cannot be read: {error.strerror}") from None


def user_name(uid: int) -> str:
    """The name that the system has for a user, whatever the environment says."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # as in many containers
        return f"user {uid}"


def _accounts(connection: Connection, asked: Collection[str], configured: Collection[str]) -> list[str]:
    known = sorted({*scoped_accounts(connection), *configured})
    for name in asked:
        if name not in known:
            raise ConfigError(f"there is no account {name!r}, neither in the database nor in the settings")
    return sorted({*asked}) or known


def _read(
    connection: Connection,
    period: Period,
    zone: str,
    accounts: Sequence[str],
    origin: Origin,
    export: ExportFile | None,
) -> Statement:
    ends = connection.execute(_ENDS, {"zone": zone, "first": period.first, "last": period.last}).one()
    span = Window(to_millis(ends.starts_at), to_millis(ends.ends_at))
    scope = {"accounts": [*accounts], "starts_at": ends.starts_at, "ends_at": ends.ends_at}
    of_costs = {"markets": [*NAMES], "since": ends.starts_at, "until": ends.ends_at, "zone": zone}

    def rows(query: str, **values: object) -> Sequence[Any]:
        return connection.execute(text(query), scope | values).all()

    days = calendar_days(connection, period.first, period.last, zone, accounts) if accounts else []
    return Statement(
        accounts=accounts,
        period=period,
        zone=zone,
        starts_at=span.start,
        ends_at=span.end,
        days=days,
        markets=_markets(connection, accounts),
        gaps=_gaps(connection, accounts, span),
        quarantined=[QuarantinedLine._make((*row[:4], to_millis(row[4]), *row[5:])) for row in rows(_QUARANTINED)],
        verifications=[
            VerificationLine._make((*row[:4], *map(to_millis, row[4:7]), *row[7:])) for row in rows(_VERIFICATIONS)
        ],
        reconciliations=[
            ReconciliationLine._make((*row[:6], to_millis(row[6]), *row[7:])) for row in rows(_RECONCILIATIONS)
        ],
        seals=[SealLine._make((*row[:5], to_millis(row[5]), *row[6:])) for row in rows(_SEALS)],
        orders=[OrderLine._make(row) for row in rows(_ORDERS)],
        costs=read_cost_lines(partial(rows, **of_costs), days),
        export=export,
        origin=origin,
    )


def _markets(connection: Connection, accounts: Sequence[str]) -> list[MarketLine]:
    """Every market of every account, also one of which nothing is known."""
    known = account_markets.of_accounts(connection, accounts)
    told = {(own.account, own.market): own for of_account in known.values() for own in of_account}
    scopes = {(row.account, row.market): row for row in connection.execute(_SCOPES, {"accounts": [*accounts]})}
    others = {market for _, market in told | scopes} - {*NAMES}
    wallets = [Wallet(account, market) for account in accounts for market in (*NAMES, *sorted(others))]
    return [_market(wallet, told.get(wallet), scopes.get(wallet)) for wallet in wallets]


def _market(wallet: Wallet, told: AccountMarket | None, scope: Any) -> MarketLine:
    """`scope`: the row of report_scopes, if there is one."""
    return MarketLine(
        *wallet,
        state=told.state.value if told else None,
        exists=told.exists if told else None,
        reason=told.reason if told else None,
        since=told.since if told else None,
        until=told.closed_at if told else None,
        told_at=told.seen_at if told else None,
        asked_since=millis(scope.asked_since) if scope else None,
        proven_until=millis(scope.proven_until) if scope else None,
    )


def _gaps(connection: Connection, accounts: Sequence[str], span: Window) -> list[GapLine]:
    """The gaps inside the span, cut to it; symbols that share one have one line."""
    found = []
    for gap in shared(read_gaps(connection, accounts)) if accounts else ():
        if inside := gap.window.intersect(span):
            found.append(GapLine(gap.account, gap.market, gap.symbol, inside.start, inside.end, gap.reason))
    return sorted(found, key=lambda gap: (gap.account, gap.market, gap.start, gap.symbols))


def _origin(connection: Connection, zone: str, version: str) -> Origin:
    row = connection.execute(_ORIGIN, {"zone": zone}).one()
    return Origin(
        to_millis(row.at), row.at_local, user_name(os.getuid()), gethostname(), version, row.schema, row.server
    )


_ENDS = text("""
    SELECT timezone(:zone, CAST(:first AS timestamp)) AS starts_at,
           timezone(:zone, CAST(:last AS timestamp) + interval '1 day') AS ends_at
""")
_ORIGIN = text("""
    SELECT now() AS at, to_char(timezone(:zone, now()), 'YYYY-MM-DD HH24:MI:SS') AS at_local,
           (SELECT version_num FROM alembic_version) AS schema, current_setting('server_version') AS server
""")
_SCOPES = text("""
    SELECT account, market, asked_since, upper(proven) AS proven_until FROM report_scopes
     WHERE account = ANY(:accounts)
""")
# The days of a row are days of UTC.
_QUARANTINED = """
    SELECT account, market, id, reason, seen_at, min(first_day), max(last_day)
      FROM quarantined_days JOIN quarantined_orders USING (account, market)
     WHERE account = ANY(:accounts) AND id = quarantined_order_id
       AND (first_day IS NULL OR timezone('UTC', first_day::timestamp) < :ends_at)
       AND timezone('UTC', (last_day + 1)::timestamp) > :starts_at
     GROUP BY account, market, id, reason, seen_at ORDER BY account, market, id
"""
_VERIFICATIONS = """
    SELECT DISTINCT ON (account, market, symbol)
           account, market, symbol, run_id, verified_at, lower(span), upper(span), orders_compared, missing, different,
           extra, repaired, unread_reason, is_sample
      FROM verifications
     WHERE account = ANY(:accounts) AND compared && tstzrange(:starts_at, :ends_at)
     ORDER BY account, market, symbol, id DESC
"""
_RECONCILIATIONS = """
    SELECT account, market, last_day - first_day + 1, count(*) FILTER (WHERE verdict = 'agreed'),
           count(*) FILTER (WHERE verdict = 'not checkable'), count(*) FILTER (WHERE verdict = 'disputed'),
           max(reconciled_at), string_agg(DISTINCT reason, '; ' ORDER BY reason)
      FROM reconciliation_days
     CROSS JOIN (SELECT timezone('UTC', CAST(:starts_at AS timestamptz))::date AS first_day,
                        timezone('UTC', CAST(:ends_at AS timestamptz) - interval '1 millisecond')::date AS last_day
                ) AS days
     WHERE account = ANY(:accounts) AND day BETWEEN first_day AND last_day
     GROUP BY account, market, first_day, last_day ORDER BY account, market
"""
_SEALS = """
    SELECT account, market, last_day - first_day + 1,
           (SELECT count(DISTINCT day) FROM seals
             WHERE seals.account = newest.account AND seals.market = newest.market
               AND day BETWEEN first_day AND last_day),
           day, sealed_at, digest
      FROM (SELECT DISTINCT ON (account, market) account, market, day, sealed_at, digest FROM seals
             WHERE account = ANY(:accounts) ORDER BY account, market, id DESC) AS newest
     CROSS JOIN (SELECT timezone('UTC', CAST(:starts_at AS timestamptz))::date AS first_day,
                        timezone('UTC', CAST(:ends_at AS timestamptz) - interval '1 millisecond')::date AS last_day
                ) AS days
     ORDER BY account, market
"""
_ORDERS = """
    SELECT account, market, close_type, quote_asset, count(*), sum(notional), count(*) FILTER (WHERE notional IS NULL)
      FROM report_force_orders
     WHERE account = ANY(:accounts) AND order_time >= :starts_at AND order_time < :ends_at
     GROUP BY account, market, close_type, quote_asset ORDER BY account, market, close_type, quote_asset
"""
