"""Whether what is proven under a name belongs to the host and key in use: every case."""

import pytest

from etl.core.identity import (
    Held,
    Outcome,
    Recognition,
    Remembered,
    conclude,
    host_of,
    is_loopback,
    recognize,
    shows,
)
from etl.core.orders import CloseType, Order
from etl.core.paging import Page

HOST, OTHER = "fapi.binance.com", "testnet.binancefuture.com"
HERE, RESTARTED = "127.0.0.1:8080", "127.0.0.1:9090"

NOTHING = Held(None, has_orders=False)
ORDERS = Held(None, has_orders=True)
PROOF = Held(1_000, has_orders=False)
BOTH = Held(1_000, has_orders=True)


def read_from(host: str, *, key: str = "same", checked: bool = True) -> Remembered:
    return Remembered(host, has_same_key=key == "same", is_checked=checked)


HOSTS = {
    "https://fapi.binance.com": "fapi.binance.com",
    "https://FAPI.Binance.com:443": "fapi.binance.com",
    "https://fapi.binance.com.": "fapi.binance.com",
    "https://fapi.binance.com:8443": "fapi.binance.com:8443",
    "https://proxy.example/Binance/": "proxy.example/Binance",
    "http://localhost:80": "localhost",
    "http://127.0.0.1:8080": "127.0.0.1:8080",
    "http://[0:0:0:0:0:0:0:1]:8080": "[::1]:8080",
    "http://[::1]": "[::1]",
}


@pytest.mark.parametrize(("base_url", "host"), HOSTS.items())
def test_a_host_is_written_in_one_way(base_url: str, host: str) -> None:
    assert host_of(base_url) == host


@pytest.mark.parametrize("host", ["localhost", "localhost:80", "127.0.0.1:8080", "127.8.9.1", "[::1]:8080", "[::1]/a"])
def test_this_machine_is_known_by_its_addresses(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["fapi.binance.com", "10.0.0.1:8080", "localhost.example", "[2001:db8::1]:80", ""])
def test_no_other_machine_is_taken_for_this_one(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("held", [NOTHING, ORDERS, PROOF, BOTH])
def test_the_host_and_key_that_are_remembered_may_be_used(held: Held) -> None:
    assert recognize(read_from(HOST), HOST, held) is Recognition.KNOWN


def test_a_key_that_could_not_be_checked_is_new_once_nothing_is_proven_any_more() -> None:
    unchecked = read_from(HOST, checked=False)
    assert recognize(unchecked, HOST, BOTH) is Recognition.KNOWN
    assert recognize(unchecked, HOST, ORDERS) is Recognition.NEW


@pytest.mark.parametrize("remembered", [None, read_from(OTHER), read_from(HOST, key="new"), read_from(HERE)])
def test_where_nothing_is_stored_any_host_and_key_may_be_used(remembered: Remembered | None) -> None:
    assert recognize(remembered, HOST, NOTHING) is Recognition.NEW


@pytest.mark.parametrize("key", ["same", "new"])
@pytest.mark.parametrize("held", [PROOF, BOTH])
@pytest.mark.parametrize(("former", "host"), [(OTHER, HOST), (HERE, HOST), (HOST, HERE), (HOST, f"{HOST}/proxy")])
def test_what_is_proven_at_one_host_says_nothing_of_another(former: str, host: str, held: Held, key: str) -> None:
    assert recognize(read_from(former, key=key), host, held) is Recognition.OTHER_HOST


UNCERTAIN = {
    "a new key": (read_from(HOST, key="new"), HOST, [ORDERS, PROOF, BOTH]),
    "a database that remembers nothing": (None, HOST, [ORDERS, PROOF, BOTH]),
    "another port of this machine": (read_from(HERE), RESTARTED, [ORDERS, PROOF, BOTH]),
    "another address of this machine": (read_from(HERE), "[::1]:8080", [ORDERS, PROOF, BOTH]),
    "another host, once nothing is proven": (read_from(OTHER), HOST, [ORDERS]),
}


@pytest.mark.parametrize(("remembered", "host", "cases"), UNCERTAIN.values(), ids=UNCERTAIN)
def test_everything_else_is_held_against_evidence(remembered: Remembered | None, host: str, cases: list[Held]) -> None:
    assert [recognize(remembered, host, held) for held in cases] == [Recognition.UNCERTAIN] * len(cases)


@pytest.mark.parametrize(("remembered", "host", "cases"), UNCERTAIN.values(), ids=UNCERTAIN)
def test_evidence_decides(remembered: Remembered | None, host: str, cases: list[Held]) -> None:
    for held in cases:
        assert conclude(True, remembered, host, held, 0) is Outcome.CONFIRMED
        assert conclude(False, remembered, host, held, 2_000) is Outcome.REFUSED


@pytest.mark.parametrize("remembered", [None, read_from(HOST, key="new")])
def test_without_evidence_a_new_key_may_be_used(remembered: Remembered | None) -> None:
    assert conclude(None, remembered, HOST, BOTH, 0) is Outcome.UNCHECKED


def test_without_evidence_another_host_may_be_used_only_where_nothing_is_proven() -> None:
    assert conclude(None, read_from(OTHER), HOST, BOTH, 2_000) is Outcome.REFUSED
    assert conclude(None, read_from(OTHER), HOST, ORDERS, 2_000) is Outcome.UNCHECKED


@pytest.mark.parametrize(
    ("held", "floor", "outcome"),
    [(BOTH, 999, Outcome.REFUSED), (BOTH, 1_000, Outcome.UNCHECKED), (ORDERS, 0, Outcome.UNCHECKED)],
)
def test_nor_another_port_of_this_machine_while_its_proof_would_leave_something_out(
    held: Held, floor: int, outcome: Outcome
) -> None:
    assert conclude(None, read_from(HERE), RESTARTED, held, floor) is outcome


def test_an_order_is_shown_only_with_its_own_symbol_id_and_time() -> None:
    order = Order("BTCUSDT", 1, 10, 20, CloseType.ADL, "{}")
    page = Page((order, order._replace(symbol="ETHUSDT")), (), 30)
    assert shows(page, [(("BTCUSDT", 7), 10), (("BTCUSDT", 1), 10)])
    assert not shows(page, [(("BTCUSDT", 2), 10), (("BTCUSDT", 1), 11), (("XRPUSDT", 1), 10)])
    assert not shows(Page((), (), 30), [(("BTCUSDT", 1), 10)])
