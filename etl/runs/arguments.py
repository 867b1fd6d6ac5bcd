"""What a person or a program asks for, looked at before anything else is done: symbols and times."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from etl.errors import ConfigError

if TYPE_CHECKING:
    from etl.runs.spans import SpanText
    from etl.settings.model import Settings


def parse_symbols(typed: Sequence[str]) -> list[str]:
    """Symbols, each alone or several with commas; raises ConfigError for what is none."""
    names = [name.strip().upper() for text in typed for name in text.split(",")]
    for name in names:
        if not re.fullmatch(r"\w{2,64}", name):
            raise ConfigError(f"{name!r} is no symbol; it is written like BTCUSDT")
    return names


def check_span(settings: "Settings", span: "SpanText") -> None:
    """Raise ConfigError for a span that cannot be, by this machine's clock, which may be wrong."""
    from etl.exchange.clock import local_now
    from etl.runs import composition

    span.resolve(composition.rules(settings, local_now()))


def check_readable(settings: "Settings", span: "SpanText") -> None:
    """The same for a span that the exchange is asked for."""
    from etl.exchange.clock import local_now
    from etl.runs import composition

    span.readable(composition.rules(settings, local_now()))
