"""Tells one account's trouble from its host's: who failed, and who was answered in the meantime. Pure."""

from collections import ChainMap, Counter
from collections.abc import Iterable, Mapping

from etl.core.wallets import Wallet
from etl.errors import ContractError, ExchangeError, NotServedError, TransientError

FAILURES_IN_A_ROW = 3
"""After this many windows of an account that fail one after the other, the account is left out of the run. After this
many accounts that fail while nobody is answered, the exchange counts as unreachable."""


class RunFailures:
    """The failures of a run, host by host: one that fails leaves the others alone."""

    def __init__(self, wallets: Iterable[tuple[Wallet, str]]) -> None:
        """`wallets`: what the run reads, each with its host."""
        self._hosts = dict(wallets)
        self._failures = {
            host: HostFailures(wallet for wallet, own in self._hosts.items() if own == host)
            for host in dict.fromkeys(self._hosts.values())
        }
        self.silent_hosts: dict[str, ExchangeError] = {}
        """The hosts from which nothing is read any more, and the error that decided it."""

    @property
    def left_out(self) -> Mapping[Wallet, ExchangeError]:
        """What is not read any more by its own fault, and the error that decided it."""
        return ChainMap(*(failures.left_out for failures in self._failures.values()))

    def is_left_out(self, wallet: Wallet) -> bool:
        """By its own fault or its host's."""
        return wallet in self.left_out or self._hosts[wallet] in self.silent_hosts

    def answered(self, wallet: Wallet) -> None:
        """The host has answered a request."""
        self._failures[self._hosts[wallet]].answered(wallet)

    def failed(self, wallet: Wallet, error: ExchangeError) -> None:
        """A request failed for good. Raises the error if nothing is read from any host any more."""
        host = self._hosts[wallet]
        try:
            self._failures[host].failed(wallet, error)
        except ExchangeError:
            if {host, *self.silent_hosts} == self._failures.keys():
                raise
            self.silent_hosts[host] = error


class HostFailures:
    """The failures of what a run reads from one host.

    A refusal is its account's own. What may be the fault of the host or the address (no answer, a wrong answer, an
    endpoint or a region that is not served) is the account's own once the host answers another account.
    """

    def __init__(self, wallets: Iterable[Wallet]) -> None:
        self._wallets = frozenset(wallets)
        self._in_a_row: Counter[Wallet] = Counter()
        self._silent: set[Wallet] = set()
        self.left_out: dict[Wallet, ExchangeError] = {}
        """What is not read any more, and the error that decided it."""

    def answered(self, wallet: Wallet) -> None:
        """The host has answered a request."""
        del self._in_a_row[wallet]
        self._silent.clear()

    def failed(self, wallet: Wallet, error: ExchangeError) -> None:
        """A request failed for good. Raises the error if it is the host's."""
        may_pass = isinstance(error, TransientError | ContractError)
        if may_pass or isinstance(error, NotServedError):
            self._silent.add(wallet)
        self._in_a_row[wallet] += 1
        if not may_pass or self._in_a_row[wallet] >= FAILURES_IN_A_ROW:
            self.left_out.setdefault(wallet, error)
        if len(self._silent) >= FAILURES_IN_A_ROW or self._wallets == self._silent & self.left_out.keys():
            self.left_out = {own: error for own, error in self.left_out.items() if own not in self._silent}
            raise error
