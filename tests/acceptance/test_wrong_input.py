"""Wrong input: one clear line and its exit code, and where that is possible not one request."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlencode

import psycopg
import pytest

from etl.simulator.accounts import DEMO_KEY
from tests.acceptance.endings import assert_one_line
from tests.acceptance.lab import Labs
from tests.command import Command

WRONG = {
    "no key": ([], {"BINANCE_API_KEY": "", "BINANCE_API_SECRET": ""}, ["BINANCE_API_KEY"]),
    "no secret": ([], {"BINANCE_API_SECRET": ""}, ["BINANCE_API_SECRET"]),
    "a key with spaces": ([], {"BINANCE_API_KEY": f" {DEMO_KEY}"}, ["BINANCE_API_KEY", "spaces"]),
    "a malformed base URL": ([], {"FORCE_ORDERS_BASE_URL": "fapi.binance.com"}, ["FORCE_ORDERS_BASE_URL"]),
    "plain http": ([], {"FORCE_ORDERS_BASE_URL": "http://fapi.binance.com"}, ["https://", "loopback"]),
    "a database of another kind": ([], {"FORCE_ORDERS_DATABASE_URL": "mysql://u:pa55word@h/d"}, ["postgresql://"]),
    "a malformed database URL": (
        [],
        {"FORCE_ORDERS_DATABASE_URL": "postgresql://u:pa55word@h:port:5/d"},
        ["postgresql://user:password@host"],
    ),
    "since after until": (["--since", "2026-09-02", "--until", "2026-09-01"], {}, ["--since", "--until"]),
    "since in the future": (["--since", "2099-01-01"], {}, ["--since", "future"]),
    "until in the future": (["--until", "2099-01-01T00:00Z"], {}, ["--until", "future"]),
    "a date that is none": (["--since", "yesterday"], {}, ["yesterday", "90d"]),
    "an unknown account": (["--account", "nobody"], {}, ["nobody"]),
    "a symbol that is none": (["--symbol", "BTC/USDT"], {}, ["BTC/USDT", "BTCUSDT"]),
    "a setting out of bounds": ([], {"FORCE_ORDERS_PAGE_LIMIT": "101"}, ["FORCE_ORDERS_PAGE_LIMIT", "100"]),
    "a window too wide": ([], {"FORCE_ORDERS_WINDOW_DAYS": "8"}, ["FORCE_ORDERS_WINDOW_DAYS", "7"]),
    "a setting that is no number": ([], {"FORCE_ORDERS_SETTLE_SECONDS": "ten"}, ["FORCE_ORDERS_SETTLE_SECONDS"]),
    "a settings file that is not there": ([], {"FORCE_ORDERS_CONFIG": "nowhere.toml"}, ["nowhere.toml"]),
    "an option that is none": (["--sinse", "90d"], {}, ["--sinse"]),
}


@pytest.mark.parametrize(("arguments", "environment", "words"), WRONG.values(), ids=WRONG.keys())
def test_wrong_settings_and_arguments_end_with_2_before_any_request(
    lab: Labs, arguments: list[str], environment: dict[str, str], words: list[str]
) -> None:
    wrong = lab(histories={"main": []})
    assert_one_line(wrong("backfill", *arguments, **environment), 2, *words)
    assert wrong.stats()["requests"] == 0


def test_an_unknown_key_in_the_settings_file_is_named(lab: Labs) -> None:
    wrong = lab(histories={"main": []})
    (wrong.command.directory / "force-orders.toml").write_text("weight_buget = 100\n")
    assert_one_line(wrong("backfill"), 2, "weight_buget", "force-orders.toml")


def test_a_symbol_that_the_exchange_does_not_know_leaves_nothing_behind(lab: Labs) -> None:
    wrong = lab()
    done = wrong("backfill", "--symbol", "NOSUCHUSDT", "--since", "3d")
    assert_one_line(done, 2, "NOSUCHUSDT")
    assert wrong.sql("SELECT * FROM watermarks") == []


def test_a_key_that_the_exchange_refuses_says_what_may_be_wrong(lab: Labs) -> None:
    refused = lab(histories={"main": []})
    assert_one_line(refused("backfill", BINANCE_API_KEY="x" * 64), 1, "-2015", "permission")
    done = refused("backfill", BINANCE_API_SECRET="y" * 64)
    assert_one_line(done, 1, "-1022", "secret")


def test_an_exchange_that_is_not_there_is_a_failure_and_said_so(lab: Labs) -> None:
    nowhere = lab(histories={"main": []})
    nowhere.simulator.stop()
    done = nowhere("backfill", FORCE_ORDERS_ATTEMPTS="1")
    assert_one_line(done, 1, f"no connection to the exchange at {nowhere.simulator.url[len('http://') :]}: refused")
    assert nowhere.last_run()["status"] == "failed"


def test_a_database_that_is_not_there_ends_with_5(lab: Labs) -> None:
    wrong = lab(histories={"main": []})
    nothing = "postgresql://user:pa55word@127.0.0.1:1/none"
    assert_one_line(wrong("backfill", FORCE_ORDERS_DATABASE_URL=nothing), 5, "database")
    missing = wrong.database_url.replace("/fo_", "/no_such_")
    assert_one_line(wrong("backfill", FORCE_ORDERS_DATABASE_URL=missing), 5, "does not exist")
    assert wrong.stats()["requests"] == 0


def test_a_database_without_our_tables_names_the_command_that_makes_them(lab: Labs, empty_database_url: str) -> None:
    wrong = lab(histories={"main": []})
    done = wrong("backfill", FORCE_ORDERS_DATABASE_URL=empty_database_url)
    assert_one_line(done, 5, "force-orders db upgrade")
    assert wrong("db", "upgrade", FORCE_ORDERS_DATABASE_URL=empty_database_url).returncode == 0
    assert wrong("backfill", FORCE_ORDERS_DATABASE_URL=empty_database_url).returncode == 0


def test_a_role_without_rights_ends_with_5(lab: Labs, database_url: str) -> None:
    wrong = lab(histories={"main": []})
    role = f"stranger_{os.getpid()}"
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'pa55word'")
        parameters = owner.info.get_parameters() | {"user": role, "password": "pa55word"}
    strangers = f"postgresql:///?{urlencode(parameters)}"
    try:
        assert_one_line(wrong("backfill", FORCE_ORDERS_DATABASE_URL=strangers), 5, "permission denied")
    finally:
        with psycopg.connect(database_url, autocommit=True) as owner:
            owner.execute(f"DROP ROLE {role}")


@pytest.fixture
def no_postgres() -> Iterator[int]:
    """A server that is no Postgres: it answers every connection with a line of text."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            while True:
                try:
                    accepted, _ = server.accept()
                except OSError:
                    return
                with accepted:
                    accepted.sendall(b"220 mail ready\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_server_that_is_no_postgres_ends_with_5(lab: Labs, no_postgres: int) -> None:
    wrong = lab(histories={"main": []})
    url = f"postgresql://user:pa55word@127.0.0.1:{no_postgres}/db?connect_timeout=5"
    assert_one_line(wrong("backfill", FORCE_ORDERS_DATABASE_URL=url), 5, "database")


def test_no_command_at_all_shows_the_help(command: Command) -> None:
    shown = command()
    assert "backfill" in shown.stdout + shown.stderr
