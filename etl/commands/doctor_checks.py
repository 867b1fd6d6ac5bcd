"""What each check of `doctor` makes of the values that it is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from etl.commands.key_checks import KeyCheck
from etl.core.timeline import SECOND
from etl.exchange.clock import said_of_machine
from etl.store.runs import Total

OLDEST_PYTHON = (3, 11)

RECENT = timedelta(days=2)
"""How old the last good night may be: one may fail, two in a row are worth a look."""

LITTLE, TOO_LITTLE = 1 << 30, 100 << 20
"""Bytes of free disk that are worth a warning, and with which Postgres soon stops."""

SCHEDULE = "'force-orders config deploy cron' prints a file for cron; 'force-orders schedule' stays and does it itself"


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class CheckResult:
    """What one check found, and what to do where that is not fine."""

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
    """`fault`: why nothing can be written there; `mode`: that of the directory, None where it is not made yet."""
    if fault is not None:
        remedy = "give it to the user who runs this, or name another as data_dir"
        return CheckResult("data directory", Status.FAILED, fault, remedy)
    if mode is None:
        return CheckResult("data directory", Status.OK, f"{place}, made by the first command that needs it")
    if mode & 0o022:
        return CheckResult("data directory", Status.WARNING, f"other users may write to {place}", f"chmod 700 {place}")
    return CheckResult("data directory", Status.OK, place)


def of_disk(free: int) -> CheckResult:
    """`free`: bytes."""
    shown = f"{free / (1 << 30):,.1f} GiB free at the data directory"
    if free >= LITTLE:
        return CheckResult("disk", Status.OK, shown)
    status = Status.WARNING if free >= TOO_LITTLE else Status.FAILED
    return CheckResult("disk", status, shown, "make room, or move the data directory to a larger disk")


def of_schema(found: str | None, wanted: str, *, is_embedded: bool) -> CheckResult:
    """`found` is the database's revision, `wanted` the newest that this program knows."""
    if found == wanted:
        return CheckResult("schema", Status.OK, wanted)
    if found is not None and (not found.isdecimal() or found > wanted):
        remedy = "install the newer version of force-orders, or use a database of its own"
        return CheckResult("schema", Status.FAILED, f"{found}, which this version does not know", remedy)
    shown = f"{found or 'no tables yet'}, {wanted} is needed"
    if is_embedded:
        return CheckResult("schema", Status.OK, f"{shown}: the next command sees to it")
    return CheckResult("schema", Status.FAILED, shown, "run: force-orders db upgrade")


def of_rights(lacking: Sequence[str], *, is_read_only: bool) -> CheckResult:
    """`lacking` as GRANT spells them."""
    if is_read_only:
        return CheckResult("rights", Status.FAILED, "the database takes no writes", "name the primary, not a standby")
    if lacking:
        remedy = "let the tables' owner run the GRANT statements of docs/operations.md, section 'Roles and rights'"
        return CheckResult("rights", Status.FAILED, f"the role lacks {', '.join(lacking)}", remedy)
    return CheckResult("rights", Status.OK, "the role may store what a night brings")


def of_schedule(totals: Sequence[Total], now: datetime) -> CheckResult:
    """`totals`: the ledger summed up; `now` by the database's clock."""
    ends = [one.last_end for one in totals if one.command == "sync" and one.last_end is not None]
    good = max((one.last_end for one in totals if one[:2] == ("sync", "succeeded") and one.last_end), default=None)
    if good is not None and now - good <= RECENT:
        return CheckResult("schedule", Status.OK, f"the last good night ended {_ago(now - good)} ago")
    if ends and now - max(ends) <= RECENT:
        remedy = "'force-orders status' shows the last run and what is missing"
        return CheckResult("schedule", Status.FAILED, "no 'sync' of the last 2 days succeeded", remedy)
    last = "never ran" if not ends else f"last ran {_ago(now - max(ends))} ago"
    return CheckResult("schedule", Status.WARNING, f"'sync' {last}", SCHEDULE)


def of_clock(ahead: int | None) -> CheckResult:
    """`ahead`: milliseconds by which this machine's clock is ahead of the exchange's."""
    if ahead is not None and abs(ahead) < SECOND:
        return CheckResult("clock", Status.OK, "within a second of the exchange's")
    # Requests are signed by the exchange's clock, so that this stops none of them.
    return CheckResult("clock", Status.WARNING, said_of_machine(ahead), "let this machine's clock be set by NTP")


def of_account(key: KeyCheck, open_files: Sequence[str]) -> CheckResult:
    """`open_files`: those of its key that other users of this machine can read."""
    check = f"account {key.account}"
    if key.wrong is not None:
        return CheckResult(check, Status.FAILED, f"{key.result}: {key.wrong}", key.remedy)
    if open_files:
        names = " ".join(open_files)
        return CheckResult(check, Status.WARNING, f"others can read {names}", f"chmod 600 {names}")
    return CheckResult(check, Status.OK, "the exchange takes its key")


def is_fine(results: Sequence[CheckResult]) -> bool:
    return all(one.status is Status.OK for one in results)


def _ago(age: timedelta) -> str:
    hours = int(age.total_seconds()) // 3600
    return "less than an hour" if hours < 1 else f"{hours} h" if hours < 72 else f"{hours // 24} days"
