"""Force orders with the exchange's official SDK and psycopg: the loop that most people write.

`python sdk_orders.py BASE_URL DATABASE_URL SINCE_MS UNTIL_MS KEY SECRET` leaves the table `sdk_orders`. A week at a
time, page after page, each from the millisecond after the last row: what shares that row's millisecond is skipped.
"""

import sys
from typing import Any

import psycopg
from binance_common.configuration import ConfigurationRestAPI
from binance_sdk_derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
from psycopg.types.json import Jsonb

WEEK_MS = 7 * 86_400_000
PAGE = 100
TYPES = {
    **dict.fromkeys(("symbol", "status", "clientOrderId", "timeInForce", "type", "side", "positionSide"), "text"),
    **dict.fromkeys(("workingType", "origType", "pair"), "text"),
    **dict.fromkeys(("orderId", "time", "updateTime"), "bigint"),
    **dict.fromkeys(("price", "avgPrice", "stopPrice", "origQty", "executedQty", "cumQuote", "cumBase"), "numeric"),
    **dict.fromkeys(("reduceOnly", "closePosition"), "boolean"),
}
TYPED = ", ".join(f'"{name}" {kind}' for name, kind in TYPES.items())
CHANGES = ", ".join(f'"{name}" = excluded."{name}"' for name in (*TYPES, "raw"))
TABLE = f'CREATE TABLE IF NOT EXISTS sdk_orders ({TYPED}, raw jsonb, PRIMARY KEY (symbol, "orderId"))'
UPSERT = f"""
    INSERT INTO sdk_orders VALUES ({", ".join(["%s"] * (len(TYPES) + 1))})
        ON CONFLICT (symbol, "orderId") DO UPDATE SET {CHANGES}
"""


def main(base_url: str, database_url: str, since: int, until: int, key: str, secret: str) -> None:
    settings = ConfigurationRestAPI(key, secret, base_path=base_url)
    client = DerivativesTradingUsdsFutures(config_rest_api=settings).rest_api
    with psycopg.connect(database_url) as connection:
        connection.execute(TABLE)
        for start in range(since, until, WEEK_MS):
            copy_window(client, connection, start, min(start + WEEK_MS, until) - 1)


def copy_window(client: Any, connection: psycopg.Connection[Any], start: int, end: int) -> None:
    while start < end:
        rows = [row.to_dict() for row in client.users_force_orders(start_time=start, end_time=end, limit=PAGE).data()]
        with connection.cursor() as cursor:
            cursor.executemany(UPSERT, [[*(row.get(name) for name in TYPES), Jsonb(row)] for row in rows])
        connection.commit()
        if len(rows) < PAGE:
            return
        start = rows[-1]["time"] + 1


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5], sys.argv[6])
