"""What the exchange knows: its accounts and their books, its clock and its scenario. It grows random histories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etl.simulator.accounts import Account, changed_account
from etl.simulator.book import Book
from etl.simulator.books import Books
from etl.simulator.clock import followed, started
from etl.simulator.exports import Exports
from etl.simulator.history import Form, Generated, day_number, generate
from etl.simulator.ledger import Basis, Ledger, Owner
from etl.simulator.markets import Market, market_named
from etl.simulator.numbered import Arrivals
from etl.simulator.orders import Order
from etl.simulator.scenario import DAY_MS, Scenario

OWN_DAYS = 100  # how long before the start of the simulator an owner began to trade

History = Generated | Sequence[Order]
Histories = Mapping[str, History | Mapping[str, History]]
"""By account: a history of the market usdm, or histories by the names of markets."""


@dataclass(slots=True)
class Growth:
    """A random history in one market: days from its origin on are generated up to `next_day`, which is not."""

    account: str
    market: Market
    history: Generated
    origin_ms: int
    next_day: int


class Venue:
    """The state that answers depend on. It never looks at a clock of its own: every call is told the real time."""

    def __init__(self, scenario: Scenario, accounts: Sequence[Account], histories: Histories, real_ms: float) -> None:
        self.scenario = scenario
        self.accounts = {account.name: account for account in accounts}
        self.by_key = {account.key: account for account in accounts}
        self.clock = started(scenario, real_ms)
        self.books = Books()
        self.exports = Exports()
        self._ledgers: dict[tuple[str, str], Ledger] = {}
        self._arrivals: dict[tuple[str, str], Arrivals] = {}
        self._growing: list[Growth] = []
        self._origins: dict[tuple[str, str], int] = {}
        now_ms = self._began_ms = self.clock.read(real_ms)
        for name, given in histories.items():
            by_market = given if isinstance(given, Mapping) else {"usdm": given}
            for market, history in by_market.items():
                self._begin(name, market_named(market), history, now_ms)
        self._grow(now_ms)

    def now_ms(self, real_ms: float) -> int:
        """The server time; generated histories reach a day beyond it."""
        now_ms = self.clock.read(real_ms)
        self._grow(now_ms)
        return now_ms

    def add(self, account: str, market: Market, orders: Sequence[Order]) -> None:
        """Add orders to an account's market, or replace those with the same symbol and id."""
        self.books.add(self.accounts[account], market, orders)

    def change(self, scenario: Scenario, real_ms: float) -> None:
        """Continue under another scenario."""
        self.clock = followed(self.clock, self.scenario, scenario, real_ms)
        self.scenario = scenario

    def change_account(self, name: str, changes: Any) -> None:
        """Change an account: its wallets, its switch to Portfolio Margin, its key. Raises ValueError, one line."""
        account = changed_account(self.accounts[name], changes)
        self.accounts[name] = self.by_key[account.key] = account
        self.books.switch(account)

    def arrivals(self, account: str, market: Market) -> Arrivals:
        """The rows of an account's market that arrive while its pages are read."""
        return self._arrivals.setdefault((account, market.name), Arrivals())

    def ledger(self, account: str, market: Market, now_ms: int) -> Ledger:
        """What an account did in a market of futures; derived again only when something has changed."""
        last_day = day_number(now_ms, self._origin_ms(account, market)) + 1
        basis = Basis(self.scenario, self.accounts[account], self.books.changes[account], last_day)
        key = account, market.name
        before = self._ledgers.get(key)
        if before is None or before.basis != basis:
            self._ledgers[key] = self._derived(market, basis, before)
        return self._ledgers[key]

    def orders_between(
        self, account: str, market: Market, start_ms: int, end_ms: int, readable_by_ms: int
    ) -> list[Order]:
        """All orders of an account with start ≤ time ≤ end, forced or not, however old; oldest first.

        The owner's are derived for these days alone: an owner trades as long as the history reaches back.
        """
        recorded = self.books.recorded(account, market, self.scenario).series("time", None, None)
        origin_ms = self._origin_ms(account, market)
        first_day = day_number(self._began_ms, origin_ms) - OWN_DAYS
        if recorded.times:
            first_day = min(first_day, day_number(recorded.times[0], origin_ms))
        last_ms = min(end_ms, readable_by_ms)
        days = range(max(first_day, day_number(start_ms, origin_ms)), day_number(last_ms, origin_ms) + 1)
        owner = Owner(self.accounts[account], market, days, origin_ms, self.scenario)
        forced = recorded.between(start_ms, end_ms + 1, readable_by_ms)
        orders = Book([*owner.orders(), *forced]).series("time", None, None)
        return orders.between(start_ms, end_ms + 1, readable_by_ms)

    def _derived(self, market: Market, basis: Basis, before: Ledger | None) -> Ledger:
        account, scenario = basis.account, basis.scenario
        origin_ms = self._origin_ms(account.name, market)
        days = range(day_number(self._began_ms, origin_ms) - OWN_DAYS, basis.last_day + 1)
        owner = Owner(account, market, days, origin_ms, scenario)
        recorded = self.books.recorded(account.name, market, scenario).all()
        unrecorded = self.books.unrecorded(account.name, market, scenario)
        return Ledger(basis, market, owner, recorded, unrecorded, before)

    def _origin_ms(self, account: str, market: Market) -> int:
        """The instant from which days are counted: that of the account's random history in this market."""
        return self._origins.get((account, market.wallet), self._began_ms)

    def _begin(self, account: str, market: Market, history: History, now_ms: int) -> None:
        if not isinstance(history, Generated):
            self.add(account, market, history)
            return
        origin_ms = now_ms if history.origin_ms is None else history.origin_ms
        self._origins[account, market.wallet] = origin_ms
        first_day = day_number(now_ms, origin_ms) - history.days
        self._growing.append(Growth(account, market, history, origin_ms, first_day))

    def _grow(self, now_ms: int) -> None:
        for one in self._growing:
            tomorrow = day_number(now_ms, one.origin_ms) + 1
            if one.next_day <= tomorrow:
                start_ms, end_ms = (one.origin_ms + day * DAY_MS for day in (one.next_day, tomorrow + 1))
                one.next_day = tomorrow + 1
                form = Form(one.market, self.scenario.row_shape, self.scenario.order_id_offset)
                history = one.history
                orders = generate(history.seed, start_ms, end_ms, history.profile, one.origin_ms, form)
                self.add(one.account, one.market, orders)
