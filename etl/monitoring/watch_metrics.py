"""The metrics that alert rules need: each account that is to be read, also one that never was, and the queue.

Moments and not ages: a file that nobody writes any more grows old too. No retired account is among them, nor a market
that an account does not have any more.
"""

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.core import Metric
from sqlalchemy import Connection

from etl.core.markets import USDM
from etl.core.timeline import SECOND
from etl.monitoring.gauge import gauge
from etl.store import account_markets, backups, coverage, decisions, jobs, quarantine, seals
from etl.store.engine import store_errors


def watch_families(connection: Connection, now: int, configured: Mapping[str, Sequence[str]]) -> Iterator[Metric]:
    """`now`: this machine's clock, epoch milliseconds. `configured`: the accounts of the settings, and their markets.

    An account whose settings name no market, and of which nothing was read, counts as one of USDⓈ-M futures.
    Raises StoreError.
    """
    with store_errors():
        retired = decisions.retired_accounts(connection).difference(configured)
        closed = account_markets.closed(connection)
        proofs = coverage.newest_proofs(connection)
        unreadable = quarantine.count_by_account(connection)
        sealed_at = seals.newest_made(connection)
        queues = jobs.queues(connection)
        connection.rollback()
    read = {scope: proof for scope, proof in proofs.items() if scope[0] not in retired and scope not in closed}
    begun = {account for account, _ in proofs}
    wanted = [
        (account, market)
        for account, markets in configured.items()
        for market in markets or (() if account in begun else (USDM,))
    ]
    read |= {wallet: None for wallet in wanted if wallet not in proofs}
    waiting = dict.fromkeys(read, 0) | {scope: rows for scope, rows in unreadable.items() if scope[0] not in retired}
    yield gauge("snapshot_timestamp_seconds", "When the database was read for these metrics.", (), [((), now / SECOND)])
    yield gauge(
        "read_until_timestamp_seconds",
        "Newest instant that is proven, of each account that is stored or in the settings; 0: it was never read.",
        ("account", "market"),
        ((scope, (proof or 0) / SECOND) for scope, proof in read.items() if scope not in closed),
    )
    yield gauge("quarantined_rows", "Rows that could not be read.", ("account", "market"), waiting.items())
    yield gauge(
        "newest_seal_timestamp_seconds",
        "When the newest seal was made.",
        ("account", "market"),
        ((scope, made.timestamp()) for scope, made in sealed_at.items() if scope[0] not in retired),
    )
    yield gauge(
        "jobs_waiting", "Jobs that are due, by queue.", ("queue",), (((one.queue,), one.waiting) for one in queues)
    )
    yield gauge(
        "jobs_running",
        "Jobs that a worker runs which was heard of within a minute, by queue.",
        ("queue",),
        (((one.queue,), one.running) for one in queues),
    )


def backup_families(connection: Connection, *, is_wanted: bool) -> Iterator[Metric]:
    """`is_wanted`: whether every night is to make a backup; else there is no sample. Raises StoreError."""
    with store_errors():
        newest = backups.newest(connection, verified=True) if is_wanted else None
        connection.rollback()
    yield gauge(
        "verified_backup_timestamp_seconds",
        "When the newest verified backup was made, where every night is to make one; 0: never.",
        (),
        [((), newest.made_at.timestamp() if newest else 0)] if is_wanted else [],
    )
