"""Histories from a file: a recording of the liquidation stream (CSV), or exchange rows (JSON)."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from etl.simulator.orders import Order, order_from_row, orders_from_json
from etl.simulator.rows import exact

FIRST_ID = 8_389_000_001  # arbitrary: the stream has no ids, so each symbol counts up from here


def replayed(path: Path) -> dict[str, list[Order]]:
    """The orders of a file by account. Raises ValueError, one line, for an unreadable file.

    `.csv`: the columns of recorded-liquidations.csv, for the account `main`. `.json`: an array of exchange rows for
    `main`, or an object {account: rows}.
    """
    text = path.read_text(encoding="utf-8")
    try:
        if path.suffix == ".csv":
            return {"main": [order_from_row(row) for row in recorded_rows(csv.DictReader(text.splitlines()))]}
        document = json.loads(text)
        by_account = document if isinstance(document, dict) else {"main": document}
        return {name: orders_from_json(rows) for name, rows in by_account.items()}
    except KeyError as error:
        raise ValueError(f"{path} has no column {error}") from None
    except (ValueError, ArithmeticError) as error:
        raise ValueError(f"{path} is no history: {error}") from None


def recorded_rows(records: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Recorded stream events as exchange rows; fields that the stream lacks are filled in."""
    ids: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    for record in records:
        symbol, time_ms = record["symbol"], int(record["trade_time_ms"])
        ids[symbol] += 1
        rows.append(_row(record, FIRST_ID + ids[symbol] - 1, f"autoclose-{time_ms}{len(rows):06d}"))
    return rows


def _row(record: Mapping[str, str], order_id: int, client_order_id: str) -> dict[str, Any]:
    executed = record["accumulated_filled_quantity"]
    return {
        "orderId": order_id,
        "symbol": record["symbol"],
        "status": record["order_status"],
        "clientOrderId": client_order_id,
        "price": record["price"],
        "avgPrice": record["average_price"],
        "origQty": record["original_quantity"],
        "executedQty": executed,
        "cumQuote": exact(Decimal(record["average_price"]) * Decimal(executed)),
        "timeInForce": record["time_in_force"],
        "type": record["order_type"],
        "reduceOnly": False,
        "closePosition": False,
        "side": record["side"],
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "origType": record["order_type"],
        "time": int(record["trade_time_ms"]),
        "updateTime": int(record["trade_time_ms"]),
    }


def latest_ms(histories: Mapping[str, Sequence[Order]]) -> int | None:
    """The time of the last order of all accounts, or None where there is no order."""
    return max((order.time for orders in histories.values() for order in orders), default=None)
