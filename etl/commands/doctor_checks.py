"""The checks of `doctor` as pure functions: measured values in, a result with a remedy out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from etl.commands.key_checks import KeyCheck
from etl.core.account_markets import AccountMarket, readable, unread
from etl.core.timeline import SECOND, duration
from etl.exchange.clock import compare_clocks
from etl.store.runs import Total

OLDEST_PYTHON = (3, 11)

RECENT = timedelta(days=2)
"""How old the last successful `sync` may be: one nightly run may fail, two in a row need attention."""

DISK_WARNING, DISK_FAILURE = 1 << 30, 100 << 20
"""Bytes: below the first a warning, below the second Postgres stops soon."""

SCHEDULE = "'force-orders config deploy cron' prints a file for cron; 'force-orders schedule' needs no cron"


class Status(StrEnum):
    """The status of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class CheckResult:
    """What one check found, and what to do unless its status is OK."""

    check: str
    status: Status
    detail: str
    remedy: str | None = None


def of_python(version: tuple[int, int, int]) -> CheckResult:
    shown = ".".join(map(str, version))
    if version[:2] >= OLDEST_PYTHON:
        return CheckResult("python", Status.OK, shown)
    return CheckResult("python", Status.FAILED, f"{shown} is too old", "install Python 3.11 or newer")


def of_directory(place: str, fault: str | None, mode: int | None) -> CheckResult:
    """`fault`: why nothing can be written there; `mode`: the directory's permissions, None if it does not exist."""
    if fault is not None:
        remedy = "make this user its owner, or set data_dir to another directory"
        return CheckResult("data directory", Status.FAILED, fault, remedy)
    if mode is None:
        return CheckResult("data directory", Status.OK, f"{place}; the first command that needs it creates it")
    if mode & 0o022:
        return CheckResult("data directory", Status.WARNING, f"other users may write to {place}", f"chmod 700 {place}")
    return CheckResult("data directory", Status.OK, place)


def of_disk(free_at: Mapping[str, int]) -> CheckResult:
    """`free_at`: bytes by directory. The least counts: the embedded Postgres of root may live on another disk."""
    place, free = min(free_at.items(), key=lambda one: one[1])
    shown = f"{free / (1 << 30):,.1f} GiB free at {place}"
    if free >= DISK_WARNING:
        return CheckResult("disk", Status.OK, shown)
    status = Status.WARNING if free >= DISK_FAILURE else Status.FAILED
    return CheckResult("disk", status, shown, "free some space, or move the data directory to a larger disk")


def of_schema(found: str | None, wanted: str, *, is_embedded: bool) -> CheckResult:
    """`found`: the revision of the database; `wanted`: the newest one that this program knows."""
    if found == wanted:
        return CheckResult("schema", Status.OK, wanted)
    if found is not None and (not found.isdecimal() or found > wanted):
        remedy = "install the newer version of force-orders, or use another database"
        return CheckResult("schema", Status.FAILED, f"{found}, which this version does not know", remedy)
    shown = f"{found or 'no tables yet'}, {wanted} is needed"
    if is_embedded:
        return CheckResult("schema", Status.OK, f"{shown}: the next command upgrades it")
    return CheckResult("schema", Status.FAILED, shown, "run: force-orders db upgrade")


def of_rights(lacking: Sequence[str], *, is_read_only: bool) -> CheckResult:
    """`lacking`: missing rights in the words of GRANT."""
    if is_read_only:
        return CheckResult(
            "rights", Status.FAILED, "the database is read-only", "connect to the primary, not to a standby"
        )
    if lacking:
        remedy = "let the tables' owner run the GRANT statements of docs/operations.md, section 'Roles and rights'"
        return CheckResult("rights", Status.FAILED, f"the role lacks {', '.join(lacking)}", remedy)
    return CheckResult("rights", Status.OK, "the role has all rights that a run needs")


def of_schedule(totals: Sequence[Total], now: datetime) -> CheckResult:
    """`totals`: the table `runs` summed up; `now`: by the database's clock."""
    ends = [one.last_end for one in totals if one.command == "sync" and one.last_end is not None]
    good = max((one.last_end for one in totals if one[:2] == ("sync", "succeeded") and one.last_end), default=None)
    if good is not None and now - good <= RECENT:
        return CheckResult("schedule", Status.OK, f"the last successful 'sync' ended {_ago(now - good)} ago")
    if ends and now - max(ends) <= RECENT:
        remedy = "'force-orders status' shows the last run and what is missing"
        return CheckResult("schedule", Status.FAILED, "no 'sync' succeeded in the last 2 days", remedy)
    last = "never ran" if not ends else f"last ran {_ago(now - max(ends))} ago"
    return CheckResult("schedule", Status.WARNING, f"'sync' {last}", SCHEDULE)


def of_clock(ahead: int | None, round_trip: int) -> CheckResult:
    """`ahead`: milliseconds by which this machine's clock seems ahead of the exchange's, measured by a request.

    It is ahead by up to `round_trip` milliseconds less: the response does not say when it was written on its way.
    """
    if ahead is not None and -SECOND < ahead < SECOND + round_trip:
        if round_trip < SECOND:
            return CheckResult("clock", Status.OK, "within a second of the exchange's clock")
        return CheckResult(
            "clock", Status.OK, f"not measurably off: the exchange took {duration(round_trip)} to answer"
        )
    # Not a failure, because requests are signed with the time of the exchange.
    return CheckResult("clock", Status.WARNING, compare_clocks(ahead), "set this machine's clock with NTP")


def of_account(key: KeyCheck, open_files: Sequence[str], known: Sequence[AccountMarket] = ()) -> CheckResult:
    """`open_files`: files of the key that other users of this machine can read. `known`: the account's markets."""
    check = f"account {key.account}"
    if key.wrong is not None:
        return CheckResult(check, Status.FAILED, f"{key.result}: {key.wrong}", key.remedy)
    if open_files:
        names = " ".join(open_files)
        return CheckResult(check, Status.WARNING, f"other users can read {names}", f"chmod 600 {names}")
    if missing := unread(known):
        remedy = "let the key read them, or name the markets to read with the setting markets"
        return CheckResult(check, Status.WARNING, f"not read: {'; '.join(missing)}", remedy)
    markets = f"; markets: {', '.join(readable(known))}" if known else ""
    return CheckResult(check, Status.OK, f"the exchange accepts its key{markets}")


def is_fine(results: Sequence[CheckResult]) -> bool:
    return all(one.status is Status.OK for one in results)


def _ago(age: timedelta) -> str:
    hours = int(age.total_seconds()) // 3600
    return "less than an hour" if hours < 1 else f"{hours} h" if hours < 72 else f"{hours // 24} days"
