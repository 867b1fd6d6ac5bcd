"""Force orders with ccxt and psycopg: the unified `fetch_my_liquidations`, page after page, upserted by key.

`python ccxt_orders.py BASE_URL DATABASE_URL SINCE_MS UNTIL_MS KEY SECRET` leaves the table `ccxt_orders`. Two passes,
because it asks for liquidations unless it is told to ask for ADLs, and cannot ask for everything; the raw
`fapiPrivateGetForceOrders` could, but then ccxt does no more than sign. Its own rate limiter is off.
"""

import sys
from typing import Any

import ccxt
import psycopg
from psycopg.types.json import Jsonb

WEEK_MS = 7 * 86_400_000
PAGE = 100
TYPES = {
    **dict.fromkeys(("symbol", "status", "clientOrderId", "timeInForce", "type", "side", "positionSide"), "text"),
    **dict.fromkeys(("workingType", "origType"), "text"),
    **dict.fromkeys(("orderId", "time", "updateTime"), "bigint"),
    **dict.fromkeys(("price", "avgPrice", "stopPrice", "origQty", "executedQty", "cumQuote"), "numeric"),
    **dict.fromkeys(("reduceOnly", "closePosition"), "boolean"),
}
TYPED = ", ".join(f'"{name}" {kind}' for name, kind in TYPES.items())
CHANGES = ", ".join(f'"{name}" = excluded."{name}"' for name in (*TYPES, "raw"))
TABLE = f"""
    CREATE TABLE IF NOT EXISTS ccxt_orders
        ({TYPED}, "closeType" text, raw jsonb, PRIMARY KEY (symbol, "orderId"))
"""
UPSERT = f"""
    INSERT INTO ccxt_orders VALUES ({", ".join(["%s"] * (len(TYPES) + 2))})
        ON CONFLICT (symbol, "orderId") DO UPDATE SET {CHANGES}
     WHERE ccxt_orders."updateTime" < excluded."updateTime"
"""


def main(base_url: str, database_url: str, since: int, until: int, key: str, secret: str) -> None:
    exchange = connected(base_url, key, secret)
    with psycopg.connect(database_url) as connection:
        connection.execute(TABLE)
        connection.commit()
        for close_type in ("LIQUIDATION", "ADL"):
            for start in range(since, until, WEEK_MS):
                copy_window(exchange, connection, close_type, start, min(start + WEEK_MS, until) - 1)


def connected(base_url: str, key: str, secret: str) -> ccxt.binanceusdm:
    options = {"fetchMarkets": {"types": ["linear"]}, "fetchCurrencies": False}
    exchange = ccxt.binanceusdm({"apiKey": key, "secret": secret, "enableRateLimit": False, "options": options})
    for name in ("fapiPublic", "fapiPublicV2", "fapiPublicV3", "fapiPrivate", "fapiPrivateV2", "fapiPrivateV3"):
        exchange.urls["api"][name] = f"{base_url}/fapi/v1"
    return exchange


def copy_window(
    exchange: ccxt.binanceusdm, connection: psycopg.Connection[Any], close_type: str, start: int, end: int
) -> None:
    while True:
        page = exchange.fetch_my_liquidations(None, start, PAGE, {"until": end, "autoCloseType": close_type})
        rows = [one["info"] for one in page]
        with connection.cursor() as cursor:
            values = [[*(row.get(name) for name in TYPES), close_type, Jsonb(row)] for row in rows]
            cursor.executemany(UPSERT, values)
        connection.commit()
        if len(rows) < PAGE:
            return
        # not the last one's `timestamp`: ccxt sorts by the time of the update, the exchange selects by the order's own
        start = max(int(row["time"]) for row in rows)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5], sys.argv[6])
