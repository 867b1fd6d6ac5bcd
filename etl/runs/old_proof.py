"""Old proof that a page contradicts: it shows an order there that the exchange had not shown when that time was read.

The last days before the newest proof are read again each night, and an order may appear late in them. What was proven
before that was asked for and answered long ago. Where one of those answers was wrong, the others may be too.
"""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection

from etl.core.auditing import old_proof
from etl.core.findings import Verdict
from etl.core.markets import market_named
from etl.core.markets.market import Market
from etl.core.orders import Key
from etl.core.planning import Known, Rules
from etl.core.text import many
from etl.core.timeline import duration, merge
from etl.core.verifying import proven_scopes
from etl.core.wallets import Wallet
from etl.runs.recorder import Proof, Received
from etl.store import orders, quarantine
from etl.store.coverage import Gap
from etl.store.schema import EVERY_SYMBOL


def taken_back(wallet: Wallet, who: str, found: Sequence[Key], gaps: Sequence[Gap]) -> str:
    """The line on an account whose old proof is doubted. `who`: what found the orders."""
    symbol, order_id = found[0]
    time = duration(sum(window.width for window in merge(gap.window for gap in gaps)))
    return (
        f"account {wallet}: {who} found {many(len(found), 'order')} that the exchange had not shown, for example "
        f"{symbol} {order_id}; now stored, and the proof of {time} that rests on the same answers is taken back: the "
        f"next run reads them again"
    )


class OldProof:
    """What earlier runs proved of each account of a run, and the orders that contradict it."""

    def __init__(self, connection: Connection, rules_of: Callable[[Market], Rules]) -> None:
        """`rules_of`: the planning rules of a market now."""
        self._connection = connection
        self._rules_of = rules_of
        self._proof: dict[Wallet, list[Proof]] = {}
        self._unknown: dict[Wallet, set[Key]] = {}

    def begin(self, wallet: Wallet, known: Mapping[str | None, Known]) -> None:
        """Before the first page: what is known of the account in a market."""
        rules = self._rules_of(market_named(wallet.market))
        scopes = proven_scopes(old_proof(known, rules.reread), rules)
        self._proof[wallet] = [(scope.symbol, window) for scope in scopes for window in scope.needs]

    def doubted(self, received: Received) -> Sequence[Proof]:
        """What a page contradicts: all old proof of its account, or nothing."""
        wallet, page, proof = received.wallet, received.page, self._proof.get(received.wallet, [])
        if page is None or not proof:
            return ()
        keys = {
            order.key
            for order in page.orders
            if any(symbol in (None, order.symbol) and window.contains(order.order_time) for symbol, window in proof)
        }
        if not keys:
            return ()
        known = orders.stored(self._connection, *wallet, [*keys])
        unknown = keys - known.keys() - quarantine.shown(self._connection, *wallet, keys)
        self._connection.rollback()
        self._unknown.setdefault(wallet, set()).update(unknown)
        return proof if unknown else ()

    def contradictions(self) -> tuple[list[Gap], list[str]]:
        """After the last page: what is no longer taken as proven, and a line for each account."""
        gaps: list[Gap] = []
        lines: list[str] = []
        for wallet, unknown in sorted(self._unknown.items()):
            if found := sorted(orders.stored(self._connection, *wallet, [*unknown])):
                own = [
                    Gap(*wallet, symbol or EVERY_SYMBOL, window, Verdict.DISPUTED)
                    for symbol, window in self._proof[wallet]
                ]
                gaps += own
                lines.append(taken_back(wallet, "a page", found, own))
        return gaps, lines
