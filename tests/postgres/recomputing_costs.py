"""What report_costs must say, worked out again from fills, fees and what of them is known: without SQL."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.postgres.recomputing import KEY, PAUSE, History, Row, day_of, holds, total


def costs(history: History, orders: Sequence[Row], now: datetime) -> list[Row]:
    found = [row for o in orders for row in _costs_of(history, o, now)]
    trades = {(f["account"], f["market"], f["symbol"], f["trade_id"]) for f in history.fills}
    for fee in history.income:
        if (fee["account"], fee["market"], fee["symbol"], fee["trade_id"]) in trades:
            continue
        near = [
            (abs(o["order_time"] - fee["time"]), o["order_time"])
            for o in orders
            if (o["account"], o["market"], o["symbol"]) == (fee["account"], fee["market"], fee["symbol"])
        ]
        at = min((at for apart, at in near if apart <= PAUSE), key=lambda at: (abs(at - fee["time"]), at), default=None)
        found.append(
            {name: fee[name] for name in ("account", "market", "symbol", "asset")}
            | {"order_id": None, "close_type": "LIQUIDATION", "order_time": at, "booked_at": fee["time"]}
            | {"day": day_of(at or fee["time"]), "realized_pnl": None, "commission": None}
            | {"clearance_fee": fee["amount"], "total": fee["amount"]}
            | {"is_attributed": at is not None, "is_complete": at is not None}
            | {"incomplete_because": None if at else "no force order of this symbol within a minute"}
        )
    return found


def _costs_of(history: History, o: Row, now: datetime) -> Iterator[Row]:
    key = tuple(o[name] for name in KEY)
    fills = [f for f in history.fills if tuple(f[name] for name in KEY) == key]
    moved: dict[str | None, dict[str, list[Decimal]]] = defaultdict(lambda: defaultdict(list))
    for f in fills:
        moved[o["margin_asset"]]["realized_pnl"].append(f["realized_pnl"])
        moved[f["commission_asset"]]["commission"].append(-f["commission"])
        for fee in history.income:
            if all(fee[name] == f[name] for name in ("account", "market", "symbol", "trade_id")):
                moved[fee["asset"]]["clearance_fee"].append(fee["amount"])
    of_fills = _missing_fills(history, o, key, now)
    of_fees = None
    if o["close_type"] not in ("ADL", "SETTLEMENT") and o["market"] != "margin":
        booked = o["order_time"], o["update_time"] + PAUSE + timedelta(microseconds=1)
        if not holds(history.fees_proven.get((o["account"], o["market"]), []), booked):
            of_fees = "clearance fees not proven"
    reasons = [*([f"fills {of_fills}"] if of_fills else []), *([of_fees] if of_fees else [])]
    for asset, kinds in moved.items() or {o["margin_asset"]: {}}.items():
        amounts = {name: total(kinds.get(name, [])) for name in ("realized_pnl", "commission", "clearance_fee")}
        shown: dict[str, Decimal | None] = {"total": total(amounts.values())}
        shown |= {name: amounts[name] for name in amounts}
        for name in ("realized_pnl", "commission"):
            shown[name] = Decimal(0) if shown[name] is None and not of_fills else shown[name]
        if shown["clearance_fee"] is None and not of_fees:
            shown["clearance_fee"] = Decimal(0)
        if shown["total"] is None and not reasons:
            shown["total"] = Decimal(0)
        yield (
            {name: o[name] for name in (*KEY, "close_type", "order_time")}
            | {"day": day_of(o["order_time"]), "asset": asset, "booked_at": o["order_time"], "is_attributed": False}
            | {"is_complete": not reasons, "incomplete_because": ", ".join(reasons) or None}
            | shown
        )


def _missing_fills(history: History, o: Row, key: tuple[Any, ...], now: datetime) -> str | None:
    if o["quantity_filled"] == 0 or key in history.checked:
        return None
    if o["quantity_filled"] is None or o["market"] == "margin":
        return "not available"
    return "beyond retention" if o["update_time"] < now - timedelta(days=90) else "not read"
