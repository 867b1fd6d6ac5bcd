"""What a request for archive files would ask for, go on with and leave. Sends nothing and writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from etl.accounts.credentials import Keyring
from etl.core.archive.plan import IN_VAIN, OPEN, FileState, KnownFile, allowed_at, archived_by, plan_files, used
from etl.core.market_choice import markets_to_read
from etl.core.markets import market_named
from etl.core.planning import Rules
from etl.core.timeline import Window, clip, subtract
from etl.core.wallets import Wallet
from etl.exchange.clock import local_now
from etl.runs import from_settings
from etl.runs.archive_directory import ArchiveDirectory
from etl.runs.known_markets import known_markets
from etl.runs.spans import SpanText
from etl.settings.model import Settings
from etl.store import archive_files, archived_time
from etl.store.archive_files import ArchiveFile
from etl.store.engine import store_errors

_UNDER_WAY = tuple(state for state in OPEN if state is not FileState.PLANNED)


@dataclass
class WalletPlan:
    """What is to be done for an account in a market."""

    wallet: Wallet
    monthly: int
    used: int
    """Files that were asked for already and count against the quota, as far as this database knows."""
    room: int
    """Files that the quota still allows now."""
    next_room_at: int
    """When it allows one more, epoch milliseconds."""
    spans: Sequence[Window] = ()
    """Of files that are not planned yet, newest first."""
    planned: Sequence[ArchiveFile] = ()
    """Files that an earlier run planned and did not ask for."""
    under_way: Sequence[ArchiveFile] = ()
    """Files that were asked for and are to be downloaded or imported."""
    in_vain: Sequence[ArchiveFile] = ()
    """Files that were asked for and gave nothing, and that lie in the span: the operator decides."""

    given_up: Sequence[ArchiveFile] = ()
    """Requests without an answer that are asked for anew."""

    @property
    def to_ask(self) -> list[Window]:
        """Every span to ask for, newest first, as far as the quota goes."""
        return sorted([*self.spans, *(file.span for file in self.planned)], reverse=True)

    @property
    def asks(self) -> int:
        return min(len(self.to_ask), self.room)


@dataclass
class ArchivePlan:
    """What is to be done for each account and market, and a line for each market that has no files."""

    span: Window
    again: bool = False
    """Whether files are asked for anew that gave nothing."""
    wallets: Sequence[WalletPlan] = ()
    without: list[str] = field(default_factory=list)

    @property
    def asks(self) -> int:
        return sum(one.asks for one in self.wallets)


def plan_archives(
    connection: Connection,
    settings: Settings,
    keys: Keyring,
    markets: Sequence[str],
    typed: SpanText,
    *,
    again: bool = False,
) -> ArchivePlan:
    """By this machine's clock. Raises ConfigError for a wrong span, StoreError."""
    rules = from_settings.rules(settings, local_now())
    plan = ArchivePlan(typed.resolve(rules), again)
    directory, found = ArchiveDirectory(settings.data_dir), list[WalletPlan]()
    with store_errors():
        for one in keys.usable:
            for name in markets_to_read(markets, known_markets(settings, connection, one.account)):
                if market_named(name).archive is None:
                    plan.without.append(f"account {one.account} {name}: the exchange gives no order files of it")
                else:
                    wallet = Wallet(one.account, name)
                    found.append(plan_wallet(connection, directory, wallet, plan.span, rules, again=again))
        connection.rollback()
    plan.wallets = found
    return plan


def plan_wallet(
    connection: Connection, directory: ArchiveDirectory, wallet: Wallet, wanted: Window, rules: Rules, *, again: bool
) -> WalletPlan:
    """What is to be done for one account in one market."""
    archive = market_named(wallet.market).archive
    monthly = archive.monthly if archive else 0
    files = archive_files.read(connection, [wallet.account], wallet.market)
    proven, archived = archived_time.read(connection, *wallet)
    under_way = [file for file in files if file.state in _UNDER_WAY or directory.noted_download_id(file)]
    known = [
        KnownFile(file.span, FileState.PROCESSING if file in under_way else file.state, file.requested_at)
        for file in files
    ]
    requests = archive_files.requests(connection, *wallet)
    counted = len(used(requests, rules.now))
    in_vain = [
        file
        for file in files
        if file.state in IN_VAIN
        and file not in under_way
        and subtract(clip([archived_by(file.span)], wanted), [*proven, *archived])
    ]
    return WalletPlan(
        wallet,
        monthly,
        counted,
        max(0, monthly - counted),
        allowed_at(requests, monthly, rules.now),
        plan_files(wanted, proven, archived, known, rules.floor, rules.settled, again=again),
        [file for file in files if file.state is FileState.PLANNED],
        under_way,
        [] if again else in_vain,
        [file for file in in_vain if again and file.state is FileState.REQUESTED],
    )
