"""Holds the stored force orders against the list of all orders: a share of it every night, all of it by `reconcile`.

The list is a second witness, not a second source. An order that only it has is disputed and kept as it was received; it
is no force order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from etl.accounts.credentials import Keyring
from etl.core.markets.market import Market
from etl.core.planning import Known, Rules
from etl.core.reconciling import Span, days_of, last_days, proven_days
from etl.core.text import many
from etl.core.timeline import Window
from etl.core.walking import Target
from etl.core.wallets import Wallet
from etl.exchange.client import ExchangeClient
from etl.logs import logger
from etl.runs.list_comparison import ListComparison
from etl.runs.reader import Reader
from etl.runs.readings import Left, Reading
from etl.runs.recorder import Recorder
from etl.runs.sink import Remaining
from etl.runs.spans import Planner, SpanText
from etl.store import coverage, reconciliations, runs
from etl.store.reconciliations import Disputed, Reconciled

NAMED = 3
"""How many disputed orders a line names."""

Choose = Callable[[Mapping[str | None, Known], Rules, int], Span | None]
"""Chooses the span from what is known of an account, its rules, and how long all orders are kept, milliseconds."""

_log = logger(__name__)


@dataclass(frozen=True)
class ReconcileSpec:
    """What a run of `reconcile` compares, and with which keys."""

    keys: Keyring
    span: SpanText
    markets: Sequence[str] = ()
    """Markets requested by name; none: those of each account."""


def nightly(days: int) -> Choose:
    """The last days, whatever is known of them."""
    return lambda known, rules, keeps: last_days(days, rules, keeps)


def asked(span: SpanText) -> Choose:
    """The days of a span, or without one all that are proven; raises ConfigError for a span that is none."""

    def choose(known: Mapping[str | None, Known], rules: Rules, keeps: int) -> Span | None:
        if span != SpanText():
            return days_of(span.resolve(rules), rules, keeps)
        return proven_days((window for one in known.values() for window in one.proven), rules, keeps)

    return choose


class Reconciler:
    """Reads one account after the other, one request at a time: a night needs one of each.

    What cannot be compared is told of its days. Only a disputed order leaves something undone.
    """

    is_by_lot = False

    def __init__(
        self, connection: Connection, reader: Reader, recorder: Recorder, choose: Choose, *, must_compare: bool = False
    ) -> None:
        """`must_compare`: whether it is a failure if nothing at all can be compared."""
        self._connection = connection
        self._reader = reader
        self._recorder = recorder
        self._choose = choose
        self.left = Left(uncompared=int(must_compare))
        self.done: list[Reconciled] = []
        self.skipped: list[Wallet] = []
        """Those of which nothing of the span can be compared, and nothing was asked."""
        self.disputed: list[Disputed] = []

    def concerns(self, market: Market) -> bool:
        return market.all_orders is not None

    def read(self, wallet: Wallet, client: ExchangeClient, planner: Planner, rules: Rules) -> None:
        """Compare an account; raises ThrottledError, StoppedError and StoreError."""
        records = client.market.all_orders
        assert records is not None  # noqa: S101 – it concerns only such markets
        known = coverage.known(self._connection, *wallet)
        span = self._choose(known, rules, records.keeps)
        if span is None:
            self._connection.rollback()
            self.skipped.append(wallet)
            return
        comparison = ListComparison(self._connection, self._reader, self._recorder, wallet, client, records)
        done = comparison.compare(span, known, rules)
        reconciliations.record(self._connection, self._recorder.run_id, done)
        self._connection.commit()
        self.done.append(done)
        if done.has_compared:
            self.left.uncompared = 0
        for one in done.discrepancies:
            _log.info("account %s: %s %s is %s: %s", wallet, one.symbol, one.order_id, one.kind, one.detail)
        if done.reason is not None:
            _log.info("account %s: not all was held against the list of all orders: %s", wallet, done.reason)
        self._dispute(wallet, done.span)

    def _dispute(self, wallet: Wallet, span: Window) -> None:
        """Say which orders of the span are disputed, in whatever run that was found."""
        found = reconciliations.disputed(self._connection, wallet=wallet, span=span)
        self._connection.rollback()
        if not found:
            return
        self.disputed += found
        self.left.disputed += len(found)
        self.left.faults.append(dispute_line(wallet, found))


def dispute_line(wallet: Wallet, found: Sequence[Disputed]) -> str:
    """Which orders of an account are disputed, and what to do. The first come early: a notification is short."""
    names = ", ".join(f"{one.symbol} {one.order_id} ({one.kind})" for one in found[:NAMED])
    more = f" and {len(found) - NAMED} more" if found[NAMED:] else ""
    first = f"--account {wallet.account} --symbol {found[0].symbol} --order {found[0].order_id}"
    return (
        f"account {wallet}: the exchange's own lists disagree on {many(len(found), 'order')}: {names}{more}; "
        f"the next night asks again; if it stays so: force-orders coverage accept {first} --why TEXT"
    )


class ReconcileSink:
    """The sink of `reconcile`: it has no walks, and what it reads again is stored as always."""

    def __init__(self, recorder: Recorder, readings: Sequence[Reading]) -> None:
        self.readings = readings
        self._recorder = recorder
        self.commit = recorder.commit

    @property
    def counts(self) -> runs.Counts:
        return self._recorder.counts

    def begin(self, wallet: Wallet, targets: Sequence[Target]) -> None:
        """There is no walk to begin."""

    def found(self, walks_done: int) -> str:
        return many(self.counts.inserted, "new order")

    def remaining(self) -> Remaining:
        return Remaining()

    def finish(self) -> None:
        """Nothing is left to write: each comparison was recorded when it ended."""


def no_walks(known: dict[str | None, Known], rules: Rules) -> list[Target]:
    """The planner of a run that only compares."""
    return []
