"""The fills of an order: prices and quantities whose sums are those of the order to the last digit."""

import json
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from etl.simulator.instruments import BNB, assets_of, coinm_instrument
from etl.simulator.mark_prices import level
from etl.simulator.markets import Market
from etl.simulator.orders import Order
from etl.simulator.rows import exact
from etl.simulator.scenario import RowShape

GREATEST_COUNT = 4  # fills of one order
FEE = Decimal("0.0005")  # of what a fill is worth, for a taker
EIGHT_PLACES = Decimal("0.00000001")
ORDERS_A_MS = 250_000  # of one symbol, that have trade ids of their own
SINCE_AUGUST_2026 = {"usdm": frozenset({"baseQty", "marginAsset", "pair"}), "coinm": frozenset({"quoteQty"})}
"""Keys of fapi and dapi that older rows, and those of papi, do not have."""


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade of the account. Amounts are exact; `quote` and `base` are what it is worth in either asset.

    `realized_pnl` is in the margin asset. `is_last`: of its order.
    """

    order: Order
    trade_id: int
    time: int
    side: str
    position_side: str
    price: Decimal
    quantity: Decimal
    quote: Decimal
    base: Decimal
    realized_pnl: Decimal
    commission: Decimal
    commission_asset: str
    margin_asset: str
    is_maker: bool
    is_last: bool

    @property
    def readable_from(self) -> int:
        """When the order with this fill exists."""
        return max(self.time, self.order.readable_from)

    def document(self, market: Market, shape: RowShape) -> dict[str, Any]:
        """The row as JSON, with the keys of its market in a shape."""
        row = {
            "symbol": self.order.symbol,
            "id": self.trade_id,
            "orderId": self.order.order_id,
            "pair": self.order.symbol.partition("_")[0],
            "side": self.side,
            "price": f"{self.price:f}",
            "qty": f"{self.quantity:f}",
            "realizedPnl": exact(self.realized_pnl),
            "marginAsset": self.margin_asset,
            "baseQty": exact(self.base),
            "quoteQty": exact(self.quote),
            "commission": exact(self.commission),
            "commissionAsset": self.commission_asset,
            "time": self.time,
            "positionSide": self.position_side,
            "buyer": self.side == "BUY",
            "maker": self.is_maker,
        }
        absent = SINCE_AUGUST_2026[market.wallet] if market.portfolio_margin or shape == "2025" else ()
        return {name: value for name, value in row.items() if name not in absent}


def fills_of(order: Order, market: Market, *, opens: bool = False, fee_in_bnb: bool = False) -> list[Fill]:
    """The fills of an order, oldest first; none of one that was not filled or whose numbers cannot be read.

    `opens`: it opens a position, which realizes nothing. `fee_in_bnb` holds for USDⓈ-M, the only market that has it.
    """
    row = json.loads(order.rendered)
    try:
        return _fills(order, row, market, opens, fee_in_bnb) if isinstance(row, dict) and order.order_id else []
    except (KeyError, TypeError, ArithmeticError, ValueError):
        return []


def _fills(order: Order, row: dict[str, Any], market: Market, opens: bool, fee_in_bnb: bool) -> list[Fill]:
    executed, average = Decimal(row["executedQty"]), Decimal(row["avgPrice"])
    if not (executed.is_finite() and average.is_finite() and executed > 0 and average > 0):
        return []
    random = Random(f"{order.symbol}/{order.order_id}")  # not by its time: a history may begin on any date
    step = _unit(executed)
    tick = min(_unit(Decimal(row.get("price", average))), _unit(average.normalize()))
    parts = _parts(random, int(executed / step), 5 if average > 5 * tick else 0)
    quantities = [count * step for count, _ in parts]
    prices = [average.normalize() + ticks * tick for _, ticks in parts]
    quotes, bases = _worth(row, market, executed, average, quantities, prices)
    first_ms, last_ms = sorted((order.time, order.update_time))
    times = sorted(random.randint(first_ms, last_ms) for _ in parts)
    is_linear, (base_asset, quote_asset) = market.wallet == "usdm", assets_of(order.symbol)
    margin_asset = quote_asset if is_linear else base_asset
    in_bnb = fee_in_bnb and is_linear
    fills = []
    each = zip(quantities, prices, quotes, bases, times, strict=True)
    for number, (quantity, price, quote, base, time) in enumerate(each):
        worth = quote if is_linear else base
        fee = worth * FEE / (Decimal(level(BNB, time)) if in_bnb else 1)
        gain = Decimal(0) if opens else worth * _return(random, order) / 10_000
        fills.append(
            Fill(
                order=order,
                trade_id=_trade_id(order, time, number),
                time=time,
                side=str(row.get("side", "SELL")),
                position_side=str(row.get("positionSide", "BOTH")),
                price=price,
                quantity=quantity,
                quote=quote,
                base=base,
                realized_pnl=gain.quantize(EIGHT_PLACES),
                commission=fee.quantize(EIGHT_PLACES),
                commission_asset="BNB" if in_bnb else margin_asset,
                margin_asset=margin_asset,
                is_maker=row.get("timeInForce") == "GTC" and random.random() < 0.5,
                is_last=number == len(parts) - 1,
            )
        )
    return fills


def _parts(random: Random, units: int, most_ticks: int) -> list[tuple[int, int]]:
    """Quantities in units, and how many ticks their prices lie above the average.

    Two equal quantities lie as far above as below, the others on it: so their worth adds up to that of the order.
    """
    count = min(random.randint(1, GREATEST_COUNT), units)
    if count == 1:
        return [(units, 0)]
    swing, ticks = random.randint(1, units // 2), random.randint(0, most_ticks)
    rest = units - 2 * swing
    between = random.randint(1, rest - 1) if count == GREATEST_COUNT and rest > 1 else rest
    middle = [(part, 0) for part in (between, rest - between) if part]
    return [(swing, ticks), *middle, (swing, -ticks)]


def _worth(
    row: dict[str, Any],
    market: Market,
    executed: Decimal,
    average: Decimal,
    quantities: list[Decimal],
    prices: list[Decimal],
) -> tuple[list[Decimal], list[Decimal]]:
    """What each fill is worth in the quote asset, and in the base asset."""
    if market.wallet == "usdm":
        total = Decimal(row.get("cumQuote", executed * average))
        quotes = [quantity * price for quantity, price in zip(quantities, prices, strict=True)]
        return (quotes if sum(quotes) == total else _shares(total, quantities)), quantities
    size = coinm_instrument(str(row["symbol"])).contract_size or 1
    total = Decimal(row.get("cumQuote", executed * size))
    bases = Decimal(row.get("cumBase", (total / average).quantize(EIGHT_PLACES)))
    return _shares(total, quantities), _shares(bases, quantities)


def _shares(total: Decimal, weights: list[Decimal]) -> list[Decimal]:
    """The total in proportion to the weights, to eight places and in sum exactly."""
    whole, reached, shares = sum(weights), Decimal(0), list[Decimal]()
    for number, _ in enumerate(weights[:-1], 1):
        share = (total * sum(weights[:number]) / whole).quantize(EIGHT_PLACES) - reached
        reached += share
        shares.append(share)
    return [*shares, total - reached]


def _return(random: Random, order: Order) -> int:
    """What was gained on a position in hundredths of a percent: a liquidation is a loss."""
    loss = -random.randint(50, 1200)
    return loss if order.close_type == "LIQUIDATION" or random.random() < 0.5 else -loss


def _trade_id(order: Order, time: int, number: int) -> int:
    # They count up with time, as the exchange's do, and do not change when another order becomes known.
    return (time * ORDERS_A_MS + order.order_id % ORDERS_A_MS) * GREATEST_COUNT + number


def _unit(number: Decimal) -> Decimal:
    """The unit of the last decimal place, at most 1."""
    return Decimal(1).scaleb(-_places(number))


def _places(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
