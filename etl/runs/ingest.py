"""The sink of `backfill` and `sync`: stores what is read. The run is complete when all of its span is proven."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from etl.accounts.credentials import Keyring
from etl.core.text import many
from etl.core.timeline import Window, subtract
from etl.core.walking import Target
from etl.runs.recorder import Recorder
from etl.runs.sink import Remaining
from etl.runs.spans import Planner, SpanText
from etl.store import coverage, decisions, runs
from etl.store.schema import EVERY_SYMBOL


@dataclass(frozen=True)
class IngestSpec:
    """What a run reads and stores, and with which keys."""

    command: str
    keys: Keyring
    planner: Planner
    symbols: Sequence[str] = ()
    """Symbols requested by name."""
    span: SpanText | None = None
    """The requested span as typed. None: no span was requested."""


class IngestSink:
    """Stores each response when it arrives. At the end the unproven part of the run's span remains."""

    def __init__(self, connection: Connection, recorder: Recorder, symbols: Sequence[str] = ()) -> None:
        self._connection = connection
        self._recorder = recorder
        self._symbols = symbols
        self._needs: dict[tuple[str, str | None], list[Window]] = {}
        self.commit = recorder.commit

    @property
    def counts(self) -> runs.Counts:
        return self._recorder.counts

    def begin(self, account: str, targets: Sequence[Target]) -> None:
        for target in targets:
            self._needs.setdefault((account, target.symbol), []).append(target.need)
        for (owner, symbol), needs in self._needs.items():
            if owner == account:
                coverage.ask(self._connection, account, self._recorder.market, symbol, min(needs).start)
        coverage.name_symbols(self._connection, account, self._recorder.market, self._symbols)
        decisions.end_retirement(self._connection, account)

    def found(self, walks_done: int) -> str:
        return many(self.counts.inserted, "new order")

    def remaining(self) -> Remaining:
        market, unproven = self._recorder.market, dict[tuple[str, str], list[Window]]()
        known = {account: coverage.known(self._connection, account, market) for account, _ in self._needs}
        for (account, symbol), needs in self._needs.items():
            of_account = known[account]
            if left := subtract(needs, of_account.get(symbol, of_account[None]).proven):
                unproven[account, symbol or EVERY_SYMBOL] = left
        gaps = coverage.read_gaps(self._connection, {account for account, _ in unproven}) if unproven else []
        own_gaps = [
            gap
            for gap in gaps
            if gap.market == market
            and any(gap.window.intersect(window) for window in unproven.get((gap.account, gap.symbol), ()))
        ]
        return Remaining(own_gaps, sum(window.width for left in unproven.values() for window in left))

    def finish(self) -> None:
        """Nothing is left to write: each response was stored when it arrived."""
