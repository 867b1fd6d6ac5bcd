"""Whatever a run records, in whatever order, the two views of coverage say what plain sets of instants say."""

from collections.abc import Iterable

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from etl.core.findings import Finding, Verdict
from etl.core.markets import USDM
from etl.core.timeline import Window
from etl.store import coverage
from tests.postgres.samples import ACCOUNT

SCOPES = (None, "BTCUSDT", "ETHUSDT")
HORIZON = 20
REASONS = (Verdict.SATURATED, Verdict.BEYOND_RETENTION, Verdict.DISPUTED, Verdict.FAILED)
"""The graver first."""

windows = st.tuples(st.integers(0, HORIZON), st.integers(0, HORIZON)).filter(lambda ends: ends[0] < ends[1])
findings = st.builds(
    Finding, windows.map(lambda ends: Window(*ends)), st.sampled_from(Verdict), st.sampled_from(SCOPES)
)
questions = st.tuples(st.sampled_from(SCOPES), st.integers(0, HORIZON))


class Model:
    """The same by sets of instants: slow, and plain to see."""

    def __init__(self, recorded: Iterable[Finding], asked: Iterable[tuple[str | None, int]]) -> None:
        self._sets: dict[str | None, dict[Verdict, set[int]]] = {}
        self._asked: dict[str | None, list[int]] = {}
        for finding in recorded:
            instants = range(finding.window.start, finding.window.end)
            self._row(finding.symbol)[finding.verdict].update(instants)
        for symbol, since in asked:
            self._row(symbol)
            self._asked.setdefault(symbol, []).append(since)

    def _row(self, symbol: str | None) -> dict[Verdict, set[int]]:
        return self._sets.setdefault(symbol, {verdict: set() for verdict in Verdict})

    def marks(self) -> dict[str, tuple[int | None, int | None]]:
        return {symbol or "*": self._mark(symbol) for symbol in self._sets}

    def gaps(self) -> list[tuple[str, int, int, str]]:
        found: list[tuple[str, int, int, str]] = []
        for symbol in self._sets:
            for at, reason in self._reasons(symbol).items():
                start = at
                if found and found[-1][0::3] == (symbol or "*", reason) and found[-1][2] == at:
                    start = found.pop()[1]
                found.append((symbol or "*", start, at + 1, reason))
        return sorted(found)

    def _instants(self, symbol: str | None, verdict: Verdict) -> set[int]:
        shared = self._sets.get(None, {}).get(verdict, set())
        return self._sets[symbol][verdict] | shared

    def _mark(self, symbol: str | None) -> tuple[int | None, int | None]:
        there = self._instants(symbol, Verdict.PROVEN)
        if not there:
            return None, None
        end = min(there)
        while end in there:
            end += 1
        return min(there), end

    def _reasons(self, symbol: str | None) -> dict[int, str]:
        """Each missing instant, in order, and why."""
        sets = {verdict: self._instants(symbol, verdict) for verdict in Verdict}
        newest = max((at for instants in sets.values() for at in instants), default=-1)
        begins = [*self._asked.get(symbol, []), *self._asked.get(None, []), *sets[Verdict.PROVEN]]
        return {
            at: next((why.value for why in REASONS if at in sets[why]), "not_fetched")
            for at in range(min(begins, default=newest + 1), newest + 1)
            if at not in sets[Verdict.PROVEN]
        }


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recorded=st.lists(st.lists(findings, max_size=4), max_size=5), asked=st.lists(questions, max_size=3))
@example(recorded=[[Finding(Window(5, 9), Verdict.FAILED)]], asked=[])
def test_the_views_agree_with_plain_sets(
    connection: Connection, recorded: list[list[Finding]], asked: list[tuple[str | None, int]]
) -> None:
    connection.rollback()
    for symbol, since in asked:
        coverage.ask(connection, ACCOUNT, USDM, symbol, since)
    for batch in recorded:
        coverage.record(connection, ACCOUNT, USDM, batch)

    model = Model((finding for batch in recorded for finding in batch), asked)
    marks = {mark.symbol: (mark.covered_since, mark.watermark) for mark in coverage.read_watermarks(connection)}
    assert marks == model.marks()
    found = [(gap.symbol, gap.window.start, gap.window.end, gap.reason) for gap in coverage.read_gaps(connection)]
    assert sorted(found) == model.gaps()
