"""Any way to write an address opens the same database; what goes wrong on the way is one line without the password."""

import socket
import struct
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from sqlalchemy import text

from etl.errors import ConfigError, StoreError
from etl.store import database, migrate, runs
from etl.store.engine import connection_to, engine_for, parse_url

PASSWORD = "hunter2-Xy"

FORMS: dict[str, Callable[[dict[str, str]], str]] = {
    "libpq": lambda to: "postgresql://{user}{password}@{host}:{port}/{dbname}",
    "libpq, short": lambda to: "postgres://{user}{password}@{host}:{port}/{dbname}",
    "SQLAlchemy": lambda to: "postgresql+psycopg://{user}{password}@{host}:{port}/{dbname}",
    "socket, as libpq": lambda to: "postgresql://{user}{password}@/{dbname}?host={host}&port={port}",
    "socket, as SQLAlchemy": lambda to: "postgresql+psycopg://{user}{password}@/{dbname}?host={host}&port={port}",
    "nothing but parameters": lambda to: "postgresql:///?" + urlencode(to),
    "two hosts": lambda to: "postgresql://{user}{password}@{host}:1,{host}:{port}/{dbname}",
}


@pytest.fixture(params=[*FORMS.values()], ids=[*FORMS])
def any_url(request: pytest.FixtureRequest, database_url: str) -> str:
    """The database of the test, written in one of the ways that a user may write it."""
    to = parse_url(database_url)
    parts = {name: quote(to.get(name, ""), safe="") for name in ("user", "host", "port", "dbname")}
    password = f":{quote(to['password'], safe='')}" if "password" in to else ""
    return str(request.param(to)).format(**parts, password=password)


def test_any_form_of_the_address_opens_the_database(any_url: str, database_url: str, tmp_path: Path) -> None:
    with database.open_database(any_url, tmp_path) as connection:
        assert connection.scalar(text("SELECT current_database()")) == parse_url(database_url)["dbname"]


def test_what_reads_libpq_addresses_can_read_ours(any_url: str, tmp_path: Path) -> None:
    with database.address(any_url, tmp_path) as url:
        assert url.partition(":")[0] in ("postgresql", "postgres")
        assert parse_url(url) == parse_url(any_url)


def test_the_server_sees_who_is_there(database_url: str) -> None:
    with connection_to(engine_for(database_url)) as connection:
        assert connection.scalar(text("SELECT current_setting('application_name')")) == "force-orders"


def test_an_engine_keeps_no_connection(database_url: str) -> None:
    engine, pid = engine_for(database_url), text("SELECT pg_backend_pid()")
    with engine.connect() as first, engine.connect() as second:
        at_once = {first.scalar(pid), second.scalar(pid)}
    with engine.connect() as later:
        assert later.scalar(pid) not in at_once


def test_a_block_that_fails_leaves_nothing_behind(database_url: str) -> None:
    with suppress(ZeroDivisionError), connection_to(engine_for(database_url)) as connection:
        runs.start(connection, "sync")
        raise ZeroDivisionError
    with connection_to(engine_for(database_url)) as connection:
        assert runs.last(connection) is None


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"postgresql://me:{PASSWORD}%zz@host/db", id="a stray percent sign"),
        pytest.param(f"postgresql://me:my {PASSWORD}@host/db", id="a space"),
        pytest.param(f"postgresql://me:{PASSWORD}@host/db?nonsense=1", id="an unknown parameter"),
        pytest.param(f"postgresql://me:{PASSWORD}@host/db?sslmode", id="a parameter without value"),
        pytest.param(f"postgresql://me:{PASSWORD}@[::1/db", id="half an IPv6 address"),
        pytest.param(f"me:{PASSWORD}@host/db", id="no scheme"),
        pytest.param(PASSWORD, id="no URL at all"),
    ],
)
def test_a_malformed_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match=r"the database URL (cannot be read|has the parameter)") as refused:
        parse_url(url)
    assert_discreet(refused.value)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("postgresql://me:{password}@127.0.0.1:{port}/db", "Connection refused", id="nothing listens"),
        pytest.param("postgresql://me:{password}@nowhere.invalid/db", "nowhere.invalid", id="no such host"),
        pytest.param("postgresql://me:{password}@/db?host=/nowhere", "No such file", id="no such socket"),
        pytest.param("postgresql://me:{password}@127.0.0.1:{port}/db?sslmode=odd", "sslmode", id="a wrong parameter"),
    ],
)
def test_a_server_that_is_not_there_is_one_line(url: str, reason: str) -> None:
    assert reason in failure(url.format(password=PASSWORD, port=closed_port()))


@pytest.mark.parametrize("wrong", [{"user": "nobody"}, {"dbname": "nowhere"}], ids=["role", "database"])
def test_a_wrong_name_is_one_line(database_url: str, wrong: dict[str, str]) -> None:
    said = failure("postgresql:///?" + urlencode(parse_url(database_url) | {"password": PASSWORD} | wrong))
    assert said.count("FATAL") == 1


@contextmanager
def answering(*replies: bytes) -> Iterator[str]:
    """The URL of a TCP server that answers each message of a client with the next of these, and then hangs up."""

    def serve() -> None:
        with suppress(ConnectionError), server.accept()[0] as client:
            for reply in replies:
                client.recv(4096)
                client.sendall(reply)
            client.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = server.getsockname()[1]
        yield f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/db?sslmode=disable&gssencmode=disable&connect_timeout=2"
        thread.join(10)


def message(kind: bytes, body: bytes) -> bytes:
    """A message of Postgres's protocol: https://www.postgresql.org/docs/current/protocol-message-formats.html"""
    return kind + struct.pack("!i", 4 + len(body)) + body


def error(code: str, said: str) -> bytes:
    fields = {"S": "FATAL", "V": "FATAL", "C": code, "M": said}
    return message(b"E", b"".join(f"{name}{value}\0".encode() for name, value in fields.items()) + b"\0")


ASK_PASSWORD = message(b"R", struct.pack("!i", 3))


def test_a_wrong_password_is_one_line() -> None:
    refusal = error("28P01", 'password authentication failed for user "me"')
    with answering(ASK_PASSWORD, refusal) as url:
        assert 'password authentication failed for user "me"' in failure(url)


@pytest.mark.parametrize(
    "replies",
    [
        pytest.param([b"HTTP/1.1 400 Bad Request\r\n\r\n"], id="a web server"),
        pytest.param([b"SSH-2.0-OpenSSH_9.2\r\n"], id="an ssh server"),
        pytest.param([], id="one that hangs up"),
    ],
)
def test_a_server_that_is_no_postgres_is_one_line(replies: list[bytes]) -> None:
    with answering(*replies) as url:
        failure(url)


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert "timeout" in failure(f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/db?connect_timeout=2")


def test_a_server_that_goes_away_is_one_line(database_url: str) -> None:
    def outlive_the_connection() -> None:
        with connection_to(engine_for(database_url)) as connection, connection_to(engine_for(database_url)) as other:
            pid = connection.scalar(text("SELECT pg_backend_pid()"))
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            connection.execute(text("SELECT 1"))

    with pytest.raises(StoreError) as failed:
        outlive_the_connection()
    assert_discreet(failed.value)


def test_a_server_that_is_too_old_is_refused(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.store.engine.OLDEST_POSTGRES", 99)
    assert failure(database_url).endswith("99 or newer is needed")


def test_a_database_that_is_read_only_is_one_line(empty_database_url: str) -> None:
    read_only = empty_database_url + ("&" if "?" in empty_database_url else "?")
    read_only += "options=-c%20default_transaction_read_only%3Don"
    with (
        pytest.raises(StoreError, match="in a read-only transaction"),
        connection_to(engine_for(read_only)) as connection,
    ):
        migrate.upgrade(connection)


def failure(url: str) -> str:
    """What is said of a database that cannot be used."""
    with pytest.raises(StoreError) as failed, connection_to(engine_for(url)):
        pass
    assert_discreet(failed.value)
    return str(failed.value)


def assert_discreet(error: Exception) -> None:
    """One line, and no password in it nor in what a traceback would show above it."""
    assert len(str(error).splitlines()) == 1
    assert PASSWORD not in "".join(traceback.format_exception_only(error))
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__


@pytest.mark.parametrize("rest", ["me:hun@ter2@127.0.0.1/db", "me:99999/ter2@127.0.0.1/db", "me@127.0.0.1:99999/db"])
def test_a_url_whose_password_was_not_escaped_is_refused_without_a_part_of_it(rest: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_url(f"postgresql://{rest}")
    assert "ter2" not in str(refused.value)
