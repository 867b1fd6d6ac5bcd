"""Which accounts and markets a run reads: those requested, those set, or those that the exchange says there are."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from etl.core.account_markets import HAS_NONE, just_closed, readable, unread
from etl.core.market_choice import NO_MARKET_OF_SYMBOLS, markets_to_read
from etl.core.planning import OPENED
from etl.core.wallets import Wallet
from etl.runs.market_finding import begins, find_markets, note_choice
from etl.runs.reader import Reader


@dataclass
class Selection:
    """What a run is to read."""

    wallets: list[Wallet] = field(default_factory=list)
    begins: dict[Wallet, int] = field(default_factory=dict)
    """From when on a market is read that an account got by a switch, epoch milliseconds."""
    unread: list[str] = field(default_factory=list)
    """A line for each market that an account has and that is not read."""

    def begin(self, wallet: Wallet) -> int:
        """Before this instant nothing is asked for, epoch milliseconds."""
        return self.begins.get(wallet, OPENED)


def select_wallets(connection: Connection, reader: Reader) -> Selection:
    """Asks for the markets of accounts whose settings name none. Raises ThrottledError, StoppedError and StoreError."""
    selection = Selection()
    for account in reader.accounts:
        own: Sequence[str] = ()
        if not reader.requested:
            own, unread_here = _markets_of(connection, reader, account)
            selection.unread += [f"account {account}: {line}" for line in unread_here]
        names = markets_to_read(reader.requested, own, reader.symbols)
        if own and not names:
            selection.unread.append(f"account {account}: {NO_MARKET_OF_SYMBOLS}")
        selection.wallets += [Wallet(account, name) for name in names]
        selection.begins |= begins(connection, account)
    return selection


def _markets_of(connection: Connection, reader: Reader, account: str) -> tuple[Sequence[str], list[str]]:
    """The markets of an account that are to be read, and a line for each that it has besides."""
    if chosen := reader.markets_set(account):
        note_choice(connection, account, chosen)
        return chosen, []
    known = find_markets(connection, reader, account)
    names, lines = readable(known), [*(f"not read: {line}" for line in unread(known)), *just_closed(known)]
    return names, lines if names or lines else [HAS_NONE]
