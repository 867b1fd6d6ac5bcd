"""One answer as a whole: how long it may take, how large it may be, whatever it is wrapped in."""

import gzip
import socket
import ssl
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from threading import Event, Thread

import pytest
import requests
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from etl.errors import ContractError, TransientError
from etl.exchange.transport import LARGEST_BODY, Transport
from etl.exchange.unreachable import no_response
from etl.simulator.faults import Fault
from etl.simulator.scenario import Scenario
from etl.simulator.server import Simulator

PING = "/fapi/v1/ping"
OK = b"HTTP/1.1 200 OK\r\n"
MIB = 1 << 20


def transport(url: str, read_timeout: float = 20) -> Transport:
    return Transport(url, "key", 5, read_timeout)


@contextmanager
def server(begins: bytes, drips: bytes = b"", tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of a server that begins an answer and then sends a byte every 20 ms, for ever."""
    over = Event()

    def answer() -> None:
        connection, _ = listening.accept()
        with suppress(OSError), tls.wrap_socket(connection, server_side=True) if tls else connection as speaking:
            speaking.recv(1 << 16)
            speaking.sendall(begins)
            while drips and not over.wait(0.02):
                speaking.sendall(drips)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        answering = Thread(target=answer)
        answering.start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{listening.getsockname()[1]}"
        over.set()
        answering.join()


def seconds_until_given_up(url: str) -> float:
    began = time.monotonic()
    with pytest.raises(TransientError, match=r"\Athe exchange at \S+ did not answer within 0\.3 s\Z"):
        transport(url, read_timeout=0.3).get(PING)
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("begins", "drips"),
    [
        (b"", b"x"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (OK + b"X-Endless: ", b"x"),
        (OK + b"Content-Length: 100000\r\n\r\n", b" "),
        (OK + b"\r\n", b" "),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"x"),
        (OK + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\0", b"x"),
    ],
    ids=["status", "continue", "head", "body", "unmeasured", "chunk size", "chunks", "trailer", "gzip without output"],
)
def test_an_answer_that_drips_is_given_up_after_the_time_of_a_whole_one(begins: bytes, drips: bytes) -> None:
    with server(begins, drips) as url:
        assert 0.2 < seconds_until_given_up(url) < 5


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 that our requests trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, secret = tmp_path / "certificate.pem", tmp_path / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    return context


def test_an_answer_that_drips_through_tls_is_given_up_as_well(tls: ssl.SSLContext) -> None:
    with server(OK + b"Content-Length: 100000\r\n\r\n", b" ", tls) as url:
        assert 0.2 < seconds_until_given_up(url) < 5


def test_an_answer_through_tls_is_read(tls: ssl.SSLContext) -> None:
    with server(OK + b"Content-Length: 2\r\n\r\n[]", tls=tls) as url:
        assert transport(url).get(PING).body == b"[]"


def test_each_answer_of_a_connection_has_the_whole_time() -> None:
    with Simulator(Scenario(latency_ms=600), histories={"main": []}) as slow:
        patient = transport(slow.url, read_timeout=1.5)
        assert [patient.get(PING).status for _ in range(3)] == [200] * 3


def test_a_packed_answer_is_unpacked() -> None:
    packed = gzip.compress(b"[1,2]") + gzip.compress(b"[3]")
    with server(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed) as url:
        assert transport(url).get(PING).body == b"[1,2][3]"


@pytest.mark.parametrize("kind", ["huge", "gzip_bomb"])
def test_an_answer_below_the_largest_is_read_to_its_end(kind: str) -> None:
    with Simulator(histories={"main": []}, faults=[Fault(kind, mib=15)]) as large:  # type: ignore[arg-type]
        assert len(transport(large.url).get(PING).body) > 15 * MIB


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": partial(gzip.compress, compresslevel=1),
    "deflate": partial(zlib.compress, level=1),
}


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, deflate, gzip"])
def test_a_small_answer_that_unpacks_to_a_large_one_does_not_fill_the_memory(encoding: str) -> None:
    body = b" " * (128 * MIB)
    for packer in encoding.split(", "):
        body = PACKERS[packer](body)
    head = OK + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding.encode(), len(body))
    with server(head + body) as url:
        tracemalloc.start()
        try:
            with pytest.raises(ContractError, match="larger than 16 MiB"):
                transport(url).get(PING)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 2 * LARGEST_BODY


def test_the_body_of_a_redirect_is_not_unpacked_either() -> None:
    body = gzip.compress(gzip.compress(b" " * (266 * MIB)))
    assert len(body) < 1000
    head = b"HTTP/1.1 302 Found\r\nLocation: https://exchange.test/\r\nContent-Encoding: gzip, gzip\r\n"
    with server(head + b"Content-Length: %d\r\n\r\n" % len(body) + body) as url:
        tracemalloc.start()
        try:
            with pytest.raises(ContractError, match="larger than 16 MiB"):
                transport(url).get(PING)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 2 * LARGEST_BODY


VARIABLES = [written for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY") for written in (name, name.lower())]


@contextmanager
def listening_proxy() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a proxy that refuses everything, and what it was told."""
    told: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def listen() -> None:
            with suppress(OSError):
                while True:
                    with listening.accept()[0] as client:
                        told.append(client.recv(1 << 16))
                        client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

        Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", told
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("variable", VARIABLES)
def test_no_request_to_this_machine_goes_to_a_proxy(
    variable: str, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening_proxy() as (proxy, told):
        monkeypatch.setenv(variable, proxy)
        for context in (None, tls):
            with server(OK + b"Content-Length: 2\r\n\r\n[]", tls=context) as url:
                assert transport(url).get(f"{PING}?signature=signed").body == b"[]"
    assert told == []


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_proxy_learns_no_more_than_the_host(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain http to another host is not accepted as a setting; if it came so far, it would not go to a proxy."""
    with listening_proxy() as (proxy, told):
        monkeypatch.setenv(variable, proxy)
        for scheme in ("https", "http"):
            with pytest.raises(TransientError):
                transport(f"{scheme}://exchange.invalid", 1).get(f"{PING}?signature=signed")
    assert all(line.startswith(b"CONNECT exchange.invalid:443 ") for line in told)
    assert bool(told) == (variable.lower() != "http_proxy")
    assert b"signature" not in b"".join(told)


def said_of(url: str) -> str:
    with pytest.raises(TransientError) as failed:
        transport(url).get(f"{PING}?signature=signed")
    assert "signature=" not in str(failed.value)
    return str(failed.value).removeprefix("no connection to the exchange at ")


def test_what_the_network_did_is_said_with_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said_of("http://127.0.0.1:1") == "127.0.0.1:1: refused"
    assert said_of("https://[::1]:1").startswith("[::1]:1: ")

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert said_of("https://exchange.invalid") == (
        "exchange.invalid: unknown host name (Name or service not known): check it, and the DNS of this machine"
    )


def test_what_tls_did_is_said(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with server(OK, tls=tls) as url:
        assert ": the TLS certificate is not trusted (self-signed certificate): check " in (said := said_of(url))
        assert said.endswith("name the file with its CA certificate in REQUESTS_CA_BUNDLE")
    with server(b"220 mail ready\r\n") as url:
        assert ": TLS failed (" in said_of(url.replace("http:", "https:"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    assert "TLS CA certificate bundle, invalid path: /nowhere.pem" in said_of("https://127.0.0.1:1")


def test_a_connection_that_is_cut_is_said() -> None:
    with server(b"") as url:
        assert said_of(url).endswith(": closed without a response")


def test_a_connection_that_takes_too_long_is_said() -> None:
    slow = requests.ConnectTimeout(urllib3.exceptions.ConnectTimeoutError("slow"))
    said = no_response(slow, "https://exchange.test", None, (5, 30))
    assert said == "no connection to the exchange at exchange.test: timed out after 5 s"


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("http://user:pa55word@127.0.0.1:1", "the proxy 127.0.0.1:1: refused"),
        ("user:pa55word@127.0.0.1:1", "the proxy 127.0.0.1:1: the address cannot be read"),
        (
            "socks5://user:pa55word@127.0.0.1:1",
            "the proxy 127.0.0.1:1: this kind of proxy is not supported: for SOCKS run 'pip install pysocks'",
        ),
        ("http://user:pa55word@127.0.0.1:none", "the proxy with an unreadable address: the address cannot be read"),
    ],
)
def test_a_proxy_is_named_without_its_password(proxy: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    assert said_of("https://exchange.test") == f"exchange.test through {said}"


def test_a_proxy_that_refuses_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") as url:
        monkeypatch.setenv("HTTPS_PROXY", url)
        said = said_of("https://exchange.test")
    assert said.startswith("exchange.test through the proxy 127.0.0.1:")
    assert "407 Proxy Authentication Required" in said
