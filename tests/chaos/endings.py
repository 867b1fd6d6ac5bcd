"""How a run may end, by what it met, and what it says then."""

import signal
from collections.abc import Iterable
from subprocess import CompletedProcess

from tests.chaos.drawing import AT_A_COMMIT, CLOCK_JUMPS, SILENCES

DONE, FAILED, INCOMPLETE, BANNED, DATABASE, STOPPED = 0, 1, 3, 4, 5, 130
ALWAYS = {DONE, INCOMPLETE}
"""A passing fault may be outlived, and any blow may come too late."""

ENDS: dict[str, int] = {
    "kill -9": -signal.SIGKILL,
    AT_A_COMMIT: -signal.SIGKILL,
    "SIGTERM": STOPPED,
    "SIGINT": STOPPED,
    "Postgres crashes": DATABASE,
    "Postgres stops at once": DATABASE,
    "connections cut": DATABASE,
}
"""The exit code that shows that a blow was met in time."""

MAY_FAIL = {"two runs at once", CLOCK_JUMPS}

CLOCKS_APART = "the exchange's and the database's clock are more than a day apart"
"""What a run says that refuses to begin."""


def was_met(blow: str, exit_codes: Iterable[int]) -> bool:
    """Whether a blow that was struck found the run still at work."""
    return blow in MAY_FAIL or ENDS[blow] in exit_codes


def objections(done: "CompletedProcess[str]", answers: set[str], blow: str | None) -> list[str]:
    """What is wrong about the end of a run that got such answers and such a blow; none: all is well."""
    allowed = set(ALWAYS)
    if answers or blow in MAY_FAIL:
        allowed.add(FAILED)
    if answers & SILENCES:
        allowed.add(BANNED)
    if blow in ENDS:
        allowed.add(ENDS[blow])
    said, code = done.stderr.splitlines(), done.returncode
    found = []
    if code not in allowed:
        found.append(f"exit {code}, not one of {sorted(allowed)}")
    if "Traceback" in done.stderr or "should not happen" in done.stderr:
        found.append("it broke")
    if code in (FAILED, BANNED, DATABASE, STOPPED) and not any(line.startswith("force-orders: ") for line in said):
        found.append(f"exit {code} without a reason")
    if code == DATABASE and not answers and len([line for line in said if line.startswith("force-orders: ")]) != 1:
        found.append(f"exit {code} with several reasons")
    return [f"{objection}; it said {done.stderr!r}" for objection in found]
