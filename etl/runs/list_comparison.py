"""Compares the stored force orders of one account in a market with the list of all its orders, once.

An order that only the list has is asked for again at the endpoint of force orders, and so is one of which the list has
a later version. What comes is stored as every page is. A stored order that the list lacks is asked for by its symbol.
"""

from collections import Counter
from collections.abc import Mapping
from functools import partial

from sqlalchemy import Connection

from etl.core.markets.market import Records
from etl.core.order_lists import (
    DISPUTED,
    Discrepancy,
    Kind,
    Lists,
    difference,
    differences,
    of_order,
    replaces,
    why_unlisted,
)
from etl.core.orders import Key, Order
from etl.core.page_limits import DOCUMENTED_LENGTHS
from etl.core.paging import Answer, Page, PageRequest, Refusal
from etl.core.planning import Known, Rules
from etl.core.reconciling import MARGIN, Span, Unread, compared_of, judge, reach, why_not_all, windows_to_read
from etl.core.timeline import SECOND, Window, fill
from etl.core.wallets import Wallet
from etl.errors import DoubtedKeyError, ExchangeError, ThrottledError
from etl.exchange.client import ExchangeClient
from etl.runs.all_orders import AllOrders, Listing
from etl.runs.fetchers import interruptibly
from etl.runs.reader import Reader
from etl.runs.recorder import Received, Recorder
from etl.store import reconciliations
from etl.store.reconciliations import Reconciled

READ_AGAIN = 20
"""The most requests for force orders that are missing or of an older version."""

ASKED_BY_SYMBOL = 10
"""The most symbols that are asked for by name because the list of every symbol lacks a stored order of theirs."""

BLIND = "the list of all orders shows none of the stored orders"


class ListComparison:
    """One account in one market. Only `compare` is called, once; the caller records what it returns."""

    def __init__(
        self,
        connection: Connection,
        reader: Reader,
        recorder: Recorder,
        wallet: Wallet,
        client: ExchangeClient,
        records: Records,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._recorder = recorder
        self._wallet = wallet
        self._client = client
        self._records = records
        self._stored: dict[Key, Order] = {}
        self._doubts: list[Unread] = []
        self._undecided: set[Key] = set()
        """Missing orders of which nobody knows whether the endpoint of force orders shows them."""

    def compare(self, span: Span, known: Mapping[str | None, Known], rules: Rules) -> Reconciled:
        """Read, compare, ask again, store. Raises ThrottledError, StoppedError and StoreError."""
        proven = [(symbol, window) for symbol, one in known.items() for window in one.proven]
        here = reach(proven, span.window.end)
        self._stored = reconciliations.stored_between(self._connection, *self._wallet, span.window)
        accepted = reconciliations.accepted(self._connection, *self._wallet)
        self._connection.rollback()
        listed = AllOrders(self._client, self._records, rules.present, self._stored.keys(), self._reader.stop)
        if windows := windows_to_read(span, [window for _, window in proven], self._records.widest):
            listed.read(windows, self._symbols)

        def lists() -> Lists:
            rows = {key: row for key, row in listed.listing.rows.items() if _belongs(row, span.window)}
            return Lists(rows, dict(self._stored), reach(listed.listing.whole, span.window.end), here)

        self._renew(lists().listed.keys() - self._stored.keys())
        self._ask_by_symbol(listed, lists(), rules)
        before = lists()
        self._read_again(before)
        self._store_later(before)
        return self._result(span, before, lists(), listed.listing, rules, accepted)

    def _result(
        self, span: Span, before: Lists, after: Lists, listing: Listing, rules: Rules, accepted: set[Key]
    ) -> Reconciled:
        """`before`: the lists before anything was asked for again."""
        found = [*self._discrepancies(before), *(_namesake(order) for order in after.namesakes())]
        expected: Counter[str] = Counter()
        for order in after.unlisted():
            if (reason := why_unlisted(order, rules.present, listing.closed)) is None:
                found.append(of_order(order, Kind.UNSEEN, "stored, and not in the list of all orders of its time"))
            else:
                expected[reason] += 1
        if after.is_blind() and any(one.kind is Kind.UNSEEN for one in found):
            self._doubts.append(Unread(span.window, BLIND))
        settled = {one.key for one in found if one.kind in DISPUTED and one.key in accepted}
        compared = compared_of(span, after)
        return Reconciled(
            self._wallet,
            span.window,
            compared,
            why_not_all(span, after, listing.unread),
            judge(span, after, listing.unread, self._doubts),
            sorted(one for one in found if one.key not in settled),
            after.agreeing(),
            listing.orders,
            expected,
            len(settled),
            has_compared=bool(listing.whole and after.here.windows),
        )

    def _symbols(self) -> list[str]:
        symbols = reconciliations.symbols(self._connection, *self._wallet)
        self._connection.rollback()
        return symbols

    def _renew(self, keys: set[Key]) -> None:
        self._stored |= reconciliations.stored(self._connection, *self._wallet, keys)
        self._connection.rollback()

    def _ask_by_symbol(self, listed: AllOrders, lists: Lists, rules: Rules) -> None:
        """The exchange refuses a closed contract where it is named, and leaves it out where it is not."""
        if None not in lists.there.windows:
            return
        lacking: dict[str, list[Order]] = {}
        for order in lists.unlisted():
            if why_unlisted(order, rules.present, listed.listing.closed) is None:
                lacking.setdefault(order.symbol, []).append(order)
        for symbol, orders in [*lacking.items()][:ASKED_BY_SYMBOL]:
            first, last = min(_first(order) for order in orders), max(_last(order) for order in orders)
            for window in fill(Window(first - MARGIN, last + MARGIN), self._records.widest):
                listed.read_symbol(window, symbol)

    def _read_again(self, lists: Lists) -> None:
        """Ask for the force orders around each order that is missing or was seen in a later version."""
        later = [listed for listed, stored in lists.differing() if listed.version > stored.version]
        known = {one.key for one in reconciliations.disputed(self._connection, wallet=self._wallet)}
        self._connection.rollback()
        # Those that are disputed already come last, so that the limit leaves no order out for ever.
        wanted = sorted([*lists.missing(), *later], key=lambda order: order.key in known)
        sent, given_up = 0, ""
        for order in wanted:
            stored = self._stored.get(order.key)
            if stored is not None and stored.version >= order.version:
                continue  # a page for another order has shown it
            if given_up:
                self._doubt(order, given_up)
                continue
            sent += 1
            given_up = f"more than {READ_AGAIN} orders were missing" if sent == READ_AGAIN else ""
            window = Window(_first(order) - SECOND, _last(order) + SECOND)
            request = PageRequest(window, self._reader.page_limit, order.symbol)
            try:
                answer = interruptibly(partial(self._client.page, request), self._reader.stop)
            except ExchangeError as error:
                if isinstance(error, ThrottledError) and not isinstance(error, DoubtedKeyError):
                    raise
                given_up = f"{order.symbol} {order.order_id} could not be read again: {error}"
                self._doubt(order, given_up)
                continue
            if isinstance(answer, Page):
                self._recorder.commit([Received(self._wallet, answer, ())])
                self._renew({one.key for one in answer.orders})
            if not _is_conclusive(answer, request):
                self._doubt(order, f"not all force orders around {order.symbol} {order.order_id} could be read")

    def _doubt(self, order: Order, reason: str) -> None:
        if order.key not in self._stored:
            self._undecided.add(order.key)
            self._doubts.append(Unread(Window(order.order_time, order.order_time + 1), reason))

    def _store_later(self, lists: Lists) -> None:
        """Store the versions that only the list of all orders has."""
        later = [
            listed
            for listed, _ in lists.differing()
            if replaces(listed, self._stored[listed.key]) and differences(listed, self._stored[listed.key])
        ]
        if later:
            self._recorder.commit([Received(self._wallet, Page(tuple(later), (), received_at=0), ())])
            self._renew({order.key for order in later})

    def _discrepancies(self, before: Lists) -> list[Discrepancy]:
        """What is said of the orders that differed before anything was asked for again."""
        found = []
        for order in before.missing():
            if order.key in self._stored:
                found.append(of_order(order, Kind.LATE, "stored when it was asked for again", order.raw))
            elif order.key not in self._undecided:
                said = "listed as forced, and not among the force orders"
                found.append(of_order(order, Kind.MISSING, said, order.raw))
        for listed, stored in before.differing():
            now = self._stored[listed.key]
            found.append(difference(listed, now if differences(listed, now) else stored))
        return found


def _is_conclusive(answer: Answer, request: PageRequest) -> bool:
    """Whether an order that an answer does not show is not there: then it is whole, and answers this request.

    A refusal is as good: the exchange lists an order that it no longer gives out, or of a symbol that it closed.
    """
    if not isinstance(answer, Page):
        return answer is not Refusal.TOO_WIDE
    is_cut = answer.length >= request.limit or answer.length in DOCUMENTED_LENGTHS
    return not is_cut and not answer.rejects and all(map(request.asks_for, answer.orders))


def _namesake(order: Order) -> Discrepancy:
    return of_order(order, Kind.NAMESAKE, "placed by the owner, under a name like that of a forced order")


def _belongs(order: Order, span: Window) -> bool:
    """Whether an order is compared: it lies in the span, and its last change is not too young."""
    return span.contains(order.order_time) and order.update_time < span.end


def _first(order: Order) -> int:
    return min(order.order_time, order.update_time)


def _last(order: Order) -> int:
    return max(order.order_time, order.update_time)
