"""What is handed out to workers, in which pieces and order, and when a job that failed is done again."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.planning import Known, Rules
from etl.core.timeline import DAY, HOUR, MINUTE, Window
from etl.errors import ConfigError, ExitCode
from etl.fleet import jobs
from etl.fleet.enqueue import DEFAULT, cron_of
from etl.fleet.jobs import BACKFILL, SYNC, Job, job_of, most_perishable_first, rest_before_look, rest_before_retry

NOW = 1_790_000_000_000
RULES = Rules(NOW, settle_lag=10 * MINUTE, keeps=90 * DAY, widest=7 * DAY - 2)
NIGHT = Job("main", "default", night=NOW // 1000)


def pieces(night: Job, known: Known) -> list[Job]:
    return jobs.night_in_pieces(night, night.planner()({None: known}, RULES), RULES)


def proven_until(instant: int) -> Known:
    return Known(proven=[Window(NOW - 80 * DAY, instant)], requested_since=NOW - 80 * DAY)


def test_a_night_that_follows_another_is_one_job() -> None:
    assert pieces(NIGHT, proven_until(NOW - DAY)) == []


def test_a_night_that_has_weeks_to_make_up_for_hands_them_out_and_itself_at_the_end() -> None:
    *weeks, last = pieces(NIGHT, proven_until(NOW - 20 * DAY))
    assert [week.command for week in weeks] == [BACKFILL, BACKFILL]
    assert last == replace(NIGHT, is_last=True)
    assert {week.night for week in weeks} == {NIGHT.night}


def test_the_night_at_the_end_of_such_weeks_reads_all_that_is_left_by_itself() -> None:
    assert pieces(replace(NIGHT, is_last=True), proven_until(NOW - 20 * DAY)) == []


def test_the_first_night_of_an_account_hands_out_everything_that_the_exchange_keeps() -> None:
    *weeks, last = pieces(NIGHT, Known())
    assert len(weeks) == 12
    assert (weeks[0].since, weeks[0].until) == (None, weeks[1].since)
    assert last.is_last


def test_a_backfill_is_a_job_a_week_that_stays_open_at_both_ends_of_what_there_is() -> None:
    whole = Job("main", "default", BACKFILL, symbols=("BTCUSDT",))
    handed_out = jobs.weeks_of(whole, whole.planner()({None: Known(), "BTCUSDT": Known()}, RULES), RULES)
    assert len(handed_out) == 13
    assert [(job.since is None, job.until is None) for job in handed_out] == (
        [(True, False), *[(False, False)] * 11, (False, True)]
    )
    assert all(one.until == after.since for one, after in pairwise(handed_out))
    assert all(job.until is None or job.since is None or job.until - job.since <= 7 * DAY for job in handed_out)
    assert {job.symbols for job in handed_out} == {("BTCUSDT",)}


def test_what_is_proven_is_not_handed_out() -> None:
    whole = Job("main", "default", BACKFILL)
    assert jobs.weeks_of(whole, whole.planner()({None: Known([Window(0, NOW)])}, RULES), RULES) == []


def test_what_the_exchange_forgets_soonest_is_handed_out_first_whosever_it_is() -> None:
    old, young, oldest = (Job(name, "q", BACKFILL, since) for name, since in (("a", 5), ("a", 9), ("b", None)))
    night = Job("c", "q")
    assert most_perishable_first([young, night, old, oldest]) == [oldest, old, young, night]


instants = st.none() | st.integers(1, NOW)


@given(
    st.builds(
        Job,
        account=st.text(min_size=1),
        queue=st.just("q"),
        command=st.sampled_from([SYNC, BACKFILL]),
        since=instants,
        until=instants,
        symbols=st.lists(st.text(min_size=1)).map(tuple),
        night=instants,
        is_last=st.booleans(),
    )
)
def test_a_job_comes_out_of_the_queue_as_it_was_put_in(job: Job) -> None:
    assert job_of("q", job.command, job.arguments()) == job


@pytest.mark.parametrize(
    ("exit_code", "attempts", "rest"),
    [
        (ExitCode.FAILED, 0, timedelta(minutes=10)),
        (ExitCode.FAILED, 2, timedelta(minutes=40)),
        (ExitCode.FAILED, 3, None),
        (ExitCode.WRONG_INPUT, 0, None),
        (ExitCode.STOPPED, 50, timedelta()),
        (ExitCode.DATABASE, 50, timedelta(minutes=1)),
        (ExitCode.BANNED, 50, timedelta(hours=1, seconds=1)),
    ],
)
def test_a_job_that_was_not_done_rests_as_long_as_its_cause_lasts(
    exit_code: ExitCode, attempts: int, rest: timedelta | None
) -> None:
    assert rest_before_retry(exit_code, attempts, HOUR) == rest


def test_the_end_of_a_night_is_looked_for_soon_at_first_and_then_ever_more_seldom() -> None:
    rests = [rest_before_look(looks).total_seconds() for looks in range(200)]
    assert rests[:4] == [5, 10, 20, 40]
    assert rests[6:] == [300] * 194


@pytest.mark.parametrize(
    ("at", "cron", "found"),
    [
        (None, None, DEFAULT),
        ("02:15", None, "15 2 * * *"),
        ("9:05", None, "5 9 * * *"),
        ("23:59", None, "59 23 * * *"),
        (None, "*/5 1-3 * * 1", "*/5 1-3 * * 1"),
    ],
)
def test_a_night_begins_at_a_time_of_day_or_as_cron_has_it(at: str | None, cron: str | None, found: str) -> None:
    assert cron_of(at, cron) == found


@pytest.mark.parametrize(
    ("at", "cron"),
    [("24:00", None), ("2.15", None), ("", None), (None, "15 2 * *"), (None, "61 2 * * *"), (None, "* * * * * *"),
     (None, "@daily"), ("02:15", "15 2 * * *")],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_how_to_write_one(at: str | None, cron: str | None) -> None:
    with pytest.raises(ConfigError, match=r"like|one of them"):
        cron_of(at, cron)
