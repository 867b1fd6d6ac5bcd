"""Millions of rows more in a tool's own table: other symbols, far past times, nothing that a night asks for."""

import psycopg
from psycopg import sql

from benchmarks import nightly
from benchmarks.peers.verdict import plain

PAST = "1167609600000 + n * 300000"
FILLED = {
    "symbol": "'SYM' || n % 300",
    "orderid": "n",
    "time": PAST,
    "updatetime": PAST,
    "raw": "jsonb_build_object('orderId', n)",
    "dltid": "'filler' || n",
}
"""What a row has of its own, by the bare name of the column; all else it has of the table's first row."""
FILLER = """
    INSERT INTO {table} ({columns})
    SELECT {values} FROM (SELECT * FROM {table} LIMIT 1) AS one, generate_series(1::bigint, {rows}) AS n
"""


def fill(database_url: str, table: str) -> None:
    """As many rows as the nightly benchmark has, into its table or into another."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        if table == "force_orders":
            connection.execute(nightly.FILLER)
            connection.execute(nightly.WINDOWS)
        else:
            connection.execute(statement(connection, sql.Identifier(*table.split("."))))
        connection.execute("VACUUM ANALYZE")


def statement(connection: psycopg.Connection, table: sql.Identifier) -> sql.Composed:
    described = connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(table)).description
    names = [column.name for column in described or ()]
    filled = [FILLED.get(plain(name)) for name in names]
    values = [sql.SQL(one) if one else sql.Identifier("one", name) for one, name in zip(filled, names, strict=True)]
    return sql.SQL(FILLER).format(
        table=table,
        columns=sql.SQL(", ").join(map(sql.Identifier, names)),
        values=sql.SQL(", ").join(values),
        rows=sql.Literal(int(nightly.MILLIONS * 1_000_000)),
    )
