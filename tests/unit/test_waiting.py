"""What is waited for stands on one waits: what is shown of it, and what is logged."""

import logging
import time

import pytest

from etl.waits import REPORTED_AFTER_S, Reason, Wait, Waits

LONG = 60.0


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """With its `messages` from `info` on."""
    caplog.set_level(logging.INFO, "etl")
    return caplog


@pytest.mark.parametrize(
    ("wait", "line", "message"),
    [
        (
            Wait(Reason.BUDGET, "", 100.0, 142.5),
            "33 s left: this minute's weight budget is used up",
            "waiting 33 s: this minute's weight budget is used up",
        ),
        (
            Wait(Reason.LOCK, "pid 7 (ann)", 100.0, None),
            "10 s so far: database locked by pid 7 (ann)",
            "waiting: database locked by pid 7 (ann)",
        ),
        (
            Wait(Reason.COOLDOWN, "2026-09-01T12:00Z", 100.0, 200.0),
            "1 min 30 s left: the exchange wants no request",
            "waiting 1 min 30 s: the exchange wants no request before 2026-09-01T12:00Z",
        ),
        (Wait(Reason.ANSWER, "", 100.0, 105.0), "0 s left: the exchange has not answered yet", "waiting 0 s: "),
    ],
)
def test_how_a_wait_is_worded(wait: Wait, line: str, message: str) -> None:
    assert wait.line(110.0) == line
    assert wait.message(110.0).startswith(message)


def test_nothing_is_shown_or_logged_of_a_short_wait(log: pytest.LogCaptureFixture) -> None:
    waits = Waits()
    with waits.during(Reason.BUDGET, seconds=REPORTED_AFTER_S / 2), waits.during(Reason.ANSWER):
        waits.report()
        assert waits.foremost() is None
    assert log.messages == []


def test_one_that_will_be_long_is_shown_and_logged_at_once_and_once(log: pytest.LogCaptureFixture) -> None:
    waits = Waits()
    with waits.during(Reason.BUDGET, seconds=LONG), waits.during(Reason.BUDGET, seconds=LONG):
        waits.report()
        shown = waits.foremost()
        assert shown is not None
        assert shown.reason is Reason.BUDGET
    assert waits.foremost() is None
    assert log.messages == ["waiting 1 min: this minute's weight budget is used up"]


def test_the_next_wait_for_the_same_is_logged_again(log: pytest.LogCaptureFixture) -> None:
    waits = Waits()
    for _ in range(2):
        with waits.during(Reason.OTHERS, seconds=LONG):
            pass
    assert len(log.messages) == 2


def test_a_wait_without_a_known_end_is_logged_at_the_next_look_once_it_is_long(log: pytest.LogCaptureFixture) -> None:
    waits = Waits()
    with waits.slot() as slot:
        slot.put(Reason.ANSWER, since=time.monotonic() - 2 * REPORTED_AFTER_S)
        waits.report()
    assert log.messages == ["waiting: the exchange has not answered yet"]


def test_the_same_wait_goes_on_and_another_one_begins_again() -> None:
    waits = Waits()
    with waits.slot() as slot:
        slot.put(Reason.ACCOUNT, "one", since=time.monotonic() - LONG)
        first = waits.foremost()
        slot.put(Reason.ACCOUNT, "one")
        assert waits.foremost() == first
        slot.put(Reason.ACCOUNT, "two")
        assert waits.foremost() is None


def test_of_several_the_one_that_holds_up_the_most_is_shown() -> None:
    waits = Waits()
    with (
        waits.during(Reason.OTHERS, seconds=LONG),
        waits.during(Reason.COOLDOWN, "then", LONG),
        waits.during(Reason.RETRY, "it failed", LONG),
    ):
        shown = waits.foremost()
        assert shown is not None
        assert shown.reason is Reason.COOLDOWN


def test_a_cooldown_is_worth_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with Waits().during(Reason.COOLDOWN, "2026-09-01T12:00Z", LONG):
        pass
    assert [record.levelname for record in caplog.records] == ["WARNING"]
