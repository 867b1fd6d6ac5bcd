"""The exchange row of a random force order for a symbol and an instant, in the shape of each wallet."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from etl.simulator.instruments import ISOLATED_SYMBOLS, Instrument
from etl.simulator.mark_prices import level
from etl.simulator.scenario import RowShape

RowMaker = Callable[[Random, Instrument, int, int, RowShape], dict[str, Any]]
"""Makes a row: the source of chance, the instrument, the order id, the instant in milliseconds, the shape."""

ADL_SHARE = 0.10
SETTLEMENT_SHARE = 0.004
HEDGED_SHARE = 0.25  # of orders in hedge mode, whose positionSide is LONG or SHORT
ISOLATED_SHARE = 0.3  # of the margin orders of a pair that can be isolated
COIN = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class Draw:
    """What chance decides about one force order. Prices and quantities are exact."""

    side: str
    average: Decimal
    limit: Decimal
    quantity: Decimal
    executed: Decimal
    status: str
    client_order_id: str
    time_in_force: str
    position_side: str
    update_ms: int


def usdm_row(random: Random, instrument: Instrument, order_id: int, time_ms: int, shape: RowShape) -> dict[str, Any]:
    """One row of fapi with Binance's keys in Binance's order. Prices and quantities are decimal strings, exact.

    The shape changes which keys there are, and nothing else.
    """
    draw, decimals = _drawn(random, instrument, order_id, time_ms), instrument.price_decimals
    row: dict[str, Any] = {
        "orderId": order_id,
        "symbol": instrument.symbol,
        "pair": instrument.symbol,
        "status": draw.status,
        "clientOrderId": draw.client_order_id,
        "price": f"{draw.limit:.{decimals}f}",
        "avgPrice": f"{draw.average:.{max(5, decimals)}f}",
        "origQty": str(draw.quantity),
        "executedQty": str(draw.executed) if draw.executed else "0",
        "cumQuote": exact(draw.average * draw.executed),
        "cumBase": str(draw.executed) if draw.executed else "0",
        "timeInForce": draw.time_in_force,
        "type": "LIMIT",
        "reduceOnly": False,
        "closePosition": False,
        "side": draw.side,
        "positionSide": draw.position_side,
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "origType": "LIMIT",
        "time": time_ms,
        "updateTime": draw.update_ms,
    }
    if shape == "2025":
        del row["pair"], row["cumBase"]
    return _with_passing_keys(random, row)


def coinm_row(random: Random, instrument: Instrument, order_id: int, time_ms: int, shape: RowShape) -> dict[str, Any]:
    """One row of dapi: quantities are contracts, cumQuote is their worth in USD and cumBase the same in the coin."""
    draw, decimals = _drawn(random, instrument, order_id, time_ms), instrument.price_decimals
    worth = draw.executed * (instrument.contract_size or 1)
    row: dict[str, Any] = {
        "orderId": order_id,
        "symbol": instrument.symbol,
        "pair": instrument.symbol.partition("_")[0],
        "status": draw.status,
        "clientOrderId": draw.client_order_id,
        "price": f"{draw.limit:.{decimals}f}",
        "avgPrice": f"{draw.average:.{decimals}f}",
        "origQty": str(draw.quantity),
        "executedQty": str(draw.executed),
        "cumBase": exact((worth / draw.average).quantize(COIN)) if worth else "0",
        "cumQuote": exact(worth),
        "timeInForce": draw.time_in_force,
        "type": "LIMIT",
        "reduceOnly": False,
        "closePosition": False,
        "side": draw.side,
        "positionSide": draw.position_side,
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": "LIMIT",
        "time": time_ms,
        "updateTime": draw.update_ms,
        "goodTillDate": 0,
    }
    if shape == "2025":
        del row["cumQuote"], row["goodTillDate"]
    return row


def margin_row(random: Random, instrument: Instrument, order_id: int, time_ms: int, _shape: RowShape) -> dict[str, Any]:
    """One row of sapi: no status, no client order id and no time but the last. It has been the same for years."""
    draw = _drawn(random, instrument, order_id, time_ms)
    return {
        "avgPrice": f"{draw.average:.8f}",
        "executedQty": f"{draw.executed:.8f}",
        "orderId": order_id,
        "price": f"{draw.limit:.8f}",
        "qty": f"{draw.quantity:.8f}",
        "side": draw.side,
        "symbol": instrument.symbol,
        "timeInForce": "GTC",
        "isIsolated": instrument.symbol in ISOLATED_SYMBOLS and random.random() < ISOLATED_SHARE,
        "updatedTime": time_ms,
    }


def exact(value: Decimal) -> str:
    """A product as the exchange writes it: no exponent, no trailing zeros."""
    return f"{value.normalize():f}" if value else "0"


def _drawn(random: Random, instrument: Instrument, order_id: int, time_ms: int) -> Draw:
    kind = random.random()
    is_adl, is_settlement = kind < ADL_SHARE, ADL_SHARE <= kind < ADL_SHARE + SETTLEMENT_SHARE
    closes_long = random.random() < 0.6
    side = "BUY" if closes_long is is_adl else "SELL"  # an ADL order takes the other side of the liquidation
    average = Decimal(f"{level(instrument, time_ms) * random.uniform(0.995, 1.005):.{instrument.price_decimals}f}")
    # The limit of a liquidation is the bankruptcy price: worse than the market for the account. An ADL fills at it.
    room = Decimal(0) if is_adl else _bankruptcy_room(instrument, order_id)
    limit = average * (1 - room if side == "SELL" else 1 + room)
    quantity = _quantity(random, instrument)
    executed, status = _filled(random, quantity, instrument) if not is_adl else (quantity, "FILLED")
    return Draw(
        side=side,
        average=average if executed else Decimal(0),
        limit=limit,
        quantity=quantity,
        executed=executed,
        status=status,
        client_order_id=_client_order_id(random, time_ms, is_adl, is_settlement),
        time_in_force="GTC" if is_adl else "IOC",
        position_side=("LONG" if side == "SELL" else "SHORT") if random.random() < HEDGED_SHARE else "BOTH",
        update_ms=time_ms + random.choice((0, 0, 1, 2, 3, 5, 8, 12, 21, 43, 50)),
    )


def _bankruptcy_room(instrument: Instrument, order_id: int) -> Decimal:
    """How much worse than the fills the bankruptcy price is, as a share: mostly below 2 %, in known rows 0 to 0.6 %.

    It depends on the order alone, so that no other draw of a seed changes.
    """
    percent = Random(f"{instrument.symbol}/{order_id}").gammavariate(2.0, 0.35)
    return Decimal(f"{min(percent, 4.0) / 100:.6f}")


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


def _quantity(random: Random, instrument: Instrument) -> Decimal:
    worth = min(10 ** random.uniform(1.0, 4.3), 20_000)  # in the quote asset, or in USD
    step = Decimal(1).scaleb(-instrument.quantity_decimals)
    return max(Decimal(worth / (instrument.contract_size or instrument.price)).quantize(step), step)


def _filled(random: Random, quantity: Decimal, instrument: Instrument) -> tuple[Decimal, str]:
    """Executed quantity and status: a liquidation is IOC, so partly filled and then EXPIRED is normal."""
    chance = random.random()
    if chance < 0.80:
        return quantity, "FILLED"
    if chance < 0.86:
        return Decimal(0), "EXPIRED"
    part = (quantity * Decimal(random.randint(5, 95)) / 100).quantize(Decimal(1).scaleb(-instrument.quantity_decimals))
    return (part, "EXPIRED") if part < quantity else (quantity, "FILLED")  # the smallest quantities have no parts


def _client_order_id(random: Random, time_ms: int, is_adl: bool, is_settlement: bool) -> str:
    if is_adl:
        return "adl_autoclose"  # constant, so it identifies nothing
    number = f"{time_ms - random.randint(0, 5)}{random.randrange(1_000_000):06d}"
    return f"settlement_autoclose-{number}" if is_settlement else f"autoclose-{number}"
