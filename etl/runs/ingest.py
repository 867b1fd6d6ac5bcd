"""The purpose of `backfill` and `sync`: store what is read, and be done when all of it is proven."""

from collections.abc import Sequence

from sqlalchemy import Connection

from etl.core.text import many
from etl.core.timeline import Window, subtract
from etl.core.walking import Target
from etl.errors import ExitCode
from etl.runs.recorder import Recorder
from etl.runs.run import Summary
from etl.store import coverage, runs
from etl.store.schema import EVERY_SYMBOL


class Storing:
    """Stores each answer as it comes; at the end, what of the run's own span is unproven is left."""

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

    def said(self, walks_done: int) -> str:
        return many(self.counts.inserted, "new order")

    def judge(self, summary: Summary) -> None:
        gaps, market = coverage.read_gaps(self._connection), self._recorder.market
        for (account, symbol), needs in self._needs.items():
            known = coverage.known(self._connection, account, market)
            left = subtract(needs, known.get(symbol, known[None]).proven)
            summary.unproven += sum(window.width for window in left)
            name = symbol or EVERY_SYMBOL
            summary.gaps += [
                gap
                for gap in gaps
                if (gap.account, gap.market, gap.symbol) == (account, market, name)
                and any(gap.window.intersect(w) for w in left)
            ]
        if summary.unproven or self.counts.quarantined:
            summary.exit_code = ExitCode.INCOMPLETE
