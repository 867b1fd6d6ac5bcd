"""Reads the list of all orders of an account: the second witness, whose rows only `reconciliation` judges.

Nothing is stored here. What cannot be read is told with its reason; it makes days not checkable, and no run fail.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Event

from etl.core.dialogue import Reply, Step
from etl.core.findings import Finding, Verdict
from etl.core.forced_names import PlacedBy, placed_by
from etl.core.markets.market import Records
from etl.core.observations import Observations, TruncationSide
from etl.core.orders import Key, Order
from etl.core.page_limits import PageLimits
from etl.core.paging import Page, PageRequest, Refusal
from etl.core.reconciling import Unread
from etl.core.retention import Retention
from etl.core.text import many
from etl.core.timeline import Window, subtract
from etl.core.walking import Target, walk
from etl.errors import (
    ContractError,
    DoubtedKeyError,
    ExchangeError,
    MissingParameterError,
    ThrottledError,
    TransientError,
)
from etl.exchange.all_orders import question
from etl.exchange.client import ExchangeClient
from etl.runs.account_failures import FAILURES_IN_A_ROW
from etl.runs.fetchers import interruptibly

REQUESTS = 20
"""The most requests for a window, of a symbol or of all: a market maker has more orders than are worth reading."""

SPARE_BY_SYMBOL = 100
"""The most requests beyond the first one of each window, for all symbols together. Where a symbol is demanded no day
can agree, and fifty busy symbols would cost thousands of weight every night."""

SYMBOLS = 50
"""The most symbols that are asked for by name."""

BY_SYMBOL = "the exchange lists all orders by symbol only"

_REASONS = {
    Verdict.SATURATED: "more orders in one millisecond than the exchange shows",
    Verdict.BEYOND_RETENTION: "the exchange no longer lists them",
    Verdict.FAILED: "the exchange did not list them",
    Verdict.DISPUTED: "the exchange listed orders of another time",
}


@dataclass
class Listing:
    """What the list of all orders showed."""

    rows: dict[Key, Order] = field(default_factory=dict)
    """The latest version of each forced order, of each with such a name, and of each that was to be kept."""
    whole: list[tuple[str | None, Window]] = field(default_factory=list)
    """Windows of which every order was listed: of a symbol, or of all (None)."""
    unread: list[Unread] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)
    """Symbols that the exchange refuses, because it closed their contracts."""
    orders: int = 0
    """How many rows were received, the owner's own among them."""


class AllOrders:
    """Reads one account in one market. `kept`: orders of which every row is kept, whoever placed them."""

    def __init__(
        self, client: ExchangeClient, records: Records, present: int, kept: Collection[Key], stop: Event
    ) -> None:
        self._client = client
        self._records = records
        self._kept = kept
        self._stop = stop
        self._limits = PageLimits(records.greatest_limit, records.default_limit)
        self._retention = Retention(records.keeps, present)
        self._spare = SPARE_BY_SYMBOL
        self.listing = Listing()

    def read(self, windows: Sequence[Window], symbols: Callable[[], Sequence[str]]) -> None:
        """Read windows, without symbol if the exchange allows that, else by those that the account had.

        Raises ThrottledError and StoppedError.
        """
        if not self._records.needs_symbol:
            try:
                self._read(windows, None)
                return
            except MissingParameterError:
                pass  # nothing was read yet
        known = symbols()
        asked = known[:SYMBOLS]
        for symbol in asked:
            if not self._read(windows, symbol):
                break
        more = f", and {many(len(known) - SYMBOLS, 'symbol')} were not" if known[SYMBOLS:] else ""
        compared = f"compared: {', '.join(asked)}{more}" if asked else "no order of the account names one yet"
        self.listing.unread += [Unread(window, f"{BY_SYMBOL}; {compared}") for window in windows]

    def read_symbol(self, window: Window, symbol: str) -> None:
        """Read a window of one symbol, for orders that the list of every symbol did not show."""
        self._read([window], symbol)

    def _read(self, windows: Sequence[Window], symbol: str | None) -> bool:
        """Whether another symbol can be asked for. Ends early where the exchange refuses, or does not answer."""
        observations = Observations(TruncationSide(), self._limits, self._retention)
        in_a_row = 0
        for place, window in enumerate(windows):
            try:
                left, reason = self._walk(Target(window, window, symbol), observations)
                in_a_row = 0
            except MissingParameterError:
                if symbol is None:
                    raise
                left, reason = [window], BY_SYMBOL
            except ExchangeError as error:
                if isinstance(error, ThrottledError) and not isinstance(error, DoubtedKeyError):
                    raise
                in_a_row += 1
                if in_a_row == FAILURES_IN_A_ROW or not isinstance(error, TransientError | ContractError):
                    self._miss(windows[place:], symbol, str(error))
                    return False
                left, reason = [window], str(error)
            self._miss(left, symbol, reason)
            if symbol in self.listing.closed:
                break
        return True

    def _miss(self, windows: Sequence[Window], symbol: str | None, reason: str) -> None:
        said = reason if symbol is None else f"{symbol}: {reason}"
        self.listing.unread += [Unread(window, said) for window in windows]

    def _walk(self, target: Target, observations: Observations) -> tuple[list[Window], str]:
        """Read a window; returns what is left of it, and why."""
        found: list[Finding] = []
        for finding, is_readable in self._findings(target, observations):
            found.append(finding)
            if finding.verdict is Verdict.PROVEN and is_readable:
                self.listing.whole.append((target.symbol, finding.window))
        whole = [window for symbol, window in self.listing.whole if symbol == target.symbol]
        left = subtract([target.need], whole)
        reasons = [_REASONS[finding.verdict] for finding in found if finding.verdict is not Verdict.PROVEN]
        if target.symbol in self.listing.closed:
            return left, "the contract is closed"
        if reasons:
            return left, reasons[0]
        is_read = not subtract([target.need], [finding.window for finding in found])
        if is_read:
            return left, "a row could not be read"
        if target.symbol is not None and not self._spare:
            return left, f"the {SPARE_BY_SYMBOL} requests that symbols share are spent"
        return left, f"more orders than {REQUESTS} requests show"

    def _findings(self, target: Target, observations: Observations) -> Iterator[tuple[Finding, bool]]:
        """What each answer proves, and whether every row of its pages could be read; at most REQUESTS of them."""
        steps = walk(target, observations, by_symbol=False)
        reply: Reply = None
        sent = 0
        while True:
            step: Step = steps.send(reply)
            for finding in step.findings:
                yield finding, not any(page.rejects for page in finding.pages)
            if step.request is None and step.is_settled is None:
                return
            reply = None  # to a walk that waits for the pages of others: there are none
            if isinstance(step.request, PageRequest):
                if sent == REQUESTS or (sent and target.symbol is not None and not self._spare):
                    return
                self._spare -= int(sent > 0 and target.symbol is not None)
                sent += 1
                reply = self._ask(step.request)

    def _ask(self, request: PageRequest) -> Reply:
        asked = question(self._records, request)
        answer: Page | Refusal = interruptibly(partial(self._client.ask, asked), self._stop)
        if answer is Refusal.UNKNOWN_SYMBOL and request.symbol is not None:
            self.listing.closed.add(request.symbol)
        if isinstance(answer, Page):
            self.listing.orders += len(answer.orders)
            for order in answer.orders:
                if order.key in self._kept or placed_by(order) is not PlacedBy.OWNER:
                    before = self.listing.rows.get(order.key)
                    if before is None or order.version >= before.version:
                        self.listing.rows[order.key] = order
        return answer
