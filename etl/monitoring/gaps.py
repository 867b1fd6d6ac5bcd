"""Gaps as people see them: one entry for all symbols that share a gap, and the command that closes it."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from etl.core.markets import market_named
from etl.core.planning import scopes
from etl.core.timeline import Window, iso
from etl.core.wallets import Wallet
from etl.store.coverage import Gap
from etl.store.schema import EVERY_SYMBOL

SATURATED = "saturated: nothing closes it; one millisecond has more orders than the exchange shows"
NOT_READ = "market_not_read: the account has this market and it is not read; force-orders accounts check says why"
BEYOND = "beyond_retention: nothing closes it; the exchange no longer keeps that time"


@dataclass(frozen=True)
class SharedGap:
    """A gap of an account and the symbols that share it; `*` stands for requests without symbol."""

    account: str
    market: str
    window: Window
    reason: str
    symbols: tuple[str, ...]

    @property
    def symbol(self) -> str:
        return symbol_or_count(self.symbols)


def symbol_or_count(symbols: Sequence[str], more: int = 0) -> str:
    """The symbol, or how many there are; `more`: symbols that share what is said of `*`."""
    if len(symbols) + more == 1:
        return symbols[0]
    named = sum(symbol != EVERY_SYMBOL for symbol in symbols) + more
    many = f"{named} symbol{'s' * (named > 1)}"
    return many if named == len(symbols) + more else f"{EVERY_SYMBOL} and {many}"


def shared(gaps: Iterable[Gap]) -> list[SharedGap]:
    """Gaps with the same account, market, window and reason as one, in the order of first appearance."""
    symbols: dict[tuple[str, str, Window, str], dict[str, None]] = {}
    for gap in gaps:
        symbols.setdefault((gap.account, gap.market, gap.window, gap.reason), {})[gap.symbol] = None
    return [SharedGap(*which, tuple(names)) for which, names in symbols.items()]


def closing_lines(gaps: Sequence[SharedGap], floor: int) -> list[str]:
    """The command that closes the gaps of each account, market and symbols, or the reason why none does.

    `floor`: the oldest instant that the exchange keeps, epoch milliseconds.
    """
    open_windows: dict[tuple[str, str, tuple[str, ...]], list[Window]] = {}
    lost: dict[str, None] = {}
    for gap in gaps:
        if gap.reason == "saturated":
            lost[SATURATED] = None
        elif gap.reason == "beyond_retention":
            lost[BEYOND] = None
        elif gap.reason == "market_not_read":
            lost[NOT_READ] = None
        elif gap.window.end <= floor:
            lost[f"{gap.reason} before {iso(floor)}: nothing closes it; the exchange no longer keeps that time"] = None
        else:
            open_windows.setdefault((gap.account, gap.market, _named(gap)), []).append(gap.window)
    commands = [
        f"to close the gap: {command(account, market, symbols, windows, floor)}"
        for (account, market, symbols), windows in open_windows.items()
    ]
    return [*commands, *lost]


def command(account: str, market: str, symbols: Sequence[str], windows: Sequence[Window], floor: int) -> str:
    """The backfill that reads all of these windows as far as the exchange keeps them."""
    since, until = min(window.start for window in windows), max(window.end for window in windows)
    words = ["force-orders", "backfill"]
    words += ["--since", iso(since)] if since >= floor else []
    words += ["--until", iso(until), *Wallet(account, market).options()]
    words += [word for symbol in symbols for word in ("--symbol", symbol)]
    return shlex.join(words)


def _named(gap: SharedGap) -> tuple[str, ...]:
    """The symbols to name in requests; none where a request without symbol costs less."""
    if EVERY_SYMBOL in gap.symbols:
        return ()
    cheapest = scopes(gap.symbols, market_named(gap.market).weights)
    return tuple(symbol for symbol in cheapest if symbol is not None)
