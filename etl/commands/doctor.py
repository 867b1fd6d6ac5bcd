"""`doctor`: a look at everything that a night needs. Changes nothing, sends no notification and stores no order.

The checks stand in groups. What goes wrong in one is told of the check that it happened in, the rest of its group is
skipped, and the other groups go on. Each group has a time after which it is given up.
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
from etl.commands import findings
from etl.commands.check_accounts import ask, has_database, hasty_reader, verdict
from etl.commands.directories import fault_of, nearest
from etl.commands.findings import Finding, Status
from etl.core.egress import Egress, OwnEgress
from etl.core.text import printable
from etl.embedded.programs import binaries
from etl.errors import ConfigError, ExchangeError, ForceOrdersError, StoppedError
from etl.notifications.channels import read_channels
from etl.runs.fetchers import STOPPED, TICK, Fetchers
from etl.settings.loading import load, settings_file
from etl.settings.model import Settings
from etl.settings.secret import SecretStr
from etl.store import migrate, runs
from etl.store.database import address
from etl.store.egress import shared_egress
from etl.store.engine import connection_to, engine_for
from etl.store.rights import is_read_only, lacking_to_write

WAIT_S = 5
"""Seconds for a connection, a statement, or an answer of the exchange."""

GROUP_S = 20
"""Seconds for a group: an embedded Postgres may have to start, and there may be many accounts."""


@dataclass(frozen=True)
class Group:
    """Checks that build on each other, by name, and what performs them in that order."""

    names: Sequence[str]
    perform: Callable[[], Iterator[Finding]]


def examine(config: Path | None, stop: Event) -> Iterator[Finding]:
    """Everything there is to see, as soon as it is seen; `config` is the settings file; raises StoppedError."""
    yield findings.of_python(sys.version_info[:3])
    try:
        settings = load(config)
        file = settings_file(config)
    except ConfigError as error:
        yield Finding("settings", Status.FAILED, str(error), "'force-orders config example' shows what can be set")
        for name in (*LOCAL, *DATABASE, *EXCHANGE, "accounts", "notifications"):
            yield Finding(name, Status.SKIPPED, "not checked: the settings cannot be used")
        return
    yield Finding("settings", Status.OK, str(file.absolute()) if file else "no file: defaults and variables")
    with ExitStack() as kept:
        rounds = _Rounds(_hasty(settings), stop, kept)
        for group in rounds.groups():
            yield from _performed(group, stop)


LOCAL = ("data directory", "disk")
DATABASE = ("database", "schema", "rights", "schedule")
EXCHANGE = ("address", "clock")


class _Rounds:
    """The groups. What a later one needs of an earlier one is kept here."""

    def __init__(self, settings: Settings, stop: Event, kept: ExitStack) -> None:
        self._settings = settings
        self._stop = stop
        self._kept = kept
        self._url: str | None = None
        """Of a database that a run could use."""
        self._is_reached = False

    def groups(self) -> Iterator[Group]:
        yield Group(LOCAL, self._local)
        yield Group(DATABASE, self._database)
        yield Group(EXCHANGE, self._exchange)
        names = [f"account {one.account}" for one in self._sources()] or ["accounts"]
        yield Group(names, self._accounts)
        yield Group(["notifications"], self._notifications)

    def _local(self) -> Iterator[Finding]:
        if self._settings.database_url is not None:
            for name in LOCAL:
                yield Finding(name, Status.OK, "not needed: the database is a server")
            return
        directory = self._settings.data_dir.absolute()
        mode = stat.S_IMODE(directory.stat().st_mode) if directory.is_dir() else None
        yield findings.of_directory(str(directory), fault_of(directory), mode)
        yield findings.of_disk(shutil.disk_usage(nearest(directory)).free)

    def _database(self) -> Iterator[Finding]:
        own = self._settings.database_url
        if own is None and not has_database(self._settings):
            binaries()
            yield Finding("database", Status.OK, "an embedded Postgres, made by the first command that needs it")
            for name in DATABASE[1:3]:
                yield Finding(name, Status.OK, "made with the database")
            yield findings.of_schedule([], datetime.now(UTC))
            return
        url = self._kept.enter_context(address(own.get_secret_value() if own else None, self._settings.data_dir))
        with connection_to(engine_for(url, WAIT_S)) as connection:
            yield Finding("database", Status.OK, f"PostgreSQL {_version(connection)}")
            found, wanted = migrate.current(connection), migrate.head()
            yield findings.of_schema(found, wanted, is_embedded=own is None)
            if found != wanted:
                return
            rights = findings.of_rights(lacking_to_write(connection), is_read_only=is_read_only(connection))
            yield rights
            self._url = url if rights.status is Status.OK else None
            yield findings.of_schedule(runs.totals(connection), connection.scalar(text("SELECT now()")))

    def _exchange(self) -> Iterator[Finding]:
        keyless = Keyring([Credentials("", SecretStr(""))])  # the exchange tells its time without a key
        with self._egress() as egress:
            reader = hasty_reader(self._settings, keyless, egress, self._stop)
            try:
                reader.clients[""].set_clock()
            except ExchangeError as error:
                found = verdict("", error)
                yield Finding("address", Status.FAILED, f"{self._settings.base_url}: {found.wrong}", found.remedy)
                return
        self._is_reached = True
        how = "over TLS" if self._settings.base_url.startswith("https:") else "over plain http, on this machine"
        yield Finding("address", Status.OK, f"{self._settings.base_url} answers {how}")
        yield findings.of_clock(reader.clock.machine_is_ahead())

    def _accounts(self) -> Iterator[Finding]:
        sources = self._sources()
        if not sources:
            yield Finding("accounts", Status.FAILED, "there is no key", "run: force-orders init")
            return
        keys = read_keys(sources)
        for name, fault in keys.faults.items():
            yield findings.of_account(verdict(name, ConfigError(fault)), [])
        if not self._is_reached:
            for one in keys.usable:
                yield Finding(f"account {one.account}", Status.SKIPPED, "not checked: the exchange is not reached")
        elif keys.usable:
            open_files = {one.account: _open_files(one) for one in sources}
            with self._egress() as egress:
                for said in ask(hasty_reader(self._settings, keys, egress, self._stop)):
                    yield findings.of_account(said, open_files[said.account])

    def _notifications(self) -> Iterator[Finding]:
        file = self._settings.notify_urls_file
        if file is None:
            yield Finding("notifications", Status.OK, "none wanted: nobody hears of a night that went wrong")
            return
        channels = read_channels(self._settings)
        if is_read_by_others(file):
            yield Finding("notifications", Status.WARNING, f"others can read {file}", f"chmod 600 {file}")
            return
        names = ", ".join(one.name for one in channels)
        yield Finding("notifications", Status.OK, f"{names}; 'force-orders notify test' tries them")

    def _sources(self) -> list[KeySource]:
        try:
            return key_sources(self._settings)
        except ConfigError:
            return []

    @contextmanager
    def _egress(self) -> Iterator[Egress]:
        """That of the database, so that a ban which it knows of is kept; without it, one of our own."""
        if self._url is None:
            yield OwnEgress()
        else:
            with shared_egress(engine_for(self._url, WAIT_S), self._settings.egress) as shared:
                yield shared


def _hasty(settings: Settings) -> Settings:
    """The same for somebody who waits for the answer."""
    return replace(
        settings,
        connect_timeout_seconds=min(settings.connect_timeout_seconds, WAIT_S),
        read_timeout_seconds=min(settings.read_timeout_seconds, WAIT_S),
        patience_seconds=0,
    )


def _performed(group: Group, stop: Event) -> list[Finding]:
    """The group's findings, in the order of its names, with one for each; raises StoppedError."""
    found: list[Finding] = []
    fault = _fault_of(group, found, stop)
    missing = [name for name in group.names if name not in {one.check for one in found}]
    if fault is not None and missing:
        found.append(_failed(missing.pop(0), fault))
    cause = next((one.check for one in found if one.status is Status.FAILED), "what comes before it")
    found += [Finding(name, Status.SKIPPED, f"not checked: {cause} is not fine") for name in missing]
    return sorted(found, key=lambda one: group.names.index(one.check))


def _fault_of(group: Group, found: list[Finding], stop: Event) -> Exception | None:
    """Perform the checks and add what they find; what ended them early, if anything did."""
    fetchers: Fetchers[None, None] = Fetchers(1)
    fetchers.submit(None, lambda: found.extend(group.perform()))
    deadline = time.monotonic() + GROUP_S
    try:
        while not stop.is_set():
            done = fetchers.next_done(TICK)
            if done is not None:
                return done[1] if isinstance(done[1], Exception) else None
            if time.monotonic() > deadline:
                return TimeoutError(f"not done within {GROUP_S} s")
    finally:
        fetchers.close()
    raise StoppedError(STOPPED)


def _failed(check: str, error: Exception) -> Finding:
    """Where the error is not one of ours its text is not shown: it may hold anything."""
    if isinstance(error, ForceOrdersError | TimeoutError):
        return Finding(check, Status.FAILED, printable(str(error)), REMEDIES.get(check))
    return Finding(check, Status.FAILED, f"this should not happen ({type(error).__name__})", "please report it")


REMEDIES = {
    "database": "look at database_url, at the server and its log; without database_url an embedded Postgres is used",
    "notifications": "mend notify_urls_file, then try it: force-orders notify test",
}
"""What to do about an error whose text does not say so."""


def _open_files(source: KeySource) -> list[str]:
    """The files of an account's key that other users of this machine can read."""
    files = [place.path for place in (source.key, source.secret) if isinstance(place, SecretFile)]
    return [str(file) for file in files if is_read_by_others(file)]


def _version(connection: Connection) -> str:
    found = connection.scalar(text("SHOW server_version"))
    connection.rollback()
    return str(found).split()[0]
