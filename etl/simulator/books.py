"""The books of all accounts, one for each market, and the symbols that each wallet lists."""

from collections import Counter
from collections.abc import Iterable, Iterator

from etl.simulator.accounts import Account
from etl.simulator.book import Book
from etl.simulator.instruments import ISOLATED_SYMBOLS
from etl.simulator.markets import CLASSIC, MARGIN, PORTFOLIO_MARGIN, Market, Wallet
from etl.simulator.orders import Order, without
from etl.simulator.scenario import Scenario

ViewKey = tuple[str, str, bool, bool, bool, bool]


class Books:
    """Every order of every account, in the book of its market.

    An order of a classic market that is created after the account's switch to Portfolio Margin lies in the book of the
    counterpart, in its shape. An isolated pair stays outside of Portfolio Margin.
    """

    def __init__(self) -> None:
        self._books: dict[tuple[str, str], Book] = {}
        self._views: dict[ViewKey, Book] = {}
        self._lost: dict[tuple[str, str], set[tuple[str, int]]] = {}
        self.changes = Counter[str]()  # by account: how often its books changed
        # Ordered sets: a symbol stays listed once it is known.
        self.symbols = {
            wallet: dict.fromkeys(one.symbol for one in market.instruments) for wallet, market in CLASSIC.items()
        }
        self.isolated_symbols = dict.fromkeys(ISOLATED_SYMBOLS)

    def of(self, account: str, market: Market) -> Book:
        """All that happened in one market, whether or not the exchange shows it."""
        return self._books.setdefault((account, market.name), Book())

    def shown(self, account: str, market: Market, scenario: Scenario) -> Book:
        """The forced orders that the exchange shows as such under a scenario."""
        lost = self._lost.get((account, market.name), set())
        settled = scenario.settlements_in == "all_orders"
        if not lost and not settled:
            return self.recorded(account, market, scenario)
        key = (*_view(account, market, scenario), bool(lost), settled)
        if key not in self._views:
            orders = self.recorded(account, market, scenario).all()
            self._views[key] = Book(
                one
                for one in orders
                if (one.symbol, one.order_id) not in lost and not (settled and one.close_type == "SETTLEMENT")
            )
        return self._views[key]

    def recorded(self, account: str, market: Market, scenario: Scenario) -> Book:
        """The forced orders that left a record anywhere: also what the list of forced orders lost."""
        view = _view(account, market, scenario)
        _, _, earlier, hidden = view
        if not earlier and not hidden:
            return self.of(account, market)
        key = (*view, False, False)
        if key not in self._views:
            own = (one for one in self.of(account, market).all() if not (hidden and _is_liquidation(one, market)))
            before = self._before(account, market) if earlier else ()
            self._views[key] = Book([*before, *own])
        return self._views[key]

    def unrecorded(self, account: str, market: Market, scenario: Scenario) -> list[Order]:
        """The liquidations of one market that left no order."""
        if not _leaves_no_order(market, scenario):
            return []
        return [one for one in self.of(account, market).all() if _is_liquidation(one, market)]

    def lose(self, account: str, market: Market, symbol: str, order_id: int, scenario: Scenario) -> None:
        """Take an order out of the list of forced orders, and of nothing else. Raises ValueError, one line."""
        orders = self.recorded(account, market, scenario).all()
        if not any((one.symbol, one.order_id) == (symbol, order_id) for one in orders):
            raise ValueError(f"{market.name} has no forced order {order_id} of {symbol}")
        self._lost.setdefault((account, market.name), set()).add((symbol, order_id))
        self._views.clear()

    def in_margin(self, account: str, scenario: Scenario) -> Iterator[tuple[Market, Order]]:
        """All that moves an account's margin: its margin orders, and liquidations of futures that left no order."""
        for market in (MARGIN, *PORTFOLIO_MARGIN.values()):
            if market.wallet == "margin" or _leaves_no_order(market, scenario):
                yield from ((market, one) for one in self.of(account, market).all() if _is_liquidation(one, market))

    def add(self, account: Account, market: Market, orders: Iterable[Order]) -> None:
        """Add orders, or replace those with the same symbol and id."""
        orders, counterpart = list(orders), PORTFOLIO_MARGIN[market.wallet]
        self._list(market.wallet, orders)
        after = [] if market.portfolio_margin else [one for one in orders if _in_portfolio_margin(account, one)]
        moved = set(map(id, after))
        self.of(account.name, market).add(one for one in orders if id(one) not in moved)
        self.of(account.name, counterpart).add(without(one, counterpart.left_out) for one in after)
        self._views.clear()
        self.changes[account.name] += 1

    def switch(self, account: Account) -> None:
        """Move what was created after the account's switch, which is new or another one than before."""
        for market in CLASSIC.values():
            book = self.of(account.name, market)
            after = [one for one in book.all() if _in_portfolio_margin(account, one)]
            book.remove(after)
            self.add(account, market, after)

    def _before(self, account: str, market: Market) -> list[Order]:
        classic = self.of(account, CLASSIC[market.wallet]).all()
        return [without(one, market.left_out) for one in classic if not one.is_isolated]

    def _list(self, wallet: Wallet, orders: Iterable[Order]) -> None:
        known = [order for order in orders if order.symbol]
        self.symbols[wallet].update(dict.fromkeys(order.symbol for order in known))
        self.isolated_symbols.update(dict.fromkeys(order.symbol for order in known if order.is_isolated))


def _view(account: str, market: Market, scenario: Scenario) -> tuple[str, str, bool, bool]:
    """What decides which orders of a market left a record: whether earlier ones did, and whether liquidations did."""
    earlier = market.portfolio_margin and scenario.papi_shows_earlier
    return account, market.name, earlier, _leaves_no_order(market, scenario)


def _in_portfolio_margin(account: Account, order: Order) -> bool:
    return account.in_portfolio_margin(order.time) and not order.is_isolated


def _leaves_no_order(market: Market, scenario: Scenario) -> bool:
    if not market.portfolio_margin or scenario.risk_based_liquidations == "none":
        return False
    return market.wallet == "margin" or scenario.risk_based_liquidations == "all"


def _is_liquidation(order: Order, market: Market) -> bool:
    # Margin rows have no client order id, and margin knows no other forced order.
    return market.wallet == "margin" or order.close_type == "LIQUIDATION"
