"""One account's client: what it requests, and how it reads the exchange's responses and refusals."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest

from etl.core.orders import CloseType
from etl.core.paging import Page, PageRequest, Refusal
from etl.core.probing.notebook import ProbeRequest, Refused
from etl.core.timeline import DAY, HOUR, MINUTE, SECOND, Window
from etl.errors import CredentialsError, ExchangeError, RejectedError, TransientError
from etl.exchange.clock import local_now
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from etl.simulator.faults import Fault, When
from tests.unit.connecting import LAST_WEEK, NOW, Connecting

EXCHANGE_INFO = "/fapi/v1/exchangeInfo"


def test_a_page_holds_the_rows_of_its_window(connect: Connecting) -> None:
    page = connect().page()
    assert sorted(order.key for order in page.orders) == [("BTCUSDT", 1), ("币安人生USDT", 1)]
    assert '"price":"1.10"' in "".join(order.raw for order in page.orders)
    assert abs(page.received_at - local_now()) < MINUTE


def test_a_request_holds_what_was_requested_and_its_weight_is_counted(connect: Connecting) -> None:
    connected = connect()
    request = PageRequest(LAST_WEEK.window, 50, "币安人生USDT", CloseType.LIQUIDATION)
    assert [order.key for order in connected.page(request).orders] == [("币安人生USDT", 1)]
    (entry,) = connected.stats.log
    start, end = request.window.wire()
    assert entry[:5] == (str(start), str(end), "币安人生USDT", "LIQUIDATION", "50")
    assert connected.client.spent() == (1, 20)
    connected.page()
    assert connected.client.spent() == (2, 70)
    assert connected.stats.weight == 70


@pytest.mark.parametrize("offset", [-DAY, 0, DAY])
def test_the_clock_is_the_exchange_s(offset: int, connect: Connecting) -> None:
    connected = connect(switches={"clock_offset_ms": offset})
    connected.client.set_clock()
    assert abs(connected.clock.now() - local_now() - offset) < MINUTE
    assert connected.client.spent() == (1, 1)


NOON = NOW // MINUTE * MINUTE + MINUTE // 2 - HOUR
"""The middle of a minute, whose headers surely belong to it; far from the machine's clock, which dated them before."""


def test_what_others_use_is_learned_from_the_header(connect: Connecting) -> None:
    connected = connect(switches={"weight_without_symbol": 2_390, "clock_at_ms": NOON})
    connected.client.set_clock()
    page = connected.page()
    assert connected.budget.delay(9, page.received_at) > 0
    assert connected.budget.delay(60, page.received_at + MINUTE) > 0, "and expected in the next minute"
    assert connected.budget.delay(850, page.received_at + 2 * MINUTE) == 0


def test_samples_of_other_traffic_are_dropped_when_a_wrong_clock_is_set(connect: Connecting) -> None:
    connected = connect(switches={"others_weight": 4_600, "clock_at_ms": NOON})
    connected.clock.set(NOON - 10 * SECOND)
    connected.client.set_clock()
    assert connected.budget.delay(850, connected.clock.now()) == 0
    connected.client.set_clock()
    assert connected.budget.delay(60, connected.clock.now()) > 0


@contextmanager
def boasting(used: str) -> Iterator[str]:
    """The address of an exchange that tells its time once and claims that so much weight is used."""

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1 << 16)
            connection.sendall(f"{head}\r\n\r\n{body}".encode())

    body = f'{{"serverTime": {local_now()}}}'
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\nX-MBX-USED-WEIGHT-1M: {used}"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        answering = Thread(target=answer)
        answering.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        answering.join()


@pytest.mark.parametrize("used", ["9" * 10, "9" * 5_000, "-1", "many", ""])
def test_a_header_with_an_absurd_weight_is_ignored(used: str, connect: Connecting) -> None:
    with boasting(used) as url:
        connected = connect(url=url)
        connected.client.set_clock()
    assert connected.budget.delay(800, connected.clock.now()) == 0


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        (-4165, Refusal.TOO_WIDE),
        (-1127, Refusal.TOO_WIDE),
        (-4166, Refusal.BEYOND_RETENTION),
        (-1121, Refusal.UNKNOWN_SYMBOL),
        (-1122, Refusal.UNKNOWN_SYMBOL),
    ],
)
def test_a_refusal_that_says_how_to_ask_instead_is_an_answer(code: int, refusal: Refusal, connect: Connecting) -> None:
    connected = connect(Fault("code", code=code))
    assert connected.client.page(LAST_WEEK) is refusal
    assert connected.stats.requests == 1


@pytest.mark.parametrize(
    ("request_for", "refusal"),
    [
        (PageRequest(Window(NOW - 9 * DAY, NOW), 100), Refusal.TOO_WIDE),
        (PageRequest(Window(NOW - 95 * DAY, NOW - 94 * DAY), 100), Refusal.BEYOND_RETENTION),
        (PageRequest(LAST_WEEK.window, 100, "NOSUCHUSDT"), Refusal.UNKNOWN_SYMBOL),
    ],
)
def test_the_simulator_s_own_refusals_are_understood(
    request_for: PageRequest, refusal: Refusal, connect: Connecting
) -> None:
    assert connect().client.page(request_for) is refusal


def test_a_refusal_is_understood_however_long_its_message(connect: Connecting) -> None:
    assert connect(Fault("code", code=-1121, msg="x" * 5_000)).client.page(LAST_WEEK) is Refusal.UNKNOWN_SYMBOL


@pytest.mark.parametrize("code", ["true", "null", '"-1121"', "-1121.0", "[]"])
def test_what_is_no_whole_number_is_no_code(code: str, connect: Connecting) -> None:
    error = connect(Fault("status", status=400, body=f'{{"code": {code}, "msg": "no"}}')).failure()
    assert isinstance(error, TransientError)
    assert str(error) == ("something between here and the exchange answered, not the exchange itself (HTTP 400)")


@pytest.mark.parametrize(("key", "secret"), [(DEMO_KEY, "wrong"), ("X" * 64, DEMO_SECRET), ("short", DEMO_SECRET)])
def test_a_key_that_is_not_accepted_stops_at_once(key: str, secret: str, connect: Connecting) -> None:
    connected = connect(key=key, secret=secret)
    assert isinstance(connected.failure(), CredentialsError)
    assert connected.stats.requests == 1


def test_a_message_that_repeats_key_and_signature_is_cleaned(connect: Connecting) -> None:
    message = f"bad call /x?a=1&signature=abcdef by {DEMO_KEY}"
    error = connect(Fault("code", code=-1100, msg=message)).failure()
    assert "bad call /x?a=1&signature" in str(error)
    assert "abcdef" not in str(error)


def test_the_list_of_all_orders_gives_a_hint_where_the_forced_ones_lie(connect: Connecting) -> None:
    connected = connect()
    hint = connected.client.hint(LAST_WEEK.window)
    assert hint is not None
    assert hint.since == LAST_WEEK.window.start, "nothing was cut"
    assert sorted(hint.times) == sorted(order.order_time for order in connected.page().orders)
    assert connected.client.spent() == (2, 55)


def test_a_list_of_all_orders_that_demands_a_symbol_gives_no_hint(connect: Connecting) -> None:
    assert connect(switches={"all_orders_without_symbol": "-1102"}).client.hint(LAST_WEEK.window) is None


def test_the_names_of_all_symbols_are_read(connect: Connecting) -> None:
    connected = connect()
    names = connected.client.symbols()
    assert names is not None
    assert {"BTCUSDT", "币安人生USDT"} <= names
    assert connected.stats.by_path == {EXCHANGE_INFO: 1}


def test_one_request_tells_the_weight_limit_and_the_symbols(connect: Connecting) -> None:
    connected = connect(switches={"weight_limit": 700})
    assert connected.client.weight_limit() == 700
    assert connected.client.symbols()
    assert connected.client.weight_limit() == 700
    assert connected.stats.by_path == {EXCHANGE_INFO: 1}


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault(kind) for kind in ("object", "garbage", "reset", "ban", "throttle", "key", "redirect", "cut")),
        *(Fault("status", status=status) for status in (404, 403, 451, 500, 503)),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status}",
)
def test_an_exchange_that_does_not_tell_its_limit_is_no_error(fault: Fault, connect: Connecting) -> None:
    connected = connect(fault, attempts=9)
    assert connected.client.weight_limit() is None
    assert connected.stats.requests <= 2, "nobody waits long for it"


def test_the_limit_in_a_refusal_s_text_counts_at_once_and_is_kept(connect: Connecting) -> None:
    connected = connect(Fault("throttle", When(1, 1)), switches={"weight_limit": 700})
    assert "current limit of IP(127.0.0.1) is 700 requests per minute" in str(connected.failure())
    assert connected.budget.per_minute == 700, "of 2,400 that were chosen"
    assert connected.limiter.take_corrected_limit() == 700


@pytest.mark.parametrize("kind", ["object", "garbage", "reset"])
def test_symbols_that_cannot_be_had_are_none(kind: Any, connect: Connecting) -> None:
    assert connect(Fault(kind)).client.symbols() is None


def test_a_probe_s_request_is_sent_exactly_as_it_is(connect: Connecting) -> None:
    connected = connect()
    start, end = NOW - 3 * DAY, NOW - DAY
    page = connected.client.answer(ProbeRequest(start, end, 1, "BTCUSDT"), attempts=1)
    assert isinstance(page, Page)
    assert [order.symbol for order in page.orders] == ["BTCUSDT"]
    (entry,) = connected.stats.log
    assert entry[:5] == (str(start), str(end), "BTCUSDT", None, "1")


@pytest.mark.parametrize(
    ("code", "why"), [(-4165, Refusal.TOO_WIDE), (-4166, Refusal.BEYOND_RETENTION), (-1130, None), (-4999, None)]
)
def test_a_refusal_of_a_probe_s_request_is_an_answer_with_its_code(
    code: int, why: Refusal | None, connect: Connecting
) -> None:
    connected = connect(Fault("code", code=code))
    assert connected.client.answer(ProbeRequest(NOW - DAY, NOW, 101), attempts=3) == Refused(why, code)
    assert connected.stats.requests == 1


@pytest.mark.parametrize(("code", "kind"), [(-2015, CredentialsError), (-4109, RejectedError), (-1001, TransientError)])
def test_a_refusal_of_the_account_or_the_host_is_none(
    code: int, kind: type[ExchangeError], connect: Connecting
) -> None:
    connected = connect(Fault("code", code=code))
    with pytest.raises(kind) as refused:
        connected.client.answer(ProbeRequest(NOW - DAY, NOW, 1), attempts=1)
    assert refused.value.code == code
    assert connected.stats.requests == 1
