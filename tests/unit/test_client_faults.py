"""The client against an exchange that fails, goes silent or lies. Waits are noted, not waited for."""

from typing import Any

import pytest

from etl.core.timeline import HOUR, MINUTE
from etl.errors import (
    BannedError,
    ClockSkewError,
    ContractError,
    ExchangeError,
    ForceOrdersError,
    RejectedError,
    StoppedError,
    ThrottledError,
    TransientError,
)
from etl.exchange.client import FORCE_ORDERS, TIME
from etl.exchange.clock import local_now
from etl.simulator.faults import Fault, When
from etl.simulator.server import Simulator
from tests.unit.connecting import Connected, Connecting

ONCE = When(1, 1)


def timeout_for(fault: Fault) -> float:
    return 0.4 if fault.kind == "hang" else 20


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault("status", ONCE, status=status) for status in (403, 408, 500, 502, 503, 504)),
        *(Fault("code", ONCE, code=code) for code in (-1000, -1001, -1007, -1008, -1016)),
        *(Fault(kind, ONCE) for kind in ("reset", "close", "hang", "cut", "gzip_lie", "garbage", "object")),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status} {fault.code}",
)
def test_what_fails_once_is_asked_again_with_a_new_signature(fault: Fault, connect: Connecting) -> None:
    connected = connect(fault, read_timeout=timeout_for(fault))
    assert connected.page().length == 2
    assert connected.stats.by_path == {FORCE_ORDERS: 2}
    assert len(connected.waits) == 1
    assert connected.gate.spent() == (2, 100)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("status", status=503), TransientError),
        (Fault("reset"), TransientError),
        (Fault("close"), TransientError),
        (Fault("hang"), TransientError),
        (Fault("cut"), TransientError),
        (Fault("gzip_lie"), TransientError),
        (Fault("garbage"), TransientError),
        (Fault("object"), ContractError),
        (Fault("huge", mib=17), ContractError),
        (Fault("skew", path=FORCE_ORDERS), ExchangeError),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_what_goes_on_failing_comes_out_after_the_last_attempt(
    fault: Fault, expected: type[ForceOrdersError], connect: Connecting
) -> None:
    connected = connect(fault, attempts=2, read_timeout=timeout_for(fault))
    assert isinstance(connected.failure(), expected)
    assert connected.stats.by_path[FORCE_ORDERS] == 2


def test_a_body_below_the_largest_is_read_to_its_end(connect: Connecting) -> None:
    page = connect(Fault("huge", mib=15)).page()
    assert [reject.reason for reject in page.rejects] == ["the row is no object"]


def test_an_exchange_that_is_not_there_is_an_error_without_its_address() -> None:
    with Simulator(histories={"main": []}) as gone:
        connected = Connected(gone, attempts=2)
    error = connected.failure()
    assert isinstance(error, TransientError)
    assert str(error) == "no connection to the exchange (ConnectionError)"


def test_a_redirect_is_refused_and_not_followed(connect: Connecting) -> None:
    connected = connect(Fault("redirect"))
    error = connected.failure()
    assert isinstance(error, RejectedError)
    assert "redirect" in str(error)
    assert connected.stats.requests == 1


def test_a_clock_that_is_refused_is_measured_anew(connect: Connecting) -> None:
    connected = connect(switches={"clock_offset_ms": HOUR})
    assert connected.page().length == 2
    assert connected.stats.by_path == {FORCE_ORDERS: 2, TIME: 1}
    assert connected.waits == [0.0]
    assert abs(connected.clock.now() - local_now() - HOUR) < MINUTE


@pytest.mark.parametrize("kind", ["object", "garbage"])
def test_an_exchange_that_does_not_tell_its_time_is_asked_again(kind: Any, connect: Connecting) -> None:
    connected = connect(Fault(kind, ONCE, path=TIME))
    connected.client.set_clock()
    assert connected.stats.by_path == {TIME: 2}


def test_a_clock_that_is_refused_even_when_it_is_only_read_comes_out_after_the_last_attempt(
    connect: Connecting,
) -> None:
    connected = connect(Fault("skew", path=TIME), attempts=3)
    with pytest.raises(ClockSkewError):
        connected.client.set_clock()
    assert connected.stats.by_path == {TIME: 3}


def test_a_clock_that_can_be_neither_used_nor_read_comes_out_after_the_last_attempt(connect: Connecting) -> None:
    connected = connect(Fault("skew"), attempts=3)
    assert isinstance(connected.failure(), ClockSkewError)
    assert connected.stats.by_path == {FORCE_ORDERS: 3, TIME: 3}


@pytest.mark.parametrize("retry_after", ["seconds", "0", "missing"])
def test_a_429_silences_everything_behind_the_gate(retry_after: str, connect: Connecting) -> None:
    connected = connect(Fault("throttle", ONCE), switches={"retry_after": retry_after})
    error = connected.failure()
    assert type(error) is ThrottledError
    assert connected.gate.closed_until == error.until_ms
    assert 0 < error.until_ms - connected.clock.now() <= 61_000
    assert isinstance(connected.failure(), BannedError)
    assert connected.stats.requests == 1


def test_a_418_is_a_ban_until_its_deadline(connect: Connecting) -> None:
    connected = connect(Fault("ban", ONCE, seconds=300), patience=60_000)
    error = connected.failure()
    assert isinstance(error, BannedError)
    assert 290_000 < error.until_ms - connected.clock.now() <= 302_000
    connected.failure()
    with pytest.raises(BannedError):
        connected.client.symbols()
    assert connected.stats.requests == 1
    assert connected.stats.requests_during_ban == 0


def test_a_silence_within_the_patience_is_waited_for_by_the_gate_alone(connect: Connecting) -> None:
    connected = connect(Fault("throttle", ONCE), patience=120_000)
    connected.stop_at_the_first_wait = True
    assert isinstance(connected.failure(), StoppedError)
    assert connected.waits == [0.0]


def test_no_request_is_sent_once_a_stop_is_asked_for(connect: Connecting) -> None:
    connected = connect()
    connected.stop.set()
    assert isinstance(connected.failure(), StoppedError)
    assert connected.stats.requests == 0
