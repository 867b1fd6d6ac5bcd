"""The server that is scraped: whom it answers, how it ends, and what it leaves behind."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from etl.errors import ConfigError
from etl.monitoring.address import Address, parse_address
from etl.monitoring.server import serving
from tests.scraped import scrape, values

ANYWHERE = parse_address("0")


class Counting(Collector):
    """Tells how often it was asked. With `together` it answers none before so many ask at once."""

    def __init__(self, together: int = 1) -> None:
        self.asked = 0
        self._all_here = threading.Barrier(together, timeout=60)

    def collect(self) -> Iterator[Metric]:
        self.asked += 1
        self._all_here.wait()
        yield GaugeMetricFamily("asked", "How often.", value=self.asked)


class Held(Collector):
    """Says when it is asked, and answers when it is let go."""

    def __init__(self) -> None:
        self.asked, self.let_go = threading.Event(), threading.Event()

    def collect(self) -> Iterator[Metric]:
        self.asked.set()
        assert self.let_go.wait(20)
        yield GaugeMetricFamily("answered", "At last.", value=1)


def test_each_scrape_is_collected_anew() -> None:
    with serving(ANYWHERE, Counting()) as port:
        assert values(scrape(port)) == {"asked": {(): 1}}
        assert values(scrape(port)) == {"asked": {(): 2}}


def test_scrapes_at_once_do_not_wait_for_each_other() -> None:
    with serving(ANYWHERE, Counting(together=8)) as port, ThreadPoolExecutor(8) as scrapers:
        assert [*scrapers.map(lambda _: [*values(scrape(port))], range(8))] == [["asked"]] * 8


def test_a_scraper_may_ask_for_openmetrics() -> None:
    with serving(ANYWHERE, Counting()) as port:
        accepting = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
        answer = requests.get(f"http://127.0.0.1:{port}/metrics", headers=accepting, timeout=30)
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    families = text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]
    assert [family.name for family in families] == ["asked"]


def test_a_name_is_listened_at_and_so_is_an_address_of_ipv6() -> None:
    with serving(Address("localhost", 0), Counting()) as port:
        assert scrape(port)
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    with serving(parse_address("[::1]:0"), Counting()) as port:
        assert scrape(port, "[::1]")


def test_it_ends_with_its_block_and_leaves_no_thread_and_no_port() -> None:
    before = threading.enumerate()
    with serving(ANYWHERE, Counting()) as port:
        scrape(port)
    assert threading.enumerate() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    with serving(Address("127.0.0.1", port), Counting()) as again:
        assert again == port


def test_who_connects_and_says_nothing_does_not_keep_it_from_ending() -> None:
    before = threading.enumerate()
    with serving(ANYWHERE, Counting()) as port:
        silent = socket.create_connection(("127.0.0.1", port))
        half = socket.create_connection(("127.0.0.1", port))
        half.sendall(b"GET /metrics HTTP/1.1\r\nHost:")
        scrape(port)
        began = time.monotonic()
    assert time.monotonic() - began < 4
    assert threading.enumerate() == before
    silent.close()
    half.close()


def test_a_scrape_under_way_is_answered_before_the_end() -> None:
    def let_go_in_the_end() -> None:
        accepting.join()
        held.let_go.set()

    held = Held()
    with ThreadPoolExecutor(2) as beside:
        with serving(ANYWHERE, held) as port:
            (accepting,) = (thread for thread in threading.enumerate() if thread.name == "metrics")
            late = beside.submit(scrape, port)
            assert held.asked.wait(20)
            beside.submit(let_go_in_the_end)
        assert values(late.result()) == {"answered": {(): 1}}


def test_a_scraper_that_is_gone_is_no_reason_to_say_anything(capfd: pytest.CaptureFixture[str]) -> None:
    with serving(ANYWHERE, Counting()) as port:
        gone = socket.create_connection(("127.0.0.1", port))
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        gone.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        gone.close()
        scrape(port)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.1"])
def test_where_it_cannot_listen_that_is_told_in_one_line(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address(host, taken.getsockname()[1])
        with pytest.raises(ConfigError) as refused, serving(address, Counting()):
            pass
    assert str(refused.value).startswith(f"metrics cannot be served at {address}: ")
    assert not str(refused.value).endswith("None")
    assert "\n" not in str(refused.value)
