"""`doctor`: checks everything that a nightly run needs. Changes nothing, sends no notification and stores no order.

The checks run in groups. An error fails the check in which it happens and skips the rest of its group; the other
groups still run. Each group has a timeout.
"""

import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from sqlalchemy import Connection, text

from etl.accounts.credentials import Credentials, Keyring, read_keys
from etl.accounts.key_sources import KeySource, SecretFile, key_sources
from etl.accounts.secret_files import is_read_by_others
from etl.commands import doctor_checks
from etl.commands.doctor_checks import CheckResult, Status
from etl.commands.key_checks import check_keys, interactive_reader, key_check
from etl.commands.output_paths import fault_of, nearest_existing
from etl.core.account_markets import AccountMarket
from etl.core.markets import USDM
from etl.core.text import printable
from etl.core.timeline import SECOND
from etl.core.wallets import Wallet
from etl.embedded.programs import binaries
from etl.errors import ConfigError, ExchangeError, ForceOrdersError, StoppedError
from etl.exchange.access import Access
from etl.file_access import data_places
from etl.notifications.channels import read_channels
from etl.runs import composition, from_settings
from etl.runs.fetchers import STOPPED, TICK, Fetchers
from etl.settings.loading import load, settings_file
from etl.settings.model import Settings
from etl.settings.secret import SecretStr
from etl.store import account_markets, migrate, runs
from etl.store.database import address
from etl.store.engine import connection_to, engine_for
from etl.store.rights import is_read_only, lacking_to_write, may_read_revision

TIMEOUT_S = 5
"""Seconds for a connection, a statement, or a response of the exchange."""

GROUP_TIMEOUT_S = 20
"""Seconds for a group: an embedded Postgres may have to start, and there may be many accounts."""


@dataclass(frozen=True)
class Group:
    """Checks that depend on the ones before them: their names, and what performs them in this order."""

    names: Sequence[str]
    perform: Callable[[], Iterator[CheckResult]]


def examine(config: Path | None, stop: Event) -> Iterator[CheckResult]:
    """Each result as soon as its group is done; `config` is the settings file. Raises StoppedError."""
    yield doctor_checks.of_python(sys.version_info[:3])
    try:
        settings = load(config)
        file = settings_file(config)
    except ConfigError as error:
        yield CheckResult("settings", Status.FAILED, str(error), "'force-orders config example' shows what can be set")
        for name in (*LOCAL, *DATABASE, *EXCHANGE, "accounts", "notifications"):
            yield CheckResult(name, Status.SKIPPED, "not checked: the settings cannot be used")
        return
    yield CheckResult("settings", Status.OK, str(file.absolute()) if file else "no file: defaults and variables")
    with ExitStack() as kept:
        checks = _Checks(_with_short_timeouts(settings), stop, kept)
        for group in checks.groups():
            yield from _performed(group, stop)


LOCAL = ("data directory", "disk")
DATABASE = ("database", "schema", "rights", "schedule")
EXCHANGE = ("address", "clock")


class _Checks:
    """The groups, and what a later group needs of an earlier one."""

    def __init__(self, settings: Settings, stop: Event, kept: ExitStack) -> None:
        self._settings = settings
        self._stop = stop
        self._kept = kept
        self._url: str | None = None
        """The database, if a run could use it."""
        self._is_reached = False
        self._has_data_dir = True

    def groups(self) -> Iterator[Group]:
        yield Group(LOCAL, self._local)
        yield Group(DATABASE, self._database)
        yield Group(EXCHANGE, self._exchange)
        names = [f"account {one.account}" for one in self._sources()] or ["accounts"]
        yield Group(names, self._accounts)
        yield Group(["notifications"], self._notifications)

    def _local(self) -> Iterator[CheckResult]:
        if self._settings.database_url is not None:
            for name in LOCAL:
                yield CheckResult(name, Status.OK, "not needed: the database is a server")
            return
        directory = self._settings.data_dir.absolute()
        mode = stat.S_IMODE(directory.stat().st_mode) if directory.is_dir() else None
        place = doctor_checks.of_directory(str(directory), fault_of(directory), mode)
        self._has_data_dir = place.status is not Status.FAILED
        yield place
        free = {str(one): shutil.disk_usage(nearest_existing(one)).free for one in data_places(directory)}
        yield doctor_checks.of_disk(free)

    def _database(self) -> Iterator[CheckResult]:
        own = self._settings.database_url
        if own is None and not self._has_data_dir:
            for name in DATABASE:
                yield CheckResult(name, Status.SKIPPED, "not checked: the data directory is not fine")
            return
        if own is None and not from_settings.has_database(self._settings):
            binaries()
            yield CheckResult("database", Status.OK, "an embedded Postgres; the first command that needs it creates it")
            for name in DATABASE[1:3]:
                yield CheckResult(name, Status.OK, "created with the database")
            yield doctor_checks.of_schedule([], datetime.now(UTC))
            return
        url = self._kept.enter_context(address(own.get_secret_value() if own else None, self._settings.data_dir))
        with connection_to(engine_for(url, TIMEOUT_S)) as connection:
            yield CheckResult("database", Status.OK, f"PostgreSQL {_version(connection)}")
            rights = doctor_checks.of_rights(lacking_to_write(connection), is_read_only=is_read_only(connection))
            if not may_read_revision(connection):
                yield CheckResult("schema", Status.SKIPPED, "not checked: the role may not read it")
                yield rights
                return
            found, wanted = migrate.current(connection), migrate.head()
            yield doctor_checks.of_schema(found, wanted, is_embedded=own is None)
            if found != wanted:
                return
            yield rights
            self._url = url if rights.status is Status.OK else None
            yield doctor_checks.of_schedule(runs.totals(connection), connection.scalar(text("SELECT now()")))

    def _exchange(self) -> Iterator[CheckResult]:
        keyless = Keyring([Credentials("", SecretStr(""))])  # the exchange's time needs no key
        with self._access() as access:
            client = interactive_reader(self._settings, keyless, access, self._stop).client(Wallet("", USDM))
            began = time.monotonic()
            try:
                client.set_clock()
            except ExchangeError as error:
                found = key_check("", error)
                yield CheckResult("address", Status.FAILED, f"{self._settings.base_url}: {found.wrong}", found.remedy)
                return
        self._is_reached = True
        round_trip = int((time.monotonic() - began) * SECOND)
        how = "over TLS" if self._settings.base_url.startswith("https:") else "over plain http, on this machine"
        yield CheckResult("address", Status.OK, f"{self._settings.base_url} answers {how}")
        yield doctor_checks.of_clock(client.clock.machine_is_ahead(), round_trip)

    def _accounts(self) -> Iterator[CheckResult]:
        sources = self._sources()
        if not sources:
            yield CheckResult("accounts", Status.FAILED, "there is no key", "run: force-orders init")
            return
        keys = read_keys(sources)
        for name, fault in keys.faults.items():
            yield doctor_checks.of_account(key_check(name, ConfigError(fault)), [])
        if not self._is_reached:
            for one in keys.usable:
                yield CheckResult(
                    f"account {one.account}", Status.SKIPPED, "not checked: the exchange cannot be reached"
                )
        elif keys.usable:
            open_files = {one.account: _open_files(one) for one in sources}
            with self._access() as access:
                for key in check_keys(interactive_reader(self._settings, keys, access, self._stop)):
                    yield doctor_checks.of_account(key, open_files[key.account], self._markets(key.account))

    def _markets(self, account: str) -> Sequence[AccountMarket]:
        """What earlier runs found of its markets."""
        if self._url is None:
            return []
        with connection_to(engine_for(self._url, TIMEOUT_S)) as connection:
            return account_markets.of_account(connection, account)

    def _notifications(self) -> Iterator[CheckResult]:
        file = self._settings.notify_urls_file
        if file is None:
            yield CheckResult("notifications", Status.OK, "not configured: nobody is notified of a failed run")
            return
        channels = read_channels(self._settings)
        if is_read_by_others(file):
            yield CheckResult("notifications", Status.WARNING, f"other users can read {file}", f"chmod 600 {file}")
            return
        names = ", ".join(one.name for one in channels)
        yield CheckResult("notifications", Status.OK, f"{names}; 'force-orders notify test' sends a test message")

    def _sources(self) -> list[KeySource]:
        try:
            return key_sources(self._settings)
        except ConfigError:
            return []

    @contextmanager
    def _access(self) -> Iterator[Access]:
        """With the database, which knows of a ban; without one, with the file that knows of it."""
        engine = engine_for(self._url, TIMEOUT_S) if self._url else None
        with composition.access(self._settings, engine, self._stop) as access:
            yield access


def _with_short_timeouts(settings: Settings) -> Settings:
    """The same settings for a person who waits for the result."""
    return replace(
        settings,
        connect_timeout_seconds=min(settings.connect_timeout_seconds, TIMEOUT_S),
        read_timeout_seconds=min(settings.read_timeout_seconds, TIMEOUT_S),
        patience_seconds=0,
    )


def _performed(group: Group, stop: Event) -> list[CheckResult]:
    """One result for each name of the group, in their order; raises StoppedError."""
    found: list[CheckResult] = []
    fault = _fault_of(group, found, stop)
    missing = [name for name in group.names if name not in {one.check for one in found}]
    if fault is not None and missing:
        found.append(_failed(missing.pop(0), fault))
    cause = next((one.check for one in found if one.status is Status.FAILED), "what comes before it")
    found += [CheckResult(name, Status.SKIPPED, f"not checked: {cause} is not fine") for name in missing]
    return sorted(found, key=lambda one: group.names.index(one.check))


def _fault_of(group: Group, found: list[CheckResult], stop: Event) -> Exception | None:
    """Perform the checks and add their results to `found`. Returns the error that ended them early, if any."""
    fetchers: Fetchers[None, None] = Fetchers(1)
    fetchers.submit(None, lambda: found.extend(group.perform()))
    deadline = time.monotonic() + GROUP_TIMEOUT_S
    try:
        while not stop.is_set():
            done = fetchers.next_done(TICK)
            if done is not None:
                return done[1] if isinstance(done[1], Exception) else None
            if time.monotonic() > deadline:
                return TimeoutError(f"not done within {GROUP_TIMEOUT_S} s")
    finally:
        fetchers.close()
    raise StoppedError(STOPPED)


def _failed(check: str, error: Exception) -> CheckResult:
    """Does not show the text of an error that is not ours, because it may hold a secret."""
    if isinstance(error, ForceOrdersError | TimeoutError):
        return CheckResult(check, Status.FAILED, printable(str(error)), REMEDIES.get(check))
    return CheckResult(check, Status.FAILED, f"this should not happen ({type(error).__name__})", "please report it")


REMEDIES = {
    "database": "check database_url, the server and its log; without database_url an embedded Postgres is used",
    "notifications": "correct notify_urls_file, then run: force-orders notify test",
}
"""What to do about an error whose text does not say it."""


def _open_files(source: KeySource) -> list[str]:
    """The files of an account's key that other users of this machine can read."""
    files = [place.path for place in (source.key, source.secret) if isinstance(place, SecretFile)]
    return [str(file) for file in files if is_read_by_others(file)]


def _version(connection: Connection) -> str:
    found = connection.scalar(text("SHOW server_version"))
    connection.rollback()
    return str(found).split()[0]
