"""A database that was made without an encoding, as a server without a locale makes them."""

import os
from collections.abc import Callable

import psycopg
from psycopg import sql

from etl.simulator.server import Simulator
from tests.command import Command


def test_it_is_used_all_the_same(server_url: str, exchange: Callable[..., Simulator], command: Command) -> None:
    name = f"fo_ascii_{os.getpid()}"
    making = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'"
    asking = command.against(exchange(), server_url.replace("/postgres?", f"/{name}?"))
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL(making).format(sql.Identifier(name)))
        try:
            assert asking("db", "upgrade").returncode == 0
            done = asking("backfill", "--since", "20d")
            assert (done.returncode, done.stderr) == (0, "")
            shown = asking("db", "query", "SELECT DISTINCT symbol FROM force_orders")
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    assert "币安人生USDT" in shown.stdout
