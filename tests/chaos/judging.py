"""What must hold whatever happened: the table against the exchange's own history, the ledger, the locks."""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

from etl.core.timeline import Window, subtract
from etl.simulator.markets import USDM
from etl.simulator.orders import json_array
from tests.acceptance.lab import DAY, Lab, expected_row
from tests.chaos.straying import unanswerable
from tests.waiting import wait_until

SETTLE_MS = 600_000
LATENESS_MS = 120_000
"""A finished run leaves no more than this beyond the settle lag unread."""

REACH_MS = 90 * DAY - 60_000
"""How far back a run asks: what is older the exchange has forgotten, or will have before the request is there."""

TO_STAY = ("saturated", "beyond_retention")
"""Reasons of gaps that no further run fills."""

NOTICED_WITHIN_S = 5.0
"""The server notices the end of a connection a moment later."""

FOR_EVER = 1 << 62

Interval = tuple[int, int]


def differences(lab: Lab) -> list[str]:
    """Why the database is not what it should be after the last run; none: all is well."""
    return [*untrue(lab), *unfinished(lab), *left_behind(lab)]


def untrue(lab: Lab) -> list[str]:
    """What is stored and not so, or proven and not stored. Must hold at every instant, in the middle of a run too."""
    proven, table, history = proven_intervals(lab), lab.table(), history_of(lab)
    complaints = [f"{key} is stored and the exchange has no such order" for key in table.keys() - history.keys()]
    for key, expected in history.items():
        stored = table.get(key)
        if stored is None:
            if is_within(proven, expected):
                complaints.append(f"{key} lies in a proven interval and is not stored")
        elif wrong := [name for name, value in expected.items() if stored[name] != value]:
            complaints.append(f"{key} is stored with another {', '.join(wrong)}")
    return complaints


def unfinished(lab: Lab) -> list[str]:
    """What a finished run would have read: history that is neither proven, nor named as a gap, nor young."""
    gaps = [gap for gap in lab.gaps() if gap["symbol"] == "*"]
    now = lab.now()
    proven, named, disputes = proven_intervals(lab), [_interval(gap) for gap in gaps], disputes_to_stay(lab, gaps)
    complaints = [
        f"a gap is left: {gap}"
        for gap, interval in zip(gaps, named, strict=True)
        if gap["reason"] not in TO_STAY and interval[1] > now - REACH_MS and interval not in disputes
    ]
    newest = max((end for _, end in proven + disputes), default=None)
    earliest = min(now, time.time_ns() // 1_000_000)  # nothing is proven that this machine's clock has not reached
    if newest is None or newest < earliest - SETTLE_MS - LATENESS_MS:
        complaints.append(f"the newest proof is of {newest}")
    since = min((start for start, _ in proven + named), default=0)
    until = max((end for _, end in proven + named), default=0)
    history = history_of(lab)
    for key in history.keys() - lab.table().keys():
        times = history[key]["order_ms"], history[key]["update_ms"]
        if since <= min(times) and max(times) < until and not any(holds(named, time) for time in times):
            complaints.append(f"{key} is not stored and lies in no gap")
    return complaints


def disputes_to_stay(lab: Lab, gaps: Sequence[dict[str, Any]]) -> list[Interval]:
    """Disputes about nothing but questions to which this exchange has no answer that proves anything."""
    disputed = [_interval(gap) for gap in gaps if gap["reason"] == "disputed"]
    unproven = unanswerable(lab) if disputed else []
    return [interval for interval in disputed if not subtract([Window(*interval)], unproven)]


def left_behind(lab: Lab) -> list[str]:
    """Traces of processes that are gone: rows of the ledger that still run, locks that nobody will release."""
    running = lab.sql("SELECT id FROM runs WHERE status = 'running'")
    with suppress(AssertionError):
        wait_until(lambda: not advisory_locks(lab), NOTICED_WITHIN_S)
    return [
        *(f"run {run['id']} is still running by the ledger" for run in running),
        *(f"an advisory lock is held by the backend {lock['pid']}" for lock in advisory_locks(lab)),
    ]


def advisory_locks(lab: Lab) -> list[dict[str, Any]]:
    return lab.sql("""
        SELECT pid FROM pg_locks
         WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """)


def history_of(lab: Lab) -> dict[tuple[str, int], dict[str, Any]]:
    """What the table should hold of each order of the exchange, those included that a clock set back hides again."""
    orders = lab.simulator.exchange.books.of("main", USDM).readable(FOR_EVER)
    rows = json.loads(json_array(orders), parse_float=Decimal)
    return {(row["symbol"], row["orderId"]): expected_row(row) for row in rows}


def proven_intervals(lab: Lab) -> list[Interval]:
    """What is proven for all symbols, as half-open intervals of milliseconds."""
    rows = lab.sql("SELECT unnest(proven) AS piece FROM coverage WHERE symbol = '*' ORDER BY 1")
    return [(_millis(row["piece"].lower), _millis(row["piece"].upper)) for row in rows]


def is_within(intervals: Sequence[Interval], expected: dict[str, Any]) -> bool:
    """Whether both times of an order lie in one of the intervals: by which the exchange filters it does not say."""
    return any(holds([one], expected["order_ms"]) and holds([one], expected["update_ms"]) for one in intervals)


def holds(intervals: Sequence[Interval], time: int) -> bool:
    return any(start <= time < end for start, end in intervals)


def dead_runs(lab: Lab) -> list[dict[str, Any]]:
    """Runs that ended without a word and were marked so by a later one."""
    return lab.sql(
        "SELECT id FROM runs WHERE status = 'failed' AND error LIKE '%died%' AND finished_at IS NOT NULL ORDER BY id"
    )


def _interval(gap: dict[str, Any]) -> Interval:
    return _millis(gap["gap_start"]), _millis(gap["gap_end"])


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
