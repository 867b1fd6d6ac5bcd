"""The exchange row of a random force order for a symbol and an instant."""

from decimal import Decimal
from math import sin
from random import Random
from typing import Any

from etl.simulator.markets import Market
from etl.simulator.scenario import DAY_MS, RowShape

ADL_SHARE = 0.10
SETTLEMENT_SHARE = 0.004
HEDGED_SHARE = 0.25  # of orders in hedge mode, whose positionSide is LONG or SHORT


def exchange_row(random: Random, market: Market, order_id: int, time_ms: int, shape: RowShape) -> dict[str, Any]:
    """One row with Binance's keys in Binance's order. Prices and quantities are decimal strings, exact.

    The shape changes which keys there are, and nothing else.
    """
    kind = random.random()
    is_adl, is_settlement = kind < ADL_SHARE, ADL_SHARE <= kind < ADL_SHARE + SETTLEMENT_SHARE
    closes_long = random.random() < 0.6
    side = "BUY" if closes_long is is_adl else "SELL"  # an ADL order takes the other side of the liquidation
    average = Decimal(f"{_level(market, time_ms) * random.uniform(0.995, 1.005):.{market.price_decimals}f}")
    # The limit of a liquidation is the bankruptcy price: worse than the market for the account.
    limit = average * Decimal("0.985" if side == "SELL" else "1.015")
    quantity = _quantity(random, market)
    executed, status = _filled(random, quantity, market) if not is_adl else (quantity, "FILLED")
    shown_average = average if executed else Decimal(0)
    row: dict[str, Any] = {
        "orderId": order_id,
        "symbol": market.symbol,
        "pair": market.symbol,
        "status": status,
        "clientOrderId": _client_order_id(random, time_ms, is_adl, is_settlement),
        "price": f"{limit:.{market.price_decimals}f}",
        "avgPrice": f"{shown_average:.{max(5, market.price_decimals)}f}",
        "origQty": str(quantity),
        "executedQty": str(executed) if executed else "0",
        "cumQuote": exact(shown_average * executed),
        "cumBase": str(executed) if executed else "0",
        "timeInForce": "GTC" if is_adl else "IOC",
        "type": "LIMIT",
        "reduceOnly": False,
        "closePosition": False,
        "side": side,
        "positionSide": ("LONG" if side == "SELL" else "SHORT") if random.random() < HEDGED_SHARE else "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "origType": "LIMIT",
        "time": time_ms,
        "updateTime": time_ms + random.choice((0, 0, 1, 2, 3, 5, 8, 12, 21, 43, 50)),
    }
    if shape == "2025":
        del row["pair"], row["cumBase"]
    return _with_passing_keys(random, row)


def exact(value: Decimal) -> str:
    """A product as the exchange writes it: no exponent, no trailing zeros."""
    return f"{value.normalize():f}" if value else "0"


def _with_passing_keys(random: Random, row: dict[str, Any]) -> dict[str, Any]:
    """Some rows have keys that others lack: the exchange added and removed keys over the years."""
    chance = random.random()
    if chance < 0.06:
        del row["workingType"], row["stopPrice"]
    elif chance < 0.16:
        row["priceProtect"] = False
    elif chance < 0.26:
        row |= {"priceMatch": "NONE", "selfTradePreventionMode": "NONE", "goodTillDate": 0}
    elif chance < 0.29:
        row |= {"pair": row["symbol"], "priceProtect": False}
    return row


def _level(market: Market, time_ms: int) -> float:
    """The market price around an instant: slow waves that depend on the instant only."""
    day = time_ms / DAY_MS
    phase = len(market.symbol) + market.price_decimals
    return market.price * (1 + 0.12 * sin(day / 17 + phase) + 0.04 * sin(day * 1.9 + 2 * phase))


def _quantity(random: Random, market: Market) -> Decimal:
    worth = min(10 ** random.uniform(1.0, 4.3), 20_000)  # in the quote asset
    step = Decimal(1).scaleb(-market.quantity_decimals)
    return max(Decimal(worth / market.price).quantize(step), step)


def _filled(random: Random, quantity: Decimal, market: Market) -> tuple[Decimal, str]:
    """Executed quantity and status: a liquidation is IOC, so partly filled and then EXPIRED is normal."""
    chance = random.random()
    if chance < 0.80:
        return quantity, "FILLED"
    if chance < 0.86:
        return Decimal(0), "EXPIRED"
    part = (quantity * Decimal(random.randint(5, 95)) / 100).quantize(Decimal(1).scaleb(-market.quantity_decimals))
    return min(part, quantity), "EXPIRED"


def _client_order_id(random: Random, time_ms: int, is_adl: bool, is_settlement: bool) -> str:
    if is_adl:
        return "adl_autoclose"  # constant, so it identifies nothing
    number = f"{time_ms - random.randint(0, 5)}{random.randrange(1_000_000):06d}"
    return f"settlement_autoclose-{number}" if is_settlement else f"autoclose-{number}"
