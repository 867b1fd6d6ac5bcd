"""Holds each account of a run against the host and key that its proof was read with, before any page is requested."""

import secrets
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hmac import compare_digest
from threading import Event

from sqlalchemy import Connection

from etl.core.identity import Held, Outcome, Recognition, Remembered, conclude, has_moved, recognize, shows
from etl.core.markets.market import Market
from etl.core.paging import Answer, Page, PageRequest, Refusal
from etl.core.planning import Rules
from etl.core.timeline import Window, iso
from etl.core.wallets import Wallet
from etl.errors import ConfigError, ExchangeError, ForceOrdersError, ThrottledError, TransientError
from etl.exchange.client import ExchangeClient
from etl.runs.fetchers import interruptibly
from etl.store import identities, orders
from etl.store.identities import Identity, Witness

SALT_BYTES = 16

Refused = dict[Wallet, ForceOrdersError]
"""What must not be read, and why."""


@dataclass(frozen=True)
class _Claim:
    """An account in a market with the host and key in use, and what is stored under its name."""

    wallet: Wallet
    client: ExchangeClient
    remembered: Remembered | None
    held: Held
    options: list[str]
    """The options that name it on the command line."""

    @property
    def former_host(self) -> str | None:
        """The host that is remembered, if it is another one."""
        return self.remembered.host if self.remembered and has_moved(self.remembered, self.client.host) else None


class IdentityCheck:
    """The check of one run, whose accounts must be locked. Commits what is to be remembered."""

    def __init__(self, connection: Connection, page_limit: int) -> None:
        self.unchecked: list[str] = []
        """A line for each account whose key could not be checked."""
        self._connection = connection
        self._page_limit = page_limit
        self._uncertain: list[_Claim] = []

    def without_requests(self, clients: Mapping[Wallet, ExchangeClient]) -> Refused:
        """Refuse the accounts whose proof belongs to another host."""
        refused: Refused = {}
        for wallet, client in clients.items():
            claim = self._claim(wallet, client, wallet.options({market for _, market in clients}))
            match recognize(claim.remembered, client.host, claim.held):
                case Recognition.NEW:
                    self._remember(claim, is_checked=True)
                case Recognition.UNCERTAIN:
                    self._uncertain.append(claim)
                case Recognition.OTHER_HOST:
                    refused[wallet] = ConfigError(_of_another_host(claim))
                case Recognition.KNOWN:
                    pass
        self._connection.commit()
        return refused

    def by_evidence(self, rules_now: Callable[[Market], Rules], stop: Event) -> Refused:
        """Refuse the uncertain accounts to which the exchange does not show what is stored: one request each.

        Raises StoppedError, ThrottledError and StoreError, which end a run for all accounts.
        """
        refused: Refused = {}
        for claim in self._uncertain:
            try:
                self._ask(claim, rules_now(claim.client.market), stop)
            except ThrottledError:
                raise
            except (ConfigError, ExchangeError) as error:
                refused[claim.wallet] = error
        return refused

    def _ask(self, claim: _Claim, rules: Rules, stop: Event) -> None:
        kept = Window(rules.floor, max(rules.now, rules.floor + 1))
        witness = identities.newest_witness(self._connection, *claim.wallet, kept)
        is_shown = None if witness is None else self._is_shown(claim, witness, stop)
        outcome = conclude(is_shown, claim.remembered, claim.client.host, claim.held, rules.floor)
        if outcome is Outcome.REFUSED:
            raise ConfigError(_not_shown(claim, witness) if witness and is_shown is False else _of_another_host(claim))
        # An order that is shown now was stored since an earlier key that could not be checked: it proves nothing older.
        was_checked = claim.remembered is None or claim.remembered.is_checked
        self._remember(claim, is_checked=was_checked and outcome is Outcome.CONFIRMED)
        self._connection.commit()
        if outcome is Outcome.UNCHECKED:
            self.unchecked.append(_not_checked(claim))

    def _is_shown(self, claim: _Claim, witness: Witness, stop: Event) -> bool:
        """Whether the exchange shows the order, or one beside it; raises TransientError where it refuses to answer."""
        symbol, window = witness.key[0], witness.window
        stored = orders.between(self._connection, *claim.wallet, symbol, window)
        self._connection.rollback()
        answer = _answer(claim, PageRequest(window, self._page_limit, symbol), stop)
        if answer is Refusal.UNKNOWN_SYMBOL:  # it may be delisted
            answer = _answer(claim, PageRequest(window, self._page_limit), stop)
        if isinstance(answer, Refusal):
            raise TransientError(_not_answered(witness, answer))
        return shows(answer, stored)

    def _claim(self, wallet: Wallet, client: ExchangeClient, options: list[str]) -> _Claim:
        identity = identities.remembered(self._connection, *wallet)
        remembered = None
        if identity is not None:
            has_same_key = compare_digest(identity.key_fingerprint, client.fingerprint(identity.key_salt))
            remembered = Remembered(identity.host, has_same_key, identity.is_checked)
        return _Claim(wallet, client, remembered, identities.held(self._connection, *wallet), options)

    def _remember(self, claim: _Claim, *, is_checked: bool) -> None:
        salt = secrets.token_bytes(SALT_BYTES)
        identity = Identity(claim.client.host, salt, claim.client.fingerprint(salt), is_checked)
        identities.remember(self._connection, *claim.wallet, identity)


def _answer(claim: _Claim, request: PageRequest, stop: Event) -> Answer:
    """The answer to a request for what the exchange must have; a refusal may be a mistake, so it is asked once more."""
    answer = interruptibly(partial(claim.client.page, request), stop)
    if isinstance(answer, Page) or answer is Refusal.UNKNOWN_SYMBOL:
        return answer
    return interruptibly(partial(claim.client.page, request), stop)


def _of_another_host(claim: _Claim) -> str:
    host, former = claim.client.host, claim.former_host
    return (
        f"what is stored was read from {former} and proves nothing about {host}; set base_url back, or use another "
        f"account name for {host}; if {host} is the same exchange at a new address, let it be read again: "
        f"force-orders coverage reset {shlex.join(claim.options)} --why 'new address'"
    )


def _words(witness: Witness) -> str:
    symbol, order_id = witness.key
    return f"order {order_id} of {symbol} ({iso(witness.order_time)})"


def _not_answered(witness: Witness, refusal: Refusal) -> str:
    return (
        f"it is not known whether key and address are those of the same account: the exchange refused twice to show "
        f"{_words(witness)}, which is stored ({refusal.value}); nothing was read, try again; if it stays, the exchange "
        "keeps less than retention_days says"
    )


def _not_shown(claim: _Claim, witness: Witness) -> str:
    order, host = _words(witness), claim.client.host
    if claim.former_host is not None:
        return (
            f"{host} does not show {order}, which was read from {claim.former_host}; set base_url back, or use another "
            f"account name for {host}"
        )
    return (
        f"the exchange does not show {order}, which is stored, so the key seems to belong to another account; "
        "use a key of the account that was read before, or another account name for this key"
    )


def _not_checked(claim: _Claim) -> str:
    if claim.remembered is None:
        change = "it is not known with which key the stored history was read, which"
    else:
        change = f"the {'key' if claim.former_host is None else 'address'} has changed, which"
    return (
        f"account {claim.wallet}: {change} could not be checked, because the exchange keeps no order that is stored; "
        f"to compare what it keeps: force-orders verify {shlex.join(claim.options)}"
    )
