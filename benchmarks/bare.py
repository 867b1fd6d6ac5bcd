"""The floor under a nightly job: the imports of this stack, one signed GET, one guarded upsert.

`python -m benchmarks.bare BASE_URL DATABASE_URL KEY SECRET`. The first run creates the table.
"""

import hashlib
import hmac
import sys
import time

import psycopg
import requests
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert

WEEK_MS = 7 * 86_400_000


def main(base_url: str, database_url: str, key: str, secret: str) -> None:
    now = time.time_ns() // 1_000_000
    query = f"startTime={now - WEEK_MS + 1_000}&endTime={now}&limit=100&recvWindow=60000&timestamp={now}"
    signature = hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    answer = requests.get(
        f"{base_url}/fapi/v1/forceOrders?{query}&signature={signature}", headers={"X-MBX-APIKEY": key}, timeout=30
    )
    table = sa.Table(
        "bare_orders",
        sa.MetaData(),
        *(sa.Column(name, kind, primary_key=True) for name, kind in (("symbol", sa.Text), ("order_id", sa.BigInteger))),
        *(sa.Column(name, sa.Numeric) for name in ("update_time", "price", "avg_price", "orig_qty", "executed_qty")),
        sa.Column("raw", JSONB),
    )
    values = [
        {
            "symbol": row["symbol"],
            "order_id": row["orderId"],
            "update_time": row["updateTime"],
            "price": row["price"],
            "avg_price": row["avgPrice"],
            "orig_qty": row["origQty"],
            "executed_qty": row["executedQty"],
            "raw": row,
        }
        for row in answer.json()
    ]
    statement = insert(table)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["symbol", "order_id"],
        set_={column.name: new[column.name] for column in table.columns if not column.primary_key},
        where=new.update_time > table.c.update_time,
    )
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(database_url))
    with engine.begin() as connection:
        table.create(connection, checkfirst=True)
        if values:
            connection.execute(statement, values)


if __name__ == "__main__":
    main(*sys.argv[1:5])
