"""Which jobs are enqueued, in which order, and when a failed one is retried."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.planning import Known, Rules
from etl.core.timeline import DAY, HOUR, MINUTE, Window, subtract
from etl.errors import ConfigError, ExitCode
from etl.fleet import jobs
from etl.fleet.jobs import BACKFILL, SYNC, Job, by_expiry, job_from_arguments, poll_delay, retry_delay
from etl.fleet.schedule import DEFAULT, cron_expression, upcoming

NOW = 1_790_000_000_000
RULES = Rules(NOW, settle_lag=10 * MINUTE, keeps=90 * DAY, widest=7 * DAY - 2)
SCHEDULED = Job("main", "default", due_at=NOW // 1000)


def catch_up(sync: Job, known: Known) -> list[Job]:
    return jobs.catch_up_jobs(sync, sync.planner()({None: known}, RULES), RULES)


def proven_until(instant: int) -> Known:
    return Known(proven=[Window(NOW - 80 * DAY, instant)], requested_since=NOW - 80 * DAY)


def test_a_sync_that_is_a_day_behind_is_one_job() -> None:
    assert catch_up(SCHEDULED, proven_until(NOW - DAY)) == []


def test_a_sync_that_is_weeks_behind_becomes_a_job_for_each_week_and_itself_at_the_end() -> None:
    again, *weeks, last = catch_up(SCHEDULED, proven_until(NOW - 20 * DAY))
    assert (again.command, again.rereads, again.since) == (BACKFILL, True, NOW - 27 * DAY)
    assert [(week.command, week.rereads) for week in weeks] == [(BACKFILL, True), (BACKFILL, False)]
    assert all(one.until == after.since for one, after in pairwise([again, *weeks]))
    assert last == replace(SCHEDULED, is_last=True)
    assert {week.due_at for week in weeks} == {SCHEDULED.due_at}


@pytest.mark.parametrize(
    ("market", "stored", "sisters"),
    [
        ("usdm", [], []),
        ("usdm", ["usdm"], []),
        ("usdm", ["usdm", "coinm", "margin"], ["coinm", "margin"]),
        ("coinm", ["usdm", "coinm"], ["usdm"]),
        ("usdm", ["pm-usdm", "pm-coinm"], ["pm-usdm", "pm-coinm"]),
    ],
    ids=["nothing is stored", "no other", "of the first", "of another", "of one that is not stored yet"],
)
def test_the_job_of_a_market_makes_those_of_the_others(market: str, stored: list[str], sisters: list[str]) -> None:
    first = replace(SCHEDULED, market=market, is_last=True)
    assert jobs.sister_jobs(first, stored) == [replace(SCHEDULED, market=name) for name in sisters]


def test_a_job_that_a_person_enqueued_makes_no_others() -> None:
    stored = ["usdm", "coinm"]
    assert jobs.sister_jobs(replace(SCHEDULED, due_at=None), stored) == []
    assert jobs.sister_jobs(replace(SCHEDULED, command=BACKFILL), stored) == []


@pytest.mark.parametrize("days", [0, 1, 6, 7, 8, 30])
def test_all_that_a_sync_would_read_again_is_read_by_these_jobs(days: int) -> None:
    rules, known = replace(RULES, reread=days * DAY), proven_until(NOW - 28 * DAY)
    enqueued = jobs.catch_up_jobs(SCHEDULED, SCHEDULED.planner()({None: known}, rules), rules)
    planned = [target for job in enqueued[:-1] for target in job.planner()({None: known}, rules)]
    last = SCHEDULED.planner()({None: proven_until(enqueued[-2].until or NOW)}, rules)
    whole = Window(NOW - (28 + days) * DAY, rules.settled)
    assert subtract([whole], [target.need for target in [*planned, *last]]) == []


def test_the_weeks_of_an_account_that_is_read_by_name_are_read_by_name() -> None:
    known = {None: Known(), "BTCUSDT": proven_until(NOW - 28 * DAY)}
    enqueued = jobs.catch_up_jobs(SCHEDULED, SCHEDULED.planner()(known, RULES), RULES)
    assert {job.symbols for job in enqueued[:-1]} == {("BTCUSDT",)}
    assert {target.symbol for job in enqueued for target in job.planner()(known, RULES)} == {"BTCUSDT"}


def test_the_sync_after_such_weeks_is_not_split_again() -> None:
    assert catch_up(replace(SCHEDULED, is_last=True), proven_until(NOW - 20 * DAY)) == []


def test_the_first_sync_of_an_account_enqueues_all_weeks_that_the_exchange_keeps() -> None:
    *weeks, last = catch_up(SCHEDULED, Known())
    assert len(weeks) == 12
    assert (weeks[0].since, weeks[0].until) == (None, weeks[1].since)
    assert last.is_last


def test_a_backfill_is_a_job_for_each_week_and_stays_open_at_both_ends() -> None:
    whole = Job("main", "default", BACKFILL, symbols=("BTCUSDT",))
    enqueued = jobs.weekly_jobs(whole, whole.planner()({None: Known(), "BTCUSDT": Known()}, RULES), RULES)
    assert len(enqueued) == 13
    assert [(job.since is None, job.until is None) for job in enqueued] == (
        [(True, False), *[(False, False)] * 11, (False, True)]
    )
    assert all(one.until == after.since for one, after in pairwise(enqueued))
    assert all(job.until is None or job.since is None or job.until - job.since <= 7 * DAY for job in enqueued)
    assert {job.symbols for job in enqueued} == {("BTCUSDT",)}


def test_proven_history_is_not_enqueued() -> None:
    whole = Job("main", "default", BACKFILL)
    assert jobs.weekly_jobs(whole, whole.planner()({None: Known([Window(0, NOW)])}, RULES), RULES) == []


def test_history_that_the_exchange_deletes_first_is_enqueued_first_over_all_accounts() -> None:
    old, young, oldest = (Job(name, "q", BACKFILL, since) for name, since in (("a", 5), ("a", 9), ("b", None)))
    sync = Job("c", "q")
    assert by_expiry([young, sync, old, oldest]) == [oldest, old, young, sync]


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
        due_at=instants,
        is_last=st.booleans(),
    )
)
def test_a_job_comes_out_of_the_queue_as_it_was_put_in(job: Job) -> None:
    assert job_from_arguments("q", job.command, job.arguments()) == job


@pytest.mark.parametrize(
    ("exit_code", "attempts", "delay"),
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
def test_the_retry_delay_of_a_job_depends_on_why_it_failed(
    exit_code: ExitCode, attempts: int, delay: timedelta | None
) -> None:
    assert retry_delay(exit_code, attempts, HOUR) == delay


def test_the_end_of_a_scheduled_run_is_polled_with_growing_delays() -> None:
    delays = [poll_delay(looks).total_seconds() for looks in range(200)]
    assert delays[:4] == [5, 10, 20, 40]
    assert delays[6:] == [300] * 194


@pytest.mark.parametrize(
    ("at", "cron", "expected"),
    [
        (None, None, DEFAULT),
        ("02:15", None, "15 2 * * *"),
        ("9:05", None, "5 9 * * *"),
        ("23:59", None, "59 23 * * *"),
        (None, "*/5 1-3 * * 1", "*/5 1-3 * * 1"),
    ],
)
def test_a_schedule_is_a_time_of_day_or_a_cron_expression(at: str | None, cron: str | None, expected: str) -> None:
    assert cron_expression(at, cron) == expected


@pytest.mark.parametrize(
    ("at", "cron"),
    [("24:00", None), ("2.15", None), ("", None), (None, "15 2 * *"), (None, "61 2 * * *"), (None, "* * * * * *"),
     (None, "@daily"), ("02:15", "15 2 * * *")],
)  # fmt: skip
def test_an_invalid_time_is_refused_with_how_to_write_one(at: str | None, cron: str | None) -> None:
    with pytest.raises(ConfigError, match=r"like|one of them"):
        cron_expression(at, cron)


@pytest.mark.parametrize("day", ["31 2", "30 2", "30,31 feb", "31 4,6,9,11"])
def test_a_day_that_no_month_has_is_refused(day: str) -> None:
    with pytest.raises(ConfigError, match="never comes"):
        cron_expression(None, f"0 0 {day} *")


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("15 2 * * *", ["2026-11-26T02:15", "2026-11-27T02:15", "2026-11-28T02:15"]),
        ("0 0 29 2 *", ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"]),
        ("0 0 31 2 mon", ["2027-02-01T00:00", "2027-02-08T00:00", "2027-02-15T00:00"]),
        ("0 12 31 12 *", ["2026-12-31T12:00", "2027-12-31T12:00", "2028-12-31T12:00"]),
    ],
)
def test_the_next_three_times_are_known_however_rare(cron: str, expected: list[str]) -> None:
    after = datetime(2026, 11, 26, tzinfo=UTC)
    assert [f"{one:%Y-%m-%dT%H:%M}" for one in upcoming(cron_expression(None, cron), after)] == expected
