"""A year whose pages are doubted, window by window, by a run that is killed late in it."""

from signal import SIGKILL

from etl.core.paging import GREATEST_LIMIT
from etl.core.timeline import MINUTE
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import Lab, order_row
from tests.chaos.judging import proven_intervals, untrue
from tests.chaos.promise import Span, assert_asks_only_for, questions, repeated, repeats, span_of, unproven
from tests.chaos.scenes import Scenes, come_to, pages, start
from tests.combining import each_value_once

CONCURRENCY = 2
WINDOWS = 60
"""Of six days each: a year."""

SETTINGS = {
    "FORCE_ORDERS_CONCURRENCY": str(CONCURRENCY),
    "FORCE_ORDERS_WINDOW_DAYS": "6",
    "FORCE_ORDERS_RETENTION_DAYS": "0",
}
SLOW = Scenario(retention_days=0, latency_ms=10)

GROWING = range(5, 5 + WINDOWS)
"""Orders in each window: one more than in the one before, so that no page has a longer one before it."""

LEVEL = [30] * WINDOWS
"""As many in each window: no page is ever shown to be whole by a longer one."""


@each_value_once(at_page=[20, 55], counts=[GROWING, LEVEL])
def test_however_many_pages_are_doubted_a_crash_repeats_no_more_windows_than_promised(
    scenes: Scenes, counts: "range | list[int]", at_page: int
) -> None:
    with scenes(SLOW, [], **SETTINGS) as lab:
        span = span_of(lab, WINDOWS)
        fill(lab, span, counts)
        process = start(lab, *span.command)
        assert come_to(process, lambda: pages(lab) >= at_page)
        process.kill()
        assert process.end().returncode == -SIGKILL
        assert untrue(lab) == []

        first, left = questions(lab), unproven(lab, span)
        done = lab(*span.command)
        assert (done.returncode, done.stderr) == (0, "")
        second = questions(lab)[len(first) :]
        assert len(repeats(first, left, span)) <= repeated(CONCURRENCY)
        assert_asks_only_for(left, second)
        if counts is GROWING:
            doubted = sum(3 * count >= GREATEST_LIMIT for count in counts)
            assert len(first) + len(second) <= WINDOWS + MORE * doubted + repeated(CONCURRENCY)
        assert proven_intervals(lab) == [(span.since, span.until)]
        assert untrue(lab) == []


MORE = 3
"""Requests that a page takes that no longer one shows to be whole: its halves, and itself once more to settle them."""


def fill(lab: Lab, span: Span, counts: "range | list[int]") -> None:
    """So many orders early in each window, a minute apart."""
    rows = [
        order_row("BTCUSDT", index * 1_000 + number, window.start + number * MINUTE)
        for index, (window, count) in enumerate(zip(span.windows, counts, strict=True))
        for number in range(1, count + 1)
    ]
    lab.tell("orders", rows)
