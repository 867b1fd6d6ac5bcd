"""What moved the balance of an account in one market: what fills realized and cost, clearance, funding, transfers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from random import Random
from typing import Any

from etl.simulator.fills import EIGHT_PLACES, Fill
from etl.simulator.instruments import assets_of
from etl.simulator.markets import Market
from etl.simulator.orders import Order
from etl.simulator.scenario import DAY_MS, Scenario

CLEARANCE = Decimal("0.003")  # of what a liquidation is worth
LEAST_CLEARANCE = Decimal("0.00012345")  # of one that was not filled
FUNDINGS_A_DAY = 3
TRANSFER_EVERY = 3  # days
REPEATED_EVERY = 5  # days: two transfers that cannot be distinguished


@dataclass(frozen=True, slots=True)
class Income:
    """One row; it names no order. `symbol` and `trade_id` may be empty. `readable_from`: when it exists.

    `source`: what its tranId is made of, unique with its kind; empty: the tranId is 0.
    """

    symbol: str
    kind: str
    amount: Decimal
    asset: str
    time: int
    readable_from: int
    trade_id: str
    source: str

    @property
    def tran_id(self) -> int:
        """A number below 2^62 that kind and source decide."""
        if not self.source:
            return 0
        return int.from_bytes(blake2b(f"{self.kind}/{self.source}".encode(), digest_size=8).digest()) >> 2

    def document(self, market: Market, scenario: Scenario) -> dict[str, Any]:
        """The row as JSON; fapi alone writes tranId as a number."""
        tran_id = 0 if scenario.income_tran_id == "0" else self.tran_id
        is_number = market.wallet == "usdm" and not market.portfolio_margin
        return {
            "symbol": self.symbol,
            "incomeType": self.kind,
            "income": f"{self.amount:.8f}",
            "asset": self.asset,
            "time": self.time,
            "info": self.kind,
            "tranId": tran_id if is_number else str(tran_id),
            "tradeId": self.trade_id,
        }


def of_fill(fill: Fill) -> Iterator[Income]:
    """What one fill realized, and its fee."""
    order, trade_id = fill.order, str(fill.trade_id)
    moved = (
        ("REALIZED_PNL", fill.realized_pnl, fill.margin_asset),
        ("COMMISSION", -fill.commission, fill.commission_asset),
    )
    for kind, amount, asset in moved:
        if amount:
            source = f"{order.symbol}/{trade_id}"
            yield Income(order.symbol, kind, amount, asset, fill.time, fill.readable_from, trade_id, source)


def of_liquidation(order: Order, fills: list[Fill], market: Market, *, names_trade: bool) -> Iterator[Income]:
    """The clearance of a liquidation that was filled, and of every other one that was not.

    `names_trade`: it has the id of the last fill.
    """
    if not order.order_id or (not fills and order.order_id % 2):
        return
    base, quote = assets_of(order.symbol)
    is_linear = market.wallet == "usdm"
    worth = sum((fill.quote if is_linear else fill.base for fill in fills), Decimal(0))
    amount = (worth * CLEARANCE).quantize(EIGHT_PLACES) or LEAST_CLEARANCE
    trade_id = str(fills[-1].trade_id) if fills and names_trade else ""
    at_ms = order.readable_from
    asset, source = quote if is_linear else base, f"{order.symbol}/{order.order_id}"
    yield Income(order.symbol, "INSURANCE_CLEAR", -amount, asset, at_ms, at_ms, trade_id, source)


def of_days(account: str, market: Market, days: Iterable[int], origin_ms: int) -> Iterator[Income]:
    """Funding fees and transfers of some days, which are counted from the origin."""
    for day in days:
        random = Random(f"{account}/{market.wallet}/income/{day}")
        yield from _fundings(random, account, market, origin_ms + day * DAY_MS)
        if day % TRANSFER_EVERY == 0:
            yield _transfer(random, account, market, origin_ms + day * DAY_MS)
        if day % REPEATED_EVERY == 0:
            repeated = _transfer(random, account, market, origin_ms + day * DAY_MS, is_numbered=False)
            yield from (repeated, repeated)


def _fundings(random: Random, account: str, market: Market, midnight_ms: int) -> Iterator[Income]:
    for number in range(FUNDINGS_A_DAY):
        symbol = random.choice(market.instruments).symbol
        at_ms = midnight_ms + number * DAY_MS // FUNDINGS_A_DAY
        amount = _amount(random, market, 20)
        yield Income(symbol, "FUNDING_FEE", amount, _asset(market, symbol), at_ms, at_ms, "", f"{account}/{at_ms}")


def _transfer(random: Random, account: str, market: Market, midnight_ms: int, is_numbered: bool = True) -> Income:
    at_ms = midnight_ms + random.randrange(DAY_MS)
    asset = _asset(market, market.instruments[0].symbol)
    source = f"{account}/{at_ms}" if is_numbered else ""
    return Income("", "TRANSFER", _amount(random, market, 5000), asset, at_ms, at_ms, "", source)


def _amount(random: Random, market: Market, most: int) -> Decimal:
    """Some amount of the margin asset, gained or lost, never 0."""
    scale = most if market.wallet == "usdm" else most / 50_000
    return random.choice((1, -1)) * (Decimal(scale * random.uniform(0.01, 1)).quantize(EIGHT_PLACES))


def _asset(market: Market, symbol: str) -> str:
    base, quote = assets_of(symbol)
    return quote if market.wallet == "usdm" else base
