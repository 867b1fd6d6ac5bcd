"""Orders stored as a run stores them, and what the report views make of them."""

from typing import Any

from sqlalchemy import Connection, text

from etl.core.wallets import Wallet
from etl.runs.recorder import Received, Recorder
from tests.postgres.samples import ACCOUNT, page, row

MARKET = "usdm"


def write(connection: Connection, *rows: str, account: str = ACCOUNT, market: str = MARKET) -> None:
    """Store these rows as a run does, as orders of account and symbols that are known from then on."""
    Recorder(connection, 1, lambda: (1, 50)).commit([Received(Wallet(account, market), page(*rows), [])])


def found(connection: Connection, view: str, where: str = "true") -> list[dict[str, Any]]:
    """Rows of a view by its columns from left to right."""
    rows = connection.execute(text(f"SELECT * FROM {view} WHERE {where}")).mappings()
    return sorted((dict(one) for one in rows), key=lambda one: [str(value) for value in one.values()])


def at(instant: int, order_id: int = 1, **changes: Any) -> str:
    return row(**{"orderId": order_id, "time": instant, "updateTime": instant} | changes)
