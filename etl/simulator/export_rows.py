"""The rows of an order file: of the exchange's asynchronous export, and of its web page. Every value is a text."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Literal

from etl.simulator.instruments import coinm_instrument
from etl.simulator.ledger import ended_unfilled
from etl.simulator.orders import Order
from etl.simulator.rows import exact
from etl.simulator.scenario import Scenario

Row = dict[str, str]

AS_NEW: Row = {
    "Status": "NEW",
    "Average Price": "0",
    "Executed Amount": "0",
    "Executed Quote Amount": "0",
}
SPREADSHEET_SHOWS = 12  # digits, from which on it writes an exponent
SPREADSHEET_KEEPS = 15  # digits
UIDS = 900_000_000


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a kind of file, in their order, and the zone of its times. `is_web`: a file of the web page."""

    columns: tuple[str, ...]
    zone: timezone = UTC
    is_web: bool = False


ASYN = Layout(
    (
        *("Uid", "Time(UTC)", "Symbol", "Type", "Side", "Position Side", "Price", "Average Price", "Amount"),
        *("Executed Amount", "Executed Quote Amount", "Stop Price", "Status", "Client Order Id", "Time In Force"),
        *("Activate Price", "Price Rate", "Update Time", "Order No"),
    )
)
"""The export. Observed at USDⓈ-M; that of COIN-M is unknown and here the same."""


def web_layout(utc_offset_hours: int) -> Layout:
    """The file of the web page: local times, no client order id, no position side."""
    columns = (
        *("Uid", "Time", "Order No", "Symbol", "Type", "Side", "Price", "Average Price", "Amount", "Executed Amount"),
        *("Executed Quote Amount", "Stop Price", "Status", "Update Time"),
    )
    return Layout(columns, timezone(timedelta(hours=utc_offset_hours)), is_web=True)


def rows_of(orders: Iterable[Order], layout: Layout, account: str, scenario: Scenario) -> list[Row]:
    """The rows of some orders in their order, as a scenario shows them; an unreadable row of the simulator has none."""
    rows: list[Row] = []
    for order in orders:
        document = order.document()
        if not isinstance(document, dict) or not order.order_id:
            continue
        if not scenario.export_unfilled and ended_unfilled(document):
            continue
        row = _row(order, document, layout, scenario) | {"Uid": uid_of(account)}
        if scenario.export_states == "all":
            rows.append(row | AS_NEW | {"Update Time": row[layout.columns[1]]})
        rows.append(row)
    foreign = rows[-scenario.export_foreign_rows :] if scenario.export_foreign_rows else []
    for row in foreign:
        row["Uid"] = uid_of(f"{account}'s neighbour")
    return rows


def header_of(layout: Layout, scenario: Scenario) -> dict[str, str]:
    """The columns of a file by the names that its header gives them."""
    columns = {name: name for name in layout.columns}
    if scenario.export_header == "renamed":
        columns["Order No"] = "Order ID"
    return columns | ({"Strategy Id": "Strategy Id"} if scenario.export_header == "extra" else {})


def uid_of(account: str) -> str:
    """The number that the exchange knows an account by."""
    return str(100_000_000 + int.from_bytes(blake2b(account.encode(), digest_size=8).digest()) % UIDS)


def _row(order: Order, document: dict[str, Any], layout: Layout, scenario: Scenario) -> Row:
    created = _shown(order.time, layout)
    return {
        "Time": created,
        "Time(UTC)": created,
        "Symbol": order.symbol,
        "Type": _type(order, document, scenario.web_forced_type if layout.is_web else scenario.export_forced_type),
        "Side": str(document.get("side", "")),
        "Position Side": str(document.get("positionSide", "BOTH")).capitalize(),
        "Price": str(document.get("price", "0")),
        "Average Price": str(document.get("avgPrice", "0")),
        "Amount": str(document.get("origQty", "0")),
        "Executed Amount": str(document.get("executedQty", "0")),
        "Executed Quote Amount": str(document["cumQuote"] if "cumQuote" in document else _worth(order, document)),
        "Stop Price": str(document.get("stopPrice", "0")),
        "Status": str(document.get("status", "")),
        "Client Order Id": str(document.get("clientOrderId", "")),
        "Time In Force": str(document.get("timeInForce", "")),
        "Activate Price": "0",
        "Price Rate": "0.0",
        "Update Time": _shown(order.update_time, layout),
        "Order No": _spreadsheet(order.order_id, scenario.export_ids),
        "Strategy Id": "0",
    }


def _type(order: Order, document: dict[str, Any], of_liquidations: str) -> str:
    return of_liquidations if order.close_type == "LIQUIDATION" else str(document.get("type", ""))


def _worth(order: Order, document: dict[str, Any]) -> str:
    """What older rows of dapi do not say: contracts in USD."""
    executed = Decimal(str(document.get("executedQty", "0")))
    return exact(executed * (coinm_instrument(order.symbol).contract_size or 1))


def _shown(at_ms: int, layout: Layout) -> str:
    """An instant in a file: milliseconds are lost."""
    return datetime.fromtimestamp(at_ms // 1000, layout.zone).strftime("%Y-%m-%d %H:%M:%S")


def _spreadsheet(order_id: int, kept: Literal["exact", "exponent", "zeros"]) -> str:
    digits = str(order_id)
    if kept == "exponent" and len(digits) >= SPREADSHEET_SHOWS:
        return f"{Decimal(order_id):.5E}"
    lost = len(digits) - SPREADSHEET_KEEPS
    return digits if kept != "zeros" or lost <= 0 else digits[:-lost] + "0" * lost
