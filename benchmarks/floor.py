"""The floor under a backfill: signed GETs with a time cursor, COPY into a temporary table, one guarded ON CONFLICT.

No proof, no state, no retries, no settings: nobody should run this. `python -m benchmarks.floor BASE_URL DATABASE_URL
SINCE_MS UNTIL_MS KEY SECRET [PATH]`
"""

import hashlib
import hmac
import json
import sys
import time
from typing import Any

import psycopg
import requests

PATH = "/fapi/v1/forceOrders"
WEEK_MS = 7 * 86_400_000
TYPES = {
    **dict.fromkeys(("symbol", "status", "clientOrderId", "timeInForce", "type", "side", "positionSide"), "text"),
    **dict.fromkeys(("workingType", "origType", "pair"), "text"),
    **dict.fromkeys(("orderId", "time", "updateTime"), "bigint"),
    **dict.fromkeys(("price", "avgPrice", "stopPrice", "origQty", "executedQty", "cumQuote", "cumBase"), "numeric"),
    **dict.fromkeys(("reduceOnly", "closePosition"), "boolean"),
}
TYPED = ", ".join(f'"{name}" {kind}' for name, kind in TYPES.items())
CHANGES = ", ".join(f'"{name}" = excluded."{name}"' for name in (*TYPES, "raw"))
UPSERT = f"""
    INSERT INTO floor_orders SELECT * FROM staged ON CONFLICT (symbol, "orderId") DO UPDATE SET {CHANGES}
     WHERE floor_orders."updateTime" < excluded."updateTime"
"""


def main(base_url: str, database_url: str, since: int, until: int, key: str, secret: str, path: str = PATH) -> None:
    session = requests.Session()
    session.headers["X-MBX-APIKEY"] = key
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP TABLE IF EXISTS floor_orders")
        connection.execute(f'CREATE TABLE floor_orders ({TYPED}, raw jsonb, PRIMARY KEY (symbol, "orderId"))')
        connection.commit()
        for start in range(since, until, WEEK_MS):
            write(connection, read(session, f"{base_url}{path}", secret, start, min(start + WEEK_MS, until) - 1))


def read(session: requests.Session, endpoint: str, secret: str, start: int, end: int) -> list[dict[str, Any]]:
    found: dict[tuple[str, int], dict[str, Any]] = {}
    while True:
        query = f"startTime={start}&endTime={end}&limit=100&recvWindow=60000&timestamp={time.time_ns() // 1_000_000}"
        signature = hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        page = json.loads(session.get(f"{endpoint}?{query}&signature={signature}").content)
        found.update(((row["symbol"], row["orderId"]), row) for row in page)
        if len(page) < 100:
            return list(found.values())
        start = page[-1]["time"]


def write(connection: psycopg.Connection[Any], rows: list[dict[str, Any]]) -> None:
    connection.execute("CREATE TEMP TABLE staged (LIKE floor_orders) ON COMMIT DROP")
    with connection.cursor().copy("COPY staged FROM STDIN") as copy:
        for row in rows:
            copy.write_row([*(row.get(name) for name in TYPES), json.dumps(row)])
    connection.execute(UPSERT)
    connection.commit()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:])
