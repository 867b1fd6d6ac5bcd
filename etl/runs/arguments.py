"""Validates arguments of the command line and the API before anything else happens: symbols, markets and times."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from etl.errors import ConfigError

if TYPE_CHECKING:
    from etl.runs.spans import SpanText
    from etl.settings.model import Settings


def parse_symbols(typed: Sequence[str]) -> list[str]:
    """Symbols in upper case; an argument may hold several with commas. Raises ConfigError for an invalid one."""
    names = [name.strip().upper() for text in typed for name in text.split(",")]
    for name in names:
        if not re.fullmatch(r"\w{2,64}", name):
            raise ConfigError(f"{name!r} is not a symbol; write it like BTCUSDT")
    return names


def check_markets(
    settings: "Settings", accounts: Iterable[str], symbols: Sequence[str], markets: Sequence[str]
) -> None:
    """Raise ConfigError if a symbol is to be asked for where requests take none, or in no market at all."""
    from etl.core.market_choice import OF_SYMBOLS, WITHOUT_SYMBOLS, markets_to_read

    if not symbols:
        return
    for market in markets:
        if market in WITHOUT_SYMBOLS:
            raise ConfigError(f"--market {market} is never read by symbol: its endpoint takes none; leave out --symbol")
    own = [settings.markets_of(account) or OF_SYMBOLS for account in accounts]
    if not any(markets_to_read(markets, of_account, symbols) for of_account in own):
        raise ConfigError("no market of USDⓈ-M futures is to be read; name the market of the symbol with --market")


def check_span(settings: "Settings", span: "SpanText") -> None:
    """Raise ConfigError for an invalid span, by this machine's clock, which may be wrong."""
    from etl.exchange.clock import local_now
    from etl.runs import from_settings

    span.resolve(from_settings.rules(settings, local_now()))


def check_readable(settings: "Settings", span: "SpanText") -> None:
    """The same for a span that is requested from the exchange."""
    from etl.exchange.clock import local_now
    from etl.runs import from_settings

    span.readable(from_settings.rules(settings, local_now()))
