"""A period is complete only if every day of every account is proven; whatever is missing is said in one line."""

from datetime import date, timedelta

import pytest

from etl.core.completeness import CalendarDay, DayState, Period, judge, parse_period

SEPTEMBER = parse_period("2026-09")
FIRST = date(2026, 9, 1)


def days(
    changes: dict[int, DayState] | None = None, account: str = "main", market: str = "usdm", count: int = 30
) -> list[CalendarDay]:
    """A proven September but for the days of `changes`."""
    states = changes or {}
    return [
        CalendarDay(account, market, FIRST + timedelta(days=n), states.get(n + 1, DayState.PROVEN))
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026", "2026-01-01", "2026-12-31"),
        ("2026-09", "2026-09-01", "2026-09-30"),
        ("2028-02", "2028-02-01", "2028-02-29"),
        ("2026-09-05", "2026-09-05", "2026-09-05"),
        ("2026-09-01..2026-09-30", "2026-09-01", "2026-09-30"),
        ("2026-07..2026-09", "2026-07-01", "2026-09-30"),
        ("2025..2026-02", "2025-01-01", "2026-02-28"),
    ],
)
def test_a_period_is_a_year_a_month_a_day_or_from_one_to_another(text: str, first: str, last: str) -> None:
    assert parse_period(text) == Period(date.fromisoformat(first), date.fromisoformat(last), text)


@pytest.mark.parametrize(
    "text", ["", "..", "2026-9", "2026-13", "2026-00", "0000", "2026-02-30", "20260901", "30d", "2026-09..", "2026...7"]
)
def test_what_is_no_period_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a period; write 2026, 2026-09 or 2026-09-01\.\.2026-09-30"):
        parse_period(text)


def test_a_period_does_not_end_before_it_begins() -> None:
    with pytest.raises(ValueError, match="ends before it begins"):
        parse_period("2026-09-02..2026-09-01")


def test_every_day_of_every_market_is_proven() -> None:
    found = judge([*days(market="coinm"), *days()], SEPTEMBER, "UTC", ["main"])
    assert found == (True, "complete: 2026-09 (UTC): main coinm; main usdm; 60 days proven")


@pytest.mark.parametrize("state", [state for state in DayState if state is not DayState.PROVEN])
def test_one_day_in_any_other_state_is_enough(state: DayState) -> None:
    found = judge(days({7: state}), SEPTEMBER, "Asia/Tokyo", ["main"])
    assert found == (False, f"not complete: 2026-09 (Asia/Tokyo): main usdm {state} 2026-09-07")


def test_days_in_a_row_are_one_span_and_many_spans_are_counted() -> None:
    changes = dict.fromkeys((2, 3, 4, 8), DayState.NOT) | {9: DayState.PARTLY}
    assert judge(days(changes), SEPTEMBER, "UTC", ["main"]).line.endswith(
        "main usdm partly 2026-09-09, not 2026-09-02..2026-09-04 2026-09-08"
    )
    every_other = dict.fromkeys(range(1, 31, 2), DayState.NOT)
    assert judge(days(every_other), SEPTEMBER, "UTC", ["main"]).line.endswith("2026-09-07 2026-09-09 and 10 more")


def test_no_day_is_no_answer() -> None:
    assert judge([], SEPTEMBER, "UTC", []) == (
        False,
        "not complete: 2026-09 (UTC): nothing is stored, and no account is set",
    )
    unknown = "not complete: 2026-09 (UTC): second nothing is known of 2026-09-01..2026-09-30"
    assert judge(days(), SEPTEMBER, "UTC", ["main", "second"]) == (False, unknown)
    assert judge(days(), SEPTEMBER, "UTC", ["main"], ["usdm", "coinm"]) == (
        False,
        "not complete: 2026-09 (UTC): main coinm nothing is known",
    )
    assert judge(days(count=29), SEPTEMBER, "UTC", ["main"]) == (
        False,
        "not complete: 2026-09 (UTC): main nothing is known of 2026-09-30",
    )


def test_of_many_accounts_some_are_named_and_the_others_counted() -> None:
    names = [f"a{n:02}" for n in range(25)]
    complete = judge([day for name in names for day in days(account=name)], SEPTEMBER, "UTC", names)
    assert complete.is_complete
    assert complete.line.endswith("a09 usdm; 15 more; 750 days proven")
    assert judge([], SEPTEMBER, "UTC", names).line.endswith("a09 nothing is known of 2026-09-01..2026-09-30; 15 more")
