"""What an account did in one market of futures: its orders, forced or not, their fills, and its income."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from etl.simulator import income
from etl.simulator.accounts import Account
from etl.simulator.book import Book
from etl.simulator.fills import Fill, fills_of
from etl.simulator.income import Income
from etl.simulator.markets import Market
from etl.simulator.orders import Order
from etl.simulator.own_orders import opens_position, own_orders
from etl.simulator.scenario import Scenario
from etl.simulator.timeline import Timeline

ENDED = frozenset({"CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"})


@dataclass(frozen=True, slots=True)
class Basis:
    """What a ledger was derived from: the same basis gives the same ledger. `last_day`: up to which it reaches."""

    scenario: Scenario
    account: Account
    changes: int
    last_day: int


@dataclass(frozen=True, slots=True)
class Owner:
    """What the owner of an account does by itself in one market, on days that are counted from an origin."""

    account: Account
    market: Market
    days: range
    origin_ms: int
    scenario: Scenario

    def orders(self) -> list[Order]:
        """The owner's orders that belong to this market: those of classic markets end with the switch."""
        found = own_orders(self.account.name, self.market, self.days, self.origin_ms, self.scenario)
        return [order for order in found if self._is_here(order.time)]

    def income(self) -> list[Income]:
        """Funding fees and transfers; none of an owner that does not trade."""
        if not self.scenario.own_orders_a_day:
            return []
        found = income.of_days(self.account.name, self.market, self.days, self.origin_ms)
        return [row for row in found if self._is_here(row.time)]

    def _is_here(self, at_ms: int) -> bool:
        if self.market.portfolio_margin and self.scenario.papi_shows_earlier:
            return True
        return self.account.in_portfolio_margin(at_ms) is self.market.portfolio_margin


def ended_unfilled(row: Any) -> bool:
    """Whether the order of a row ended without a fill."""
    ended = isinstance(row, dict) and str(row.get("status")) in ENDED
    return ended and not str(row.get("executedQty", "0")).strip("0.")


class Ledger:
    """Each part is derived when it is first asked for; fills of forced orders are taken over from the one before."""

    def __init__(
        self,
        basis: Basis,
        market: Market,
        owner: Owner,
        recorded: list[Order],
        unrecorded: list[Order],
        before: "Ledger | None" = None,
    ) -> None:
        self.basis = basis
        self._market = market
        self._owner = owner
        self._recorded = recorded
        self._unrecorded = unrecorded
        # By the identity of an order, which lives as long as its fills. Only the fee depends on the scenario.
        is_alike = before is not None and before.basis.scenario.fee_in_bnb == basis.scenario.fee_in_bnb
        self._known: dict[int, tuple[Order, list[Fill]]] = before._known if before is not None and is_alike else {}
        self._unfilled: dict[int, tuple[Order, bool]] = {}

    @cached_property
    def orders(self) -> Book:
        """All orders; of the same symbol and id the forced one."""
        return Book([*self._owner_orders, *self._recorded])

    @cached_property
    def fills(self) -> Timeline[Fill]:
        """The fills of all orders; trade ids count up with time."""
        return Timeline(sorted(self._all_fills(), key=lambda fill: (fill.trade_id, fill.order.symbol)))

    @cached_property
    def fills_by_symbol(self) -> dict[str, Timeline[Fill]]:
        """The fills of each symbol that has some."""
        grouped: dict[str, list[Fill]] = {}
        for fill in self.fills.rows:
            grouped.setdefault(fill.order.symbol, []).append(fill)
        return {symbol: Timeline(fills) for symbol, fills in grouped.items()}

    @cached_property
    def income(self) -> Timeline[Income]:
        """All that moved the balance."""
        return Timeline(self._all_income())

    def is_unfilled(self, order: Order) -> bool:
        """Whether an order ended without a fill."""
        known = self._unfilled.get(id(order))
        if known is None:
            known = self._unfilled[id(order)] = order, ended_unfilled(order.document())
        return known[1]

    @property
    def _scenario(self) -> Scenario:
        return self.basis.scenario

    @cached_property
    def _owner_orders(self) -> list[Order]:
        forced = {(order.symbol, order.order_id) for order in self._recorded}
        return [order for order in self._owner.orders() if (order.symbol, order.order_id) not in forced]

    def _all_fills(self) -> Iterator[Fill]:
        for order in self._owner_orders:
            opens, in_bnb = opens_position(order), self._scenario.fee_in_bnb
            yield from fills_of(order, self._market, opens=opens, fee_in_bnb=in_bnb)
        for order in self._recorded:
            yield from self._fills_of(order)

    def _all_income(self) -> Iterator[Income]:
        yield from self._owner.income()
        for fill in self.fills.rows:
            yield from income.of_fill(fill)
        names_trade = self._scenario.clearance_trade_id
        for order in self._recorded:
            if order.close_type == "LIQUIDATION":
                yield from income.of_liquidation(order, self._fills_of(order), self._market, names_trade=names_trade)
        for order in self._unrecorded:
            yield from income.of_liquidation(order, self._fills_of(order), self._market, names_trade=False)

    def _fills_of(self, order: Order) -> list[Fill]:
        if id(order) not in self._known:
            fills = fills_of(order, self._market, fee_in_bnb=self._scenario.fee_in_bnb)
            self._known[id(order)] = order, fills
        return self._known[id(order)][1]
