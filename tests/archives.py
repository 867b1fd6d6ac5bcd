"""Archive files made by tests, as the exchange gives them."""

import gzip
import io
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

ASKED = (
    "Uid,Time(UTC),Symbol,Type,Side,Position Side,Price,Average Price,Amount,Executed Amount,Executed Quote Amount,"
    "Stop Price,Status,Client Order Id,Time In Force,Activate Price,Price Rate,Update Time,Order No"
)
WEB = (
    "Uid,Time,Order No,Symbol,Type,Side,Price,Average Price,Amount,Executed Amount,Executed Quote Amount,Stop Price,"
    "Status,Update Time"
)
UID = "167857164"


def at(time: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """An instant as a file has it: without its milliseconds."""
    return datetime.fromtimestamp(time // 1000, UTC).strftime(form)


def cells(order: Mapping[str, Any], **changes: str) -> dict[str, str]:
    """A row of the file for an order as the API sends it."""
    return {
        "Uid": UID,
        "Time(UTC)": at(order["time"]),
        "Symbol": order["symbol"],
        "Type": order["type"],
        "Side": order["side"],
        "Position Side": str(order["positionSide"]).capitalize(),
        "Price": str(order["price"]),
        "Average Price": str(order["avgPrice"]),
        "Amount": str(order["origQty"]),
        "Executed Amount": str(order["executedQty"]),
        "Executed Quote Amount": str(order["cumQuote"]),
        "Stop Price": str(order["stopPrice"]),
        "Status": order["status"],
        "Client Order Id": order["clientOrderId"],
        "Time In Force": order["timeInForce"],
        "Activate Price": "0",
        "Price Rate": "0.0",
        "Update Time": at(order["updateTime"]),
        "Order No": str(order["orderId"]),
    } | changes


def own_cells(time: int, order_id: int = 5, **changes: str) -> dict[str, str]:
    """A row for an order of the account's own."""
    order = {"time": time, "updateTime": time, "symbol": "BTCUSDT", "orderId": order_id, "clientOrderId": "web_1"}
    words = {"type": "LIMIT", "side": "BUY", "positionSide": "BOTH", "status": "FILLED", "timeInForce": "GTC"}
    numbers = dict.fromkeys(("price", "avgPrice", "origQty", "executedQty", "cumQuote", "stopPrice"), "1")
    return cells(order | words | numbers, **changes)


def text(rows: Iterable[Mapping[str, str]], header: str = ASKED, end: str = "\r\n") -> str:
    """The whole file, with a byte order mark."""
    names = header.split(",")
    return "\ufeff" + "".join(line + end for line in [header, *(",".join(row[name] for name in names) for row in rows)])


def web_cells(row: Mapping[str, str], **changes: str) -> dict[str, str]:
    """The same order as the web page's file has it."""
    return dict(row) | {"Time": row["Time(UTC)"]} | changes


def zipped(content: str, name: str = "part-00000.csv") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def gzipped(content: str) -> bytes:
    return gzip.compress(content.encode())
