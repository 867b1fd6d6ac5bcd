"""Whether an empty export is an answer: a symbol that is not stored, and a time never asked for, are mistakes."""

from collections.abc import Sequence
from difflib import get_close_matches

from sqlalchemy import Connection

from etl.core.timeline import Window, iso, window_or_none
from etl.errors import ConfigError
from etl.reporting.export import Chosen, has_orders
from etl.store.coverage import Asked, read_asked
from etl.store.engine import store_errors

SHOWN = 5
"""Symbols that are named of many."""

NEAR, NEAREST = 0.6, 3
"""How alike two names are that may be meant for each other, as difflib counts (BTC and BTCUSDT are 0.6); how many."""


def check_stored(connection: Connection, chosen: Chosen, span: Window) -> None:
    """Raise ConfigError where nothing is stored of a symbol, or nothing of `span`, which `chosen` bounds, was asked.

    A symbol is stored once it has an order or was asked for by name. Raises StoreError.
    """
    with store_errors():
        asked = [one for one in read_asked(connection) if not chosen.accounts or one.account in chosen.accounts]
        names = sorted({one.symbol for one in asked if one.symbol is not None})
        for symbol in chosen.symbols:
            if symbol not in names and not has_orders(connection, Chosen(None, None, [symbol], chosen.accounts)):
                raise ConfigError(unknown_symbol(symbol, names))
        is_empty = not has_orders(connection, chosen)
        connection.rollback()
    if is_empty and (wrong := never_asked(asked, chosen.symbols, span)):
        raise ConfigError(wrong)


def unknown_symbol(symbol: str, names: Sequence[str]) -> str:
    """What to write in place of a symbol that is not stored."""
    if near := get_close_matches(symbol, names, NEAREST, NEAR):
        return f"no symbol {symbol} is stored; did you mean {' or '.join(near)}?"
    if not names:
        return f"no symbol {symbol} is stored, nor any other; start with: force-orders backfill"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"no symbol {symbol} is stored; there are {', '.join(names[:SHOWN])}{more}"


def never_asked(asked: Sequence[Asked], symbols: Sequence[str], span: Window) -> str | None:
    """One line where nothing of the span was ever asked for, of these symbols or, without any, of any; else None."""
    spans = [one.span for one in asked if one.span and (not symbols or one.symbol is None or one.symbol in symbols)]
    if any(one.intersect(span) for one in spans):
        return None
    whole = window_or_none(min((one.start for one in spans), default=0), max((one.end for one in spans), default=0))
    if whole is None:
        return "nothing was read yet; start with: force-orders backfill"
    wanted, known = (f"from {iso(one.start)} to {iso(one.end)}" for one in (span, whole))
    return f"nothing {wanted} was ever asked for; history was asked for {known}"
