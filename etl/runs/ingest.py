"""The sink of `backfill` and `sync`: stores what is read. The run is complete when all of its span is proven."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from etl.accounts.credentials import Keyring
from etl.core.planning import Known
from etl.core.text import many
from etl.core.timeline import DAY, Window, duration, subtract
from etl.core.walking import Target
from etl.core.wallets import Wallet
from etl.runs.old_proof import OldProof
from etl.runs.readings import Reading
from etl.runs.recorder import Received, Recorder
from etl.runs.sink import Remaining
from etl.runs.spans import Planner, SpanText
from etl.store import coverage, decisions, orders, runs
from etl.store.schema import EVERY_SYMBOL

QUIET = 8 * DAY
"""An account that has no order in so much of its history is nothing special, milliseconds."""


@dataclass(frozen=True)
class IngestSpec:
    """What a run reads and stores, and with which keys."""

    command: str
    keys: Keyring
    planner: Planner
    symbols: Sequence[str] = ()
    """Symbols requested by name."""
    markets: Sequence[str] = ()
    """Markets requested by name; none: those of each account."""
    span: SpanText | None = None
    """The requested span as typed. None: no span was requested."""
    costs: bool = False
    """Whether all that the orders cost is read, without the bound of a nightly run."""


def no_order_at_all(account: str, read: int) -> str:
    """The line on an account of which nothing is stored after so many milliseconds were read."""
    return (
        f"account {account}: the exchange showed not one force order in {duration(read)}. That is so for an account "
        f"that was never liquidated. If this one was: is it the account with the futures? If it is, the exchange may "
        f"have answered with nothing; read all again later: force-orders verify --repair --account {account}"
    )


class IngestSink:
    """Stores each response when it arrives. At the end the unproven part of the run's span remains."""

    def __init__(
        self,
        connection: Connection,
        recorder: Recorder,
        symbols: Sequence[str] = (),
        readings: Sequence[Reading] = (),
        old_proof: OldProof | None = None,
    ) -> None:
        self.readings = readings
        self._connection = connection
        self._recorder = recorder
        self._symbols = symbols
        self._needs: dict[tuple[Wallet, str | None], list[Window]] = {}
        self._old_proof = old_proof

    @property
    def counts(self) -> runs.Counts:
        return self._recorder.counts

    def begin(self, wallet: Wallet, targets: Sequence[Target]) -> None:
        if self._old_proof is not None:
            self._old_proof.begin(wallet, self._recorder.known_before(wallet))
        for target in targets:
            self._needs.setdefault((wallet, target.symbol), []).append(target.need)
        for (owner, symbol), needs in self._needs.items():
            if owner == wallet:
                coverage.ask(self._connection, *wallet, symbol, min(needs).start)
        coverage.name_symbols(self._connection, *wallet, self._symbols)
        decisions.end_retirement(self._connection, wallet.account)

    def commit(self, received: Sequence[Received]) -> None:
        """Store responses, and in the same transaction the doubt that one of them casts on old proof."""
        if self._old_proof is not None:
            received = [one._replace(doubted=self._old_proof.doubted(one)) for one in received]
        self._recorder.commit(received)

    def found(self, walks_done: int) -> str:
        return many(self.counts.inserted, "new order")

    def remaining(self) -> Remaining:
        unproven: dict[tuple[Wallet, str], list[Window]] = {}
        known = {wallet: coverage.known(self._connection, *wallet) for wallet, _ in self._needs}
        for (wallet, symbol), needs in self._needs.items():
            of_wallet = known[wallet]
            if left := subtract(needs, of_wallet.get(symbol, of_wallet[None]).proven):
                unproven[wallet, symbol or EVERY_SYMBOL] = left
        gaps = coverage.read_gaps(self._connection, {wallet.account for wallet, _ in unproven}) if unproven else []
        own_gaps = [
            gap
            for gap in gaps
            if any(
                gap.window.intersect(window)
                for window in unproven.get((Wallet(gap.account, gap.market), gap.symbol), ())
            )
        ]
        unread = sum(window.width for windows in unproven.values() for window in windows)
        disputed, faults = self._old_proof.contradictions() if self._old_proof else ([], [])
        unread += sum(gap.window.width for gap in disputed)
        return Remaining([*own_gaps, *disputed], unread, notes=self._surprises(known), faults=faults)

    def _surprises(self, known: Mapping[Wallet, Mapping[str | None, Known]]) -> list[str]:
        """A line for each account that never showed an order, and of which this run read much. `known`: after it."""
        lines = []
        for account in sorted({wallet.account for wallet in known}):
            own = [wallet for wallet in known if wallet.account == account]
            before = [one for wallet in own for one in self._recorder.known_before(wallet).values()]
            after = [one for wallet in own for one in known[wallet].values()]
            new = subtract(*([window for one in side for window in one.proven] for side in (after, before)))
            read = sum(window.width for window in new)
            if read > QUIET and not any(orders.hull(self._connection, *wallet) for wallet in own):
                lines.append(no_order_at_all(account, read))
        return lines

    def finish(self) -> None:
        """Nothing is left to write: each response was stored when it arrived."""
