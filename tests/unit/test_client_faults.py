"""The client against an exchange that fails, stops answering or lies. Waits are recorded, not waited for."""

import re
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from etl.core.account_markets import Probe
from etl.core.timeline import HOUR, MINUTE
from etl.errors import (
    BannedError,
    ClockSkewError,
    ContractError,
    CredentialsError,
    DoubtedKeyError,
    ExchangeError,
    ForceOrdersError,
    RejectedError,
    StoppedError,
    ThrottledError,
    TransientError,
)
from etl.exchange.clock import local_now
from etl.exchange.error_table import classify
from etl.simulator.faults import Fault, When
from etl.simulator.server import Simulator
from tests.unit.connecting import NOW, Connected, Connecting

FORCE_ORDERS = "/fapi/v1/forceOrders"
TIME = "/fapi/v1/time"

ONCE = When(1, 1)


def timeout_for(fault: Fault) -> float:
    return 0.4 if fault.kind in ("hang", "drip") else 20


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault("status", ONCE, status=status) for status in (408, 500, 502, 503, 504)),
        *(Fault("code", ONCE, code=code) for code in (-1000, -1001, -1007, -1008, -1016)),
        *(Fault(kind, ONCE) for kind in ("reset", "close", "hang", "cut", "gzip_lie", "garbage", "object")),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status} {fault.code}",
)
def test_what_fails_once_is_retried_with_a_new_signature(fault: Fault, connect: Connecting) -> None:
    connected = connect(fault, read_timeout=timeout_for(fault))
    assert connected.page().length == 2
    assert connected.stats.by_path == {FORCE_ORDERS: 2}
    assert len(connected.waits) == 1
    assert connected.client.spent() == (2, 100)


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
        (Fault("drip", ms=100), TransientError),
        (Fault("huge", mib=17), ContractError),
        (Fault("gzip_bomb", mib=17), ContractError),
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


BODIES: dict[str, tuple[str, int | None]] = {
    "empty": ("", None),
    "html": ("<html>\r\n<head><title>Not now</title></head>\r\n</html>", None),
    "another's json": ('{"error": "not now"}', None),
    "a page": ("[]", None),
    "a known code": ('{"code": -1000, "msg": "Unknown error"}', -1000),
    "an unknown code": ('{"code": -5000, "msg": "Method is invalid"}', -5000),
}
"""Each with the exchange's code in it."""

FEW = (103, 202, 204, 400, 405, 421, 425, 503)
"""Strays that were seen in the wild."""

EVERY = [pytest.param(range(n, n + 100), marks=pytest.mark.slow, id=f"{n}-{n + 99}") for n in range(100, 600, 100)]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("statuses", [pytest.param(FEW, id="strays"), *EVERY])
def test_every_status_is_tried_again_or_told_as_the_table_says_and_no_oftener(
    statuses: Iterable[int], body: str, connect: Connecting
) -> None:
    text, code = BODIES[body]
    for status in set(statuses) - {200}:
        has_body = status >= 200 and status not in (204, 304)  # RFC 9110
        if not has_body and body != "empty":
            continue
        connected = connect(Fault("status", status=status, body=text), attempts=2)
        error = connected.failure()
        expected = type(classify(status, code if has_body else None, "", {}, NOW, bool))
        assert (status, type(error)) == (status, expected), error
        attempts = 2 if issubclass(expected, TransientError) else 1
        assert (status, connected.stats.by_path[FORCE_ORDERS]) == (status, attempts)


def test_a_body_below_the_largest_is_read_to_its_end(connect: Connecting) -> None:
    page = connect(Fault("huge", mib=15)).page()
    assert [reject.reason for reject in page.rejects] == ["the row is not an object"]
    assert connect(Fault("gzip_bomb", mib=15)).page().length == 0


def test_an_answer_that_drips_is_given_up_as_early_as_one_that_never_comes(connect: Connecting) -> None:
    connected = connect(Fault("drip", ms=50), attempts=1, read_timeout=0.3)
    began = time.monotonic()
    assert re.fullmatch(r"the exchange at 127\.0\.0\.1:\d+ did not answer within 0\.3 s", str(connected.failure()))
    assert time.monotonic() - began < 5, "all of it would take 10 s and more"


def test_an_answer_that_drips_fast_enough_is_read(connect: Connecting) -> None:
    connected = connect(Fault("drip", ONCE, ms=0))
    assert connected.page().length == 2
    assert connected.page().length == 2
    assert connected.stats.requests == 2


def test_an_exchange_that_is_not_there_is_an_error_that_names_its_host_and_no_request() -> None:
    with Simulator(histories={"main": []}) as gone:
        connected = Connected(gone, attempts=2)
    error = connected.failure()
    assert isinstance(error, TransientError)
    assert str(error) == f"no connection to the exchange at {gone.url.removeprefix('http://')}: refused"


def test_a_redirect_is_refused_and_not_followed(connect: Connecting) -> None:
    connected = connect(Fault("redirect"))
    error = connected.failure()
    assert isinstance(error, RejectedError)
    assert "redirect" in str(error)
    assert connected.stats.requests == 1


def test_a_clock_that_is_refused_is_measured_again(connect: Connecting) -> None:
    connected = connect(switches={"clock_offset_ms": HOUR})
    assert connected.page().length == 2
    assert connected.stats.by_path == {FORCE_ORDERS: 2, TIME: 1}
    assert connected.waits == [0.0]
    assert abs(connected.clock.now() - local_now() - HOUR) < MINUTE


@pytest.mark.parametrize(("offset", "off"), [(5 * HOUR, "5 h behind"), (-2 * HOUR, "2 h ahead of")])
def test_a_clock_that_stays_refused_is_an_error_that_says_how_far_off_this_machine_is(
    offset: int, off: str, connect: Connecting
) -> None:
    connected = connect(Fault("skew", path=FORCE_ORDERS), switches={"clock_offset_ms": offset}, attempts=9)
    error = connected.failure()
    assert isinstance(error, ClockSkewError)
    assert str(error).endswith(f"; this machine's clock is {off} the exchange's")
    assert connected.waits == [0.0] * 3
    assert connected.stats.by_path == {FORCE_ORDERS: 4, TIME: 4}


@pytest.mark.parametrize("kind", ["object", "garbage"])
def test_an_exchange_that_does_not_send_its_time_is_retried(kind: Any, connect: Connecting) -> None:
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
def test_a_429_starts_a_cooldown_for_every_request(retry_after: str, connect: Connecting) -> None:
    connected = connect(Fault("throttle", ONCE), switches={"retry_after": retry_after})
    error = connected.failure()
    assert type(error) is ThrottledError
    assert connected.limiter.cooldown_until == error.cooldown_until
    assert 0 < error.cooldown_until - connected.clock.now() <= 61_000
    assert isinstance(connected.failure(), BannedError)
    assert connected.stats.requests == 1


def test_a_418_is_a_ban_until_its_deadline(connect: Connecting) -> None:
    connected = connect(Fault("ban", ONCE, seconds=300), longest_cooldown=60_000)
    error = connected.failure()
    assert isinstance(error, BannedError)
    assert 290_000 < error.cooldown_until - connected.clock.now() <= 302_000
    connected.failure()
    with pytest.raises(BannedError):
        connected.client.symbols()
    assert connected.stats.requests == 1
    assert connected.stats.requests_during_ban == 0


def test_the_firewall_starts_a_cooldown_of_a_minute(connect: Connecting) -> None:
    connected = connect(Fault("status", ONCE, status=403))
    error = connected.failure()
    assert type(error) is ThrottledError
    assert "firewall" in str(error)
    assert 55_000 < error.cooldown_until - connected.clock.now() <= 61_000
    assert isinstance(connected.failure(), BannedError)
    assert connected.stats.requests == 1


def test_the_tries_against_the_firewall_spread_over_minutes(connect: Connecting) -> None:
    connected = connect(Fault("status", status=403), attempts=4, longest_cooldown=120_000, sits_out=True)
    began = connected.clock.now()
    assert type(connected.failure()) is ThrottledError
    assert connected.stats.requests == 4
    assert connected.clock.now() - began >= 3 * MINUTE


def test_a_single_403_loses_nothing(connect: Connecting) -> None:
    connected = connect(Fault("status", ONCE, status=403), longest_cooldown=120_000, sits_out=True)
    assert connected.page().length == 2
    assert connected.waits == [0.0]


def test_an_exchange_that_is_being_worked_on_is_waited_for_longer(connect: Connecting) -> None:
    connected = connect(Fault("code", When(1, 2), code=-1016))
    assert connected.page().length == 2
    assert [wait >= least for wait, least in zip(connected.waits, (10, 20), strict=True)] == [True, True]


def test_a_key_that_worked_is_tried_once_more_after_a_cooldown(connect: Connecting) -> None:
    connected = connect(Fault("key", When(2, 2)), longest_cooldown=120_000, sits_out=True)
    for _ in range(2):
        assert connected.page().length == 2
    assert connected.waits == [0.0]


def test_a_key_that_is_refused_again_after_the_cooldown_is_refused_for_good(connect: Connecting) -> None:
    connected = connect(Fault("key", When(2)), longest_cooldown=120_000, sits_out=True, attempts=9)
    connected.page()
    assert isinstance(connected.failure(), CredentialsError)
    assert connected.stats.requests == 3
    assert isinstance(connected.failure(), CredentialsError), "and stays so"


def test_a_key_that_works_again_is_given_another_chance(connect: Connecting) -> None:
    faults = [Fault("key", When(2, 2)), Fault("key", When(4, 4))]
    connected = connect(*faults, longest_cooldown=120_000, sits_out=True)
    for _ in range(3):
        assert connected.page().length == 2
    assert connected.waits == [0.0, 0.0]


def test_a_doubted_key_starts_a_cooldown_until_the_next_minute(connect: Connecting) -> None:
    connected = connect(Fault("key", When(2)))
    connected.page()
    error = connected.failure()
    assert isinstance(error, DoubtedKeyError)
    assert connected.limiter.cooldown_until == error.cooldown_until
    assert 0 < error.cooldown_until - connected.clock.now() <= 61_000
    assert isinstance(connected.failure(), BannedError)
    assert connected.stats.requests == 2


def test_of_several_requests_in_flight_that_are_refused_at_once_none_is_refused_for_good(connect: Connecting) -> None:
    connected = connect(Fault("key", When(2)), switches={"latency_ms": 300})
    connected.page()
    with ThreadPoolExecutor(4) as threads:
        errors = list(threads.map(lambda _: connected.failure(), range(4)))
    assert {type(error) for error in errors} <= {DoubtedKeyError, BannedError}
    assert sum(type(error) is DoubtedKeyError for error in errors) == connected.stats.requests - 1


def test_the_exchange_s_time_needs_no_key_and_proves_none(connect: Connecting) -> None:
    connected = connect(Fault("key", path=FORCE_ORDERS))
    connected.client.set_clock()
    assert isinstance(connected.failure(), CredentialsError)


def test_only_the_rate_limiter_waits_for_a_cooldown(connect: Connecting) -> None:
    connected = connect(Fault("throttle", ONCE), longest_cooldown=120_000)
    connected.stop_at_the_first_wait = True
    assert isinstance(connected.failure(), StoppedError)
    assert connected.waits == [0.0]


def test_no_request_is_sent_once_a_stop_is_requested(connect: Connecting) -> None:
    connected = connect()
    connected.stop.set()
    assert isinstance(connected.failure(), StoppedError)
    assert connected.stats.requests == 0


def test_a_key_that_the_api_for_wallets_accepts_may_be_refused_for_good_by_another(connect: Connecting) -> None:
    connected = connect(Fault("key", path=FORCE_ORDERS))
    assert connected.client.account_info().has_futures
    assert connected.client.probe() is Probe.REFUSED
    assert connected.limiter.cooldown_until == 0
