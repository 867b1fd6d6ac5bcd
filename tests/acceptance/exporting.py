"""Orders to export, put into the table by hand, and the command that exports them without a key."""

from typing import Any

import psycopg
from psycopg import sql

from tests.command import Command

FORMATS = ["csv", "jsonl", "parquet"]

ORDER = {
    "account": "main",
    "market": "usdm",
    "symbol": "BTCUSDT",
    "order_id": 1,
    "status": "FILLED",
    "side": "SELL",
    "price": "100.50",
    "avg_price": "100.25",
    "orig_qty": "3.0",
    "executed_qty": "1.5",
    "cum_quote": "150.375",
    "close_type": "ADL",
    "order_time": "2026-09-01T00:00:00Z",
    "update_time": "2026-09-01T00:00:00.567Z",
    "raw": "{}",
    "first_seen_at": "2026-09-01T00:00:01Z",
    "changed_at": "2026-09-01T00:00:01Z",
    "first_run_id": 1,
    "last_run_id": 1,
}
"""An order as the table has it."""


def exporting(command: Command, database_url: str) -> Command:
    """The command with a database and nothing else: no key, no exchange."""
    return Command(command.directory, command.environment | {"FORCE_ORDERS_DATABASE_URL": database_url})


def put(database_url: str, times: int = 1, **changes: Any) -> None:
    """Into the table: an order like ORDER, but for what is said; or `times` of them, a second and an id apart."""
    row = ORDER | changes
    values = {name: sql.Literal(value) for name, value in row.items()} | {
        "order_id": sql.SQL("{}::bigint + n").format(row["order_id"]),
        "order_time": sql.SQL("{}::timestamptz + n * interval '1 second'").format(row["order_time"]),
    }
    statement = sql.SQL("INSERT INTO force_orders ({}) SELECT {} FROM generate_series(0, {}) AS n").format(
        sql.SQL(", ").join(map(sql.Identifier, values)), sql.SQL(", ").join(values.values()), times - 1
    )
    with psycopg.connect(database_url) as connection:
        connection.execute(statement)


def waits_for_a_lock(database_url: str) -> bool:
    """Whether a session of the database does."""
    with psycopg.connect(database_url) as looking:
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return looking.execute(waiting).fetchone() is not None


def elapse(database_url: str, seconds: int = 2) -> None:
    """As if so many seconds had passed since everything that is stored."""
    moments = {
        "force_orders": ["changed_at"],
        "force_order_revisions": ["valid_from", "valid_until"],
        "instruments": ["changed_at"],
        "export_marks": ["changed_until"],
    }
    with psycopg.connect(database_url) as connection:
        connection.execute("SET session_replication_role = replica")  # which keeps no revisions
        for table, names in moments.items():
            earlier = ", ".join(f"{name} = {name} - interval '{seconds} seconds'" for name in names)
            connection.execute(f"UPDATE {table} SET {earlier}".encode())
