"""Addresses to listen at, as they are typed."""

import pytest

from etl.errors import ConfigError
from etl.monitoring.address import Address, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9464", Address("127.0.0.1", 9464)),
        ("0", Address("127.0.0.1", 0)),
        (" 9464\n", Address("127.0.0.1", 9464)),
        ("192.0.2.7:9464", Address("192.0.2.7", 9464)),
        ("localhost:65535", Address("localhost", 65_535)),
        ("metrics.force-orders.svc:1", Address("metrics.force-orders.svc", 1)),
        ("[::1]:9464", Address("::1", 9464)),
        ("[::]:0", Address("::", 0)),
        ("[0:0::1]:9464", Address("::1", 9464)),
    ],
)
def test_a_port_is_this_machine_s_unless_a_host_is_named(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        ":9464",
        "localhost",
        "localhost:",
        "localhost:http",
        "localhost:65536",
        "localhost:-1",
        "localhost:٣٤",
        "a b:9464",
        "a..b:9464",
        f"{'a' * 64}:9464",
        "[]:9464",
        "[localhost]:9464",
        "[::1]",
        "::1:9464",
        "[::1]]:9464",
        "http://localhost:9464",
        "127.0.0.1:9464/metrics",
        "local\x1b[1mhost:9464",
        "9464\n9465",
    ],
)
def test_what_is_no_address_is_told_in_one_line_with_what_is_one(text: str) -> None:
    with pytest.raises(ConfigError, match="write PORT or HOST:PORT") as refused:
        parse_address(text)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("text", ["127.0.0.1:9464", "[::1]:9464", "localhost:0"])
def test_an_address_reads_as_it_is_typed(text: str) -> None:
    assert str(parse_address(text)) == text
