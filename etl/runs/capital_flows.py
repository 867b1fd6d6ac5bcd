"""Reads capital flows at the end of a run: where a liquidation left no order, they are all that it left."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from etl.core.capital_flows import FLOWS, OF_MARKET, QUARANTINE, Flow, FlowPage
from etl.core.markets.market import Market, Records
from etl.core.orders import Reject
from etl.core.paging import PageRequest
from etl.core.planning import Rules
from etl.core.timeline import Window, duration
from etl.core.wallets import Wallet
from etl.exchange import capital_flow
from etl.exchange.client import ExchangeClient
from etl.exchange.question import Question
from etl.runs.readings import Left
from etl.runs.record_reader import Outcome, RecordReader
from etl.runs.spans import Planner
from etl.store import capital_flows
from etl.store.record_coverage import RecordCoverage


@dataclass(frozen=True)
class FlowList:
    """The capital flows of an account."""

    wallet: Wallet
    title: str = "capital flows"
    scope: str | None = None
    listed: Records = FLOWS
    quarantine: str = QUARANTINE

    @property
    def coverage(self) -> RecordCoverage:
        return capital_flows.coverage_of(*self.wallet)

    def question(self, request: PageRequest) -> Question[FlowPage]:
        return capital_flow.question(request)

    def add(self, connection: Connection, run_id: int, records: Sequence[Flow]) -> list[Reject]:
        return capital_flows.add(connection, *self.wallet, run_id, records)

    def left_out(self, connection: Connection, window: Window, shown: Sequence[Flow]) -> str | None:
        lacking = capital_flows.left_out(connection, *self.wallet, window, [flow.flow_id for flow in shown])
        return None if lacking is None else str(lacking)


class FlowReader:
    """Reads the flows of one account after the other."""

    is_by_lot = False

    def __init__(self, records: RecordReader) -> None:
        self._records = records
        self.left = Left()

    def concerns(self, market: Market) -> bool:
        return market.name == OF_MARKET

    def read(self, wallet: Wallet, client: ExchangeClient, planner: Planner, rules: Rules) -> None:
        """Read what a run is to read of an account, and say what is left."""
        self._note(wallet, self._records.read(FlowList(wallet), client, planner, rules))

    def _note(self, wallet: Wallet, outcome: Outcome) -> None:
        faults = [
            f"account {wallet.account}: the exchange left out the capital flow {flow_id}"
            for flow_id in outcome.left_out
        ]
        if outcome.unproven:
            faults.append(
                f"account {wallet.account}: the capital flows of {duration(outcome.unproven)} are not proven, so a "
                f"liquidation without an order may be missing ({outcome.why}); the next run asks again"
            )
        self.left.left_out += len(outcome.left_out)
        self.left.unproven += outcome.unproven
        self.left.faults += faults
