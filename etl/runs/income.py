"""Reads the income of an account at the end of a run, one type after the other.

Income decides no exit code: it completes what orders cost, and no order is missing where it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from etl.core.income import Income, IncomePage, quarantine_of
from etl.core.markets.market import Market, Records
from etl.core.orders import Reject
from etl.core.paging import PageRequest
from etl.core.planning import Rules
from etl.core.timeline import Window, duration, iso
from etl.core.wallets import Wallet
from etl.errors import CredentialsError, NotServedError, RejectedError
from etl.exchange import income as endpoint
from etl.exchange.client import ExchangeClient
from etl.exchange.question import Question
from etl.runs.readings import Left
from etl.runs.record_reader import Outcome, RecordReader
from etl.runs.spans import Planner
from etl.store import income
from etl.store.record_coverage import RecordCoverage

GIVEN_UP = frozenset({"saturated", "beyond_retention"})
"""Reasons of gaps that no run asks for again by itself."""


@dataclass(frozen=True)
class IncomeList:
    """The income of one type of an account in a market."""

    wallet: Wallet
    listed: Records
    scope: str
    """The type."""

    @property
    def title(self) -> str:
        return f"income {self.scope}"

    @property
    def quarantine(self) -> str:
        return quarantine_of(self.wallet.market)

    @property
    def coverage(self) -> RecordCoverage:
        return income.coverage_of(*self.wallet, self.scope)

    def question(self, request: PageRequest) -> Question[IncomePage]:
        return endpoint.question(self.listed, self.scope, request)

    def add(self, connection: Connection, run_id: int, records: Sequence[Income]) -> list[Reject]:
        return income.add(connection, *self.wallet, run_id, records)

    def left_out(self, connection: Connection, window: Window, shown: Sequence[Income]) -> str | None:
        row = income.left_out(connection, *self.wallet, self.scope, window, shown)
        return None if row is None else f"{row.tran_id or 'without id'} of {iso(row.time)}"


class IncomeReader:
    """Reads the income of one account in one market after the other."""

    is_by_lot = False

    def __init__(self, records: RecordReader, income_types: Sequence[str]) -> None:
        self._records = records
        self._income_types = income_types
        self.left = Left()

    def concerns(self, market: Market) -> bool:
        return market.income is not None

    def read(self, wallet: Wallet, client: ExchangeClient, planner: Planner, rules: Rules) -> None:
        """Read what a run is to read of an account in a market, and say what is left.

        Where the host does not have income, or the key may not read it, the other types are not asked for.
        """
        listed = client.market.income
        if listed is None:
            return
        for income_type in self._income_types:
            outcome = self._records.read(IncomeList(wallet, listed, income_type), client, planner, rules)
            self.left.faults += lines(wallet, income_type, outcome)
            if isinstance(outcome.error, CredentialsError | NotServedError):
                return


def lines(wallet: Wallet, income_type: str, outcome: Outcome) -> list[str]:
    """The line that says what of a type is not proven; none where nothing is to be said.

    A host that does not have income is no fault: it is the same every night, and the log says it.
    """
    whose, error = f"account {wallet}: the income {income_type}", outcome.error
    if isinstance(error, NotServedError):
        return []
    if isinstance(error, CredentialsError):
        return [f"account {wallet}: the key may not read income ({error})"]
    if isinstance(error, RejectedError):
        return [f"{whose} is refused; take it out of income_types if it is no type of income ({error})"]
    if outcome.left_out:
        return [f"{whose} {outcome.left_out[0]} is stored, but the exchange left it out, so its answer proves nothing"]
    if outcome.unproven:
        is_given_up = error is None and bool(outcome.reasons) and {*outcome.reasons} <= GIVEN_UP
        next_time = "it is not asked for again" if is_given_up else "the next run asks again"
        return [f"{whose} of {duration(outcome.unproven)} is not proven ({outcome.why}); {next_time}"]
    return []
