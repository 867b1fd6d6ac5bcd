"""What each check of `doctor` makes of the values that it is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from etl.commands.check_accounts import Verdict
from etl.core.timeline import SECOND
from etl.exchange.clock import compare_clocks
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
class Finding:
    """What one check found, and what to do where that is not fine."""

    check: str
    status: Status
    detail: str
    remedy: str | None = None


def of_python(version: tuple[int, int, int]) -> Finding:
    shown = ".".join(map(str, version))
    if version[:2] >= OLDEST_PYTHON:
        return Finding("python", Status.OK, shown)
    return Finding("python", Status.FAILED, f"{shown} is too old", "install Python 3.11 or newer")


def of_directory(place: str, fault: str | None, mode: int | None) -> Finding:
    """`fault`: why nothing can be written there; `mode`: that of the directory, None where it is not made yet."""
    if fault is not None:
        remedy = "give it to the user who runs this, or name another as data_dir"
        return Finding("data directory", Status.FAILED, fault, remedy)
    if mode is None:
        return Finding("data directory", Status.OK, f"{place}, made by the first command that needs it")
    if mode & 0o022:
        return Finding("data directory", Status.WARNING, f"other users may write to {place}", f"chmod 700 {place}")
    return Finding("data directory", Status.OK, place)


def of_disk(free: int) -> Finding:
    """`free`: bytes."""
    shown = f"{free / (1 << 30):,.1f} GiB free at the data directory"
    if free >= LITTLE:
        return Finding("disk", Status.OK, shown)
    status = Status.WARNING if free >= TOO_LITTLE else Status.FAILED
    return Finding("disk", status, shown, "make room, or move the data directory to a larger disk")


def of_schema(found: str | None, wanted: str, *, is_embedded: bool) -> Finding:
    """`found` is the database's revision, `wanted` the newest that this program knows."""
    if found == wanted:
        return Finding("schema", Status.OK, wanted)
    if found is not None and (not found.isdecimal() or found > wanted):
        remedy = "install the newer version of force-orders, or use a database of its own"
        return Finding("schema", Status.FAILED, f"{found}, which this version does not know", remedy)
    shown = f"{found or 'no tables yet'}, {wanted} is needed"
    if is_embedded:
        return Finding("schema", Status.OK, f"{shown}: the next command sees to it")
    return Finding("schema", Status.FAILED, shown, "run: force-orders db upgrade")


def of_rights(lacking: Sequence[str], *, is_read_only: bool) -> Finding:
    """`lacking` as GRANT spells them."""
    if is_read_only:
        return Finding("rights", Status.FAILED, "the database takes no writes", "name the primary, not a standby")
    if lacking:
        remedy = "let the tables' owner run the GRANT statements of docs/operations.md, section 'Roles and rights'"
        return Finding("rights", Status.FAILED, f"the role lacks {', '.join(lacking)}", remedy)
    return Finding("rights", Status.OK, "the role may store what a night brings")


def of_schedule(totals: Sequence[Total], now: datetime) -> Finding:
    """`totals`: the ledger summed up; `now` by the database's clock."""
    ends = [one.last_end for one in totals if one.command == "sync" and one.last_end is not None]
    good = max((one.last_end for one in totals if one[:2] == ("sync", "succeeded") and one.last_end), default=None)
    if good is not None and now - good <= RECENT:
        return Finding("schedule", Status.OK, f"the last good night ended {_ago(now - good)} ago")
    if ends and now - max(ends) <= RECENT:
        remedy = "'force-orders status' shows the last run and what is missing"
        return Finding("schedule", Status.FAILED, "no 'sync' of the last 2 days succeeded", remedy)
    last = "never ran" if not ends else f"last ran {_ago(now - max(ends))} ago"
    return Finding("schedule", Status.WARNING, f"'sync' {last}", SCHEDULE)


def of_clock(ahead: int | None) -> Finding:
    """`ahead`: milliseconds by which this machine's clock is ahead of the exchange's."""
    if ahead is not None and abs(ahead) < SECOND:
        return Finding("clock", Status.OK, "within a second of the exchange's")
    # Requests are signed by the exchange's clock, so that this stops none of them.
    return Finding("clock", Status.WARNING, compare_clocks(ahead), "let this machine's clock be set by NTP")


def of_account(verdict: Verdict, open_files: Sequence[str]) -> Finding:
    """`open_files`: those of its key that other users of this machine can read."""
    check = f"account {verdict.account}"
    if verdict.wrong is not None:
        return Finding(check, Status.FAILED, f"{verdict.result}: {verdict.wrong}", verdict.remedy)
    if open_files:
        names = " ".join(open_files)
        return Finding(check, Status.WARNING, f"others can read {names}", f"chmod 600 {names}")
    return Finding(check, Status.OK, "the exchange takes its key")


def is_fine(findings: Sequence[Finding]) -> bool:
    return all(one.status is Status.OK for one in findings)


def _ago(age: timedelta) -> str:
    hours = int(age.total_seconds()) // 3600
    return "less than an hour" if hours < 1 else f"{hours} h" if hours < 72 else f"{hours // 24} days"
