"""How the requests ended that were sent: each is counted once, by one word, and none that was not sent."""

from typing import Any

import pytest

from etl import errors
from etl.core.paging import PageRequest
from etl.core.timeline import DAY, HOUR, Window
from etl.errors import BannedError, ExchangeError, ThrottledError
from etl.exchange.outcome_counts import ANSWERED, OUTCOMES, outcome_of
from etl.simulator.faults import Fault, When
from tests.unit.connecting import NOW, Connected, Connecting

FORCE_ORDERS = "/fapi/v1/forceOrders"

ONCE = When(1, 1)
FROM_THE_SECOND = When(2)


def seen(connected: Connected) -> dict[str, int]:
    return {outcome: count for outcome, count in connected.access.outcomes.counts().items() if count}


def test_an_outcome_is_called_as_the_error_is_without_its_last_word() -> None:
    assert outcome_of(ThrottledError) == "throttled"
    assert outcome_of(errors.ClockSkewError) == "clock_skew"
    assert outcome_of(errors.WindowTooWideError) == "window_too_wide"


def test_every_error_of_the_exchange_is_an_outcome_that_is_counted_from_nothing_on(connect: Connecting) -> None:
    kinds = {one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, ExchangeError)}
    outcomes = {outcome_of(kind) for kind in kinds - {ExchangeError}} | {ANSWERED}
    assert sorted(OUTCOMES) == sorted(outcomes)
    assert connect().access.outcomes.counts() == dict.fromkeys(outcomes, 0)


def test_what_is_answered_is_counted_for_every_kind_of_request(connect: Connecting) -> None:
    connected = connect()
    connected.client.set_clock()
    connected.client.symbols()
    connected.page()
    assert seen(connected) == {"answered": 3}


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fault("status", ONCE, status=503), "transient"),
        (Fault("reset", ONCE), "transient"),
        (Fault("close", ONCE), "transient"),
        (Fault("cut", ONCE), "transient"),
        (Fault("huge", ONCE, mib=17), "contract"),
        (Fault("code", ONCE, code=-1016), "maintenance"),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_what_fails_and_is_retried_is_counted_twice(fault: Fault, outcome: str, connect: Connecting) -> None:
    connected = connect(fault)
    connected.page()
    assert seen(connected) == {outcome: 1, "answered": 1}


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"window": Window(NOW - 9 * DAY, NOW)}, "window_too_wide"),
        ({"window": Window(NOW - 95 * DAY, NOW - 94 * DAY)}, "beyond_retention"),
        ({"window": Window(NOW - DAY, NOW), "symbol": "NOSUCHUSDT"}, "unknown_symbol"),
    ],
)
def test_a_refusal_that_says_how_to_ask_instead_is_counted_as_what_it_says(
    changes: dict[str, Any], outcome: str, connect: Connecting
) -> None:
    connected = connect()
    connected.client.page(PageRequest(limit=100, **changes))
    assert seen(connected) == {outcome: 1}


def test_a_key_that_is_not_accepted_and_one_that_worked_before_are_distinguished(connect: Connecting) -> None:
    stranger = connect(key="X" * 64)
    stranger.failure()
    assert seen(stranger) == {"credentials": 1}
    trusted = connect(Fault("code", FROM_THE_SECOND, code=-2015))
    trusted.page()
    trusted.failure()
    assert seen(trusted) == {"answered": 1, "doubted_key": 1}


def test_a_refused_timestamp_and_the_look_at_the_clock_that_follows_are_counted_each(connect: Connecting) -> None:
    connected = connect(switches={"clock_offset_ms": HOUR})
    connected.page()
    assert seen(connected) == {"clock_skew": 1, "answered": 2}
    lost = connect(Fault("reset", path="/fapi/v1/time"), switches={"clock_offset_ms": HOUR}, attempts=1)
    lost.failure()
    assert seen(lost) == {"clock_skew": 1, "transient": 1}


@pytest.mark.parametrize(("status", "outcome"), [(429, "throttled"), (418, "banned")])
def test_what_the_rate_limiter_refuses_was_not_sent_and_is_not_counted(
    status: int, outcome: str, connect: Connecting
) -> None:
    connected = connect(Fault("status", status=status, path=FORCE_ORDERS))
    connected.failure()
    for _ in range(3):
        assert isinstance(connected.failure(), BannedError)
    assert connected.stats.requests == 1
    assert seen(connected) == {outcome: 1}


def test_an_answer_that_cannot_be_read_was_an_answer(connect: Connecting) -> None:
    connected = connect(Fault("object"), attempts=1)
    connected.failure()
    assert seen(connected) == {"answered": 1}
