"""What a crash may cost, by the promise of `etl.runs.walk_runner.WalkRunner`. Tests take it from here only."""

from collections.abc import Iterable
from dataclasses import dataclass

from etl.core.timeline import Window, subtract
from etl.simulator.stats import LogEntry
from tests.acceptance.lab import DAY, Lab
from tests.chaos.judging import proven_intervals

WIDTH = 6 * DAY


def under_way(concurrency: int) -> int:
    """Windows in flight, or received and being written: together as many as may be in flight, at most."""
    return concurrency


def in_doubt(concurrency: int) -> int:
    """Windows that wait, received and unproven, for a page longer than their own, at most."""
    return concurrency


def repeated(concurrency: int) -> int:
    """Windows that the run after a crash asks for again, at most."""
    return under_way(concurrency) + in_doubt(concurrency)


@dataclass(frozen=True)
class Span:
    """Windows of six days whose end is old enough to be proven at once, so that nothing is left for a second run."""

    since: int
    count: int

    @property
    def until(self) -> int:
        return self.since + self.count * WIDTH

    @property
    def windows(self) -> list[Window]:
        return [Window(start, start + WIDTH) for start in range(self.since, self.until, WIDTH)]

    @property
    def command(self) -> list[str]:
        return ["backfill", "--since", str(self.since), "--until", str(self.until)]

    def windows_of(self, log: Iterable[LogEntry]) -> set[Window]:
        """The windows that questions are part of."""
        return {self.windows[(asked(one).start - self.since) // WIDTH] for one in log}


def span_of(lab: Lab, count: int) -> Span:
    return Span(lab.now() - count * WIDTH - DAY, count)


def asked(question: LogEntry) -> Window:
    """What a question is to prove: it begins a millisecond before that."""
    return Window(int(question.start or 0) + 1, int(question.end or 0))


def questions(lab: Lab) -> list[LogEntry]:
    """Every one that was sent so far, also by a process that died: the simulator reads what it finds in order."""
    lab.stats()
    return list(lab.simulator.exchange.stats.log)


def unproven(lab: Lab, span: Span) -> list[Window]:
    return subtract([Window(span.since, span.until)], [Window(*interval) for interval in proven_intervals(lab)])


def repeats(first: Iterable[LogEntry], left: Iterable[Window], span: Span) -> set[Window]:
    """The windows that a run had begun when it died, and of which something is `left` to be proven."""
    return {window for window in span.windows_of(first) if any(window.intersect(hole) for hole in left)}


def assert_asks_only_for(left: Iterable[Window], second: Iterable[LogEntry]) -> None:
    """Each question asks for something that was unproven; what was proven is not asked for again."""
    holes = list(left)
    for question in second:
        assert any(asked(question).intersect(hole) for hole in holes), question
