"""Tells one account's trouble from the exchange's: who failed, and who was answered in the meantime. Pure."""

from collections import Counter
from collections.abc import Collection

from etl.errors import ContractError, ExchangeError, NotServedError, TransientError

FAILURES_IN_A_ROW = 3
"""After this many windows of an account that fail one after the other, the account is left out of the run. After this
many accounts that fail while nobody is answered, the exchange counts as unreachable."""


class AccountFailures:
    """The failures of a run's accounts.

    A refusal is its account's own. What may be the fault of the host or the address (no answer, a wrong answer, an
    endpoint or a region that is not served) is the account's own once the host answers another account.
    """

    def __init__(self, accounts: Collection[str]) -> None:
        self._accounts = frozenset(accounts)
        self._in_a_row: Counter[str] = Counter()
        self._silent: set[str] = set()
        self.left_out: dict[str, ExchangeError] = {}
        """The accounts that are not read any more, and the error that decided it."""

    def answered(self, account: str) -> None:
        """The host has answered a request of this account."""
        del self._in_a_row[account]
        self._silent.clear()

    def failed(self, account: str, error: ExchangeError) -> None:
        """A request of this account failed for good. Raises the error if it is not the account's own."""
        may_pass = isinstance(error, TransientError | ContractError)
        if may_pass or isinstance(error, NotServedError):
            self._silent.add(account)
        self._in_a_row[account] += 1
        if not may_pass or self._in_a_row[account] >= FAILURES_IN_A_ROW:
            self.left_out.setdefault(account, error)
        if len(self._silent) >= FAILURES_IN_A_ROW or self._accounts == self._silent & self.left_out.keys():
            self.left_out = {name: own for name, own in self.left_out.items() if name not in self._silent}
            raise error
