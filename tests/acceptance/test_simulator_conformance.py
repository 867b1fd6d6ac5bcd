"""The simulator against clients that were written for Binance, and against bare sockets."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from etl.simulator.faults import Fault, When
from etl.simulator.history import Generated, Profile
from etl.simulator.messages import Request as SimulatorRequest
from etl.simulator.scenario import WEEK_MS, Scenario
from etl.simulator.server import Simulator
from etl.simulator.signatures import hmac_signature

HOUR_MS = 3_600_000
COMMAND = [sys.executable, "-m", "etl.simulator"]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    history = Generated(Profile("bursty", orders_a_day=6.0), "conformance", days=60)
    with Simulator(Scenario(), histories={"main": history}) as running:
        yield running


def get(url: str) -> Any:
    with urlopen(url, timeout=60) as answer:  # noqa: S310
        return json.load(answer)


def post(url: str, body: Any) -> Any:
    with urlopen(Request(url, json.dumps(body).encode()), timeout=60) as answer:  # noqa: S310
        return json.load(answer)


def history_of(simulator: Simulator, start_ms: int, end_ms: int) -> list[dict[str, Any]]:
    return [row for row in get(f"{simulator.url}/sim/history") if start_ms <= row["time"] <= end_ms]


def signed_target(**params: Any) -> str:
    payload = urlencode({**params, "timestamp": int(time.time() * 1000)})
    return f"/fapi/v1/forceOrders?{payload}&signature={hmac_signature(DEMO_SECRET, payload)}"


def windows() -> list[tuple[int, int]]:
    """Seven weeks up to an hour ago, each a millisecond short of seven days."""
    end_ms = int(time.time() * 1000) - HOUR_MS
    return [(end_ms - number * WEEK_MS, end_ms - (number - 1) * WEEK_MS - 1) for number in range(7, 0, -1)]


def test_the_official_sdk_reads_what_the_history_says(simulator: Simulator) -> None:
    sdk = pytest.importorskip("binance_sdk_derivatives_trading_usds_futures")
    from binance_common.configuration import ConfigurationRestAPI

    settings = ConfigurationRestAPI(DEMO_KEY, DEMO_SECRET, timeout=60_000, base_path=simulator.url, retries=0)
    client = sdk.DerivativesTradingUsdsFutures(config_rest_api=settings).rest_api
    seen = 0
    for start_ms, end_ms in windows():
        expected = history_of(simulator, start_ms, end_ms)[:100]
        answer = client.users_force_orders(start_time=start_ms, end_time=end_ms, limit=100)
        shown = [(row.to_dict(), _known_keys(row)) for row in answer.data()]
        for (row, keys), one in zip(shown, expected, strict=True):
            known = [name for name in one if name in keys]
            assert [(name, row[name]) for name in known] == [(name, one[name]) for name in known]
        seen += len(shown)
    assert seen > 100


def test_the_official_sdk_selects_by_symbol_and_close_type_and_understands_a_refusal(simulator: Simulator) -> None:
    sdk = pytest.importorskip("binance_sdk_derivatives_trading_usds_futures")
    from binance_common.configuration import ConfigurationRestAPI

    settings = ConfigurationRestAPI(DEMO_KEY, DEMO_SECRET, timeout=60_000, base_path=simulator.url, retries=0)
    client = sdk.DerivativesTradingUsdsFutures(config_rest_api=settings).rest_api
    start_ms, end_ms = windows()[-1]
    post(f"{simulator.url}/sim/orders", [_adl("币安人生USDT", end_ms - 5), _adl("BTCUSDT", end_ms - 4)])
    answer = client.users_force_orders("币安人生USDT", "ADL", start_ms, end_ms, 100)
    rows = [row for row in history_of(simulator, start_ms, end_ms) if row["symbol"] == "币安人生USDT"]
    assert [one.order_id for one in answer.data()] == [
        row["orderId"] for row in rows if row["clientOrderId"] == "adl_autoclose"
    ]
    with pytest.raises(sdk.BadRequestError, match="Maximum time interval is 7 days"):
        client.users_force_orders(start_time=start_ms - WEEK_MS, end_time=end_ms)


def _known_keys(model: Any) -> set[str]:
    """The SDK leaves out what it does not know, such as priceMatch."""
    return {field.alias or name for name, field in type(model).model_fields.items()}


def _adl(symbol: str, time_ms: int) -> dict[str, Any]:
    return {"symbol": symbol, "orderId": 4, "clientOrderId": "adl_autoclose", "time": time_ms, "updateTime": time_ms}


def test_ccxt_reads_the_liquidations_of_the_history(simulator: Simulator) -> None:
    ccxt = pytest.importorskip("ccxt")
    options = {"fetchMarkets": {"types": ["linear"]}, "fetchCurrencies": False}
    client = ccxt.binanceusdm({"apiKey": DEMO_KEY, "secret": DEMO_SECRET, "options": options})
    client.enableRateLimit = False
    for name in ("fapiPublic", "fapiPublicV2", "fapiPublicV3", "fapiPrivate", "fapiPrivateV2", "fapiPrivateV3"):
        client.urls["api"][name] = f"{simulator.url}/fapi/v1"
    seen = 0
    try:
        for start_ms, end_ms in windows():
            orders = client.fetch_my_liquidations(None, start_ms, 100, {"until": end_ms})
            expected = [
                row for row in history_of(simulator, start_ms, end_ms) if row["clientOrderId"].startswith("autoclose-")
            ][:100]
            key = "orderId", "symbol", "avgPrice", "cumQuote"
            assert sorted(tuple(str(order["info"][name]) for name in key) for order in orders) == sorted(
                tuple(str(row[name]) for name in key) for row in expected
            )
            seen += len(orders)
    finally:
        client.session.close()
    assert seen > 100


def test_one_connection_carries_many_requests(simulator: Simulator) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=60)
    try:
        for _ in range(3):
            connection.request("GET", signed_target(limit=5), headers={"X-MBX-APIKEY": DEMO_KEY})
            local = connection.sock.getsockname()
            answer = connection.getresponse()
            assert len(json.load(answer)) <= 5
            assert connection.sock.getsockname() == local
    finally:
        connection.close()


def raw(simulator: Simulator, request: bytes) -> bytes:
    """Everything that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", simulator.port), timeout=60) as client:
        client.sendall(request)
        received = b""
        while chunk := client.recv(65536):
            received += chunk
        return received


PING = b"GET /fapi/v1/ping HTTP/1.1\r\nHost: x\r\n"


def test_pipelined_requests_are_answered_in_order_even_when_held_back(simulator: Simulator) -> None:
    post(f"{simulator.url}/sim/faults", [{"kind": "slow", "ms": 20, "at": 1}])
    received = raw(simulator, PING + b"\r\n" + PING.replace(b"ping", b"time") + b"Connection: close\r\n\r\n")
    assert received.index(b"{}") < received.index(b"serverTime")


def test_a_closed_connection_says_nothing(simulator: Simulator) -> None:
    post(f"{simulator.url}/sim/faults", [{"kind": "close"}])
    assert raw(simulator, PING + b"\r\n") == b""


def test_a_reset_connection_is_an_error(simulator: Simulator) -> None:
    post(f"{simulator.url}/sim/faults", [{"kind": "reset"}])
    with pytest.raises(ConnectionResetError):
        raw(simulator, PING + b"\r\n")


def test_a_cut_body_is_shorter_than_it_claims(simulator: Simulator) -> None:
    post(f"{simulator.url}/sim/faults", [{"kind": "cut"}])
    head, _, body = raw(simulator, PING.replace(b"ping", b"time") + b"\r\n").partition(b"\r\n\r\n")
    claimed = int(head.lower().split(b"content-length: ")[1].split()[0])
    assert 0 < len(body) < claimed


def test_a_hanging_server_never_answers(simulator: Simulator) -> None:
    post(f"{simulator.url}/sim/faults", [{"kind": "hang", "path": "/fapi/v1/ping"}])
    with socket.create_connection(("127.0.0.1", simulator.port)) as client:
        client.sendall(PING + b"\r\n" + PING.replace(b"ping", b"time") + b"\r\n")
        assert get(f"{simulator.url}/sim/stats")["statuses"] == {"hang": 1}
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(1)


def test_what_is_no_http_is_refused(simulator: Simulator) -> None:
    assert raw(simulator, b"hello\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert raw(simulator, b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 70_000).startswith(b"HTTP/1.1 400 ")


def test_a_simulator_can_start_with_faults_and_its_own_clock() -> None:
    with Simulator(histories={}, faults=[Fault("garbage", When(1, 1))], real_ms=lambda: 1_795_000_000_000.0) as running:
        with pytest.raises(ValueError, match="Expecting value"):
            get(f"{running.url}/fapi/v1/time")
        assert get(f"{running.url}/fapi/v1/time") == {"serverTime": 1_795_000_000_000}


def test_a_stopped_simulator_frees_its_port() -> None:
    with Simulator(histories={}) as first:
        port = first.port
    second = Simulator(histories={}, port=port)
    second.stop()
    assert second.port == port


def test_a_simulator_answers_without_its_socket_too() -> None:
    idle = Simulator(histories={})
    assert json.loads(idle.answer(SimulatorRequest("GET", "/sim/accounts")).body)[0]["key"] == DEMO_KEY
    idle.stop()


@pytest.fixture
def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("BINANCE_")}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_where_it_listens_and_ends_on_a_signal(
    number: signal.Signals, environment: dict[str, str]
) -> None:
    with subprocess.Popen(
        [*COMMAND, "--profile", "empty", "--verbose"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(4)]
        url = lines[1].removeprefix("export FORCE_ORDERS_BASE_URL=")
        assert lines[0].startswith(f"# force-orders simulator on {url}")
        assert lines[2:] == [f"export BINANCE_API_KEY={DEMO_KEY}", f"export BINANCE_API_SECRET={DEMO_SECRET}"]
        assert set(get(f"{url}/fapi/v1/time")) == {"serverTime"}
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "")
        assert err == "127.0.0.1 GET /fapi/v1/time 200\n"


def test_a_secret_that_was_given_is_not_printed(environment: dict[str, str]) -> None:
    given = environment | {"BINANCE_API_KEY": "k" * 64, "BINANCE_API_SECRET": "s" * 64}
    with subprocess.Popen([*COMMAND, "--profile", "empty"], env=given, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.terminate()
    assert "s" * 64 not in "".join(lines)


def test_a_port_in_use_is_one_line_and_exit_1(simulator: Simulator, environment: dict[str, str]) -> None:
    line = [*COMMAND, "--port", str(simulator.port)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert str(simulator.port) in done.stderr
