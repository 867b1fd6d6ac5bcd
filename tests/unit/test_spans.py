"""From what is typed to the instants that are taken, and to those that the exchange is asked for."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from etl.core.planning import OPENED, Known, Rules
from etl.core.retention import MARGIN
from etl.core.timeline import DAY, HOUR, MINUTE, Window, iso, to_millis
from etl.errors import ConfigError
from etl.runs.spans import SpanText, backfill_planner

NOW = to_millis(datetime(2026, 9, 1, 18, tzinfo=UTC))
RULES = Rules(now=NOW, settle_lag=10 * MINUTE, keeps=90 * DAY, widest=7 * DAY)
FOREVER = replace(RULES, keeps=None)
TYPO = SpanText("2025-08-01")
"""2025 for 2026."""


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (SpanText("2026-08-01", "2026-08-31"), "2026-08-01T00:00Z … 2026-09-01T00:00Z"),
        (SpanText("2026-08-31", "2026-08-31"), "2026-08-31T00:00Z … 2026-09-01T00:00Z"),
        (SpanText("2026-08-31", "2026-09-01"), "2026-08-31T00:00Z … 2026-09-01T18:00Z"),
        (SpanText("2d", "1d"), "2026-08-30T18:00Z … 2026-08-31T18:00Z"),
    ],
    ids=["a month", "a day", "up to today", "times ago"],
)
def test_a_span_ends_with_the_day_that_a_bare_date_names(span: SpanText, expected: str) -> None:
    assert str(span.resolve(RULES)) == expected


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (SpanText(None, "2026-09-02"), "--until 2026-09-02T00:00Z lies in the future; now is 2026-09-01T18:00Z"),
        (SpanText("2026-09-02"), "--since 2026-09-02T00:00Z lies in the future; now is 2026-09-01T18:00Z"),
        (
            SpanText("2026-08-31", "2026-08-30"),
            "--since 2026-08-31T00:00Z is not before --until 2026-08-31T00:00Z, the end of 2026-08-30",
        ),
        (SpanText(None, "soon"), "'soon' is not a time"),
    ],
)
def test_a_span_that_cannot_be_is_refused(span: SpanText, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        span.resolve(RULES)


def test_what_the_exchange_no_longer_keeps_is_left_out_and_said() -> None:
    assert TYPO.readable(RULES) == Window(RULES.floor, NOW)
    assert TYPO.clipped(RULES) == (
        f"--since 2025-08-01 lies before what the exchange keeps; reading from {iso(RULES.floor)}"
    )
    (first, *_) = backfill_planner(TYPO, [])({None: Known()}, RULES)
    assert first.need.start == RULES.floor


def test_it_is_asked_for_where_that_is_wanted() -> None:
    wanted = replace(TYPO, beyond_retention=True)
    assert wanted.readable(RULES) == wanted.resolve(RULES)
    assert wanted.clipped(RULES) is None
    needs = [target.need for target in backfill_planner(wanted, [])({None: Known()}, RULES)]
    assert min(needs).start == to_millis(datetime(2025, 8, 1, tzinfo=UTC))


def test_nothing_is_left_out_where_the_exchange_keeps_everything() -> None:
    assert TYPO.readable(FOREVER) == TYPO.resolve(FOREVER)
    assert TYPO.clipped(FOREVER) is None
    assert SpanText().readable(FOREVER) == Window(OPENED, NOW)


@pytest.mark.parametrize("since", [None, "90d", "5d", str(RULES.floor)])
def test_what_is_kept_is_read_without_a_word(since: str | None) -> None:
    assert SpanText(since).readable(RULES).start >= RULES.floor
    assert SpanText(since).clipped(RULES) is None


def test_a_beginning_an_hour_too_early_is_said() -> None:
    assert SpanText(str(RULES.floor - MARGIN - HOUR)).clipped(RULES) is not None


@pytest.mark.parametrize("since", [None, "2025-08-01"])
def test_a_span_of_which_nothing_is_kept_is_refused(since: str | None) -> None:
    with pytest.raises(ConfigError, match=iso(RULES.floor)):
        SpanText(since, "2025-09-01").readable(RULES)


def test_a_report_of_what_the_exchange_no_longer_keeps_is_no_mistake() -> None:
    assert str(SpanText("2025-08-01", "2025-08-31").resolve(RULES)) == "2025-08-01T00:00Z … 2025-09-01T00:00Z"


def test_to_ask_for_more_than_is_kept_needs_a_beginning() -> None:
    with pytest.raises(ConfigError, match="--beyond-retention needs --since"):
        SpanText(beyond_retention=True).readable(RULES)
