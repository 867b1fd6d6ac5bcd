"""Options that several commands share, and what is made of them before anything else is done."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.errors import ConfigError

if TYPE_CHECKING:
    from etl.settings import Settings
    from etl.spans import SpanText

since = click.option("--since", metavar="T", help="2026-09-01, 2026-09-01T12:00Z, 90d or epoch ms; UTC.")
until = click.option("--until", metavar="T", help="Likewise; now by default.")
symbols = click.option("--symbol", metavar="S", multiple=True, help="May be repeated; all by default.")
accounts = click.option("--account", metavar="A", multiple=True, help="May be repeated; all by default.")


def load_settings(context: click.Context) -> "Settings":
    from etl.settings import load

    return load(context.obj)


def database_of(context: click.Context) -> tuple[str | None, Path]:
    settings = load_settings(context)
    return settings.database_url.get_secret_value() if settings.database_url else None, settings.data_dir


def parse_symbols(typed: Sequence[str]) -> list[str]:
    names = [name.strip().upper() for text in typed for name in text.split(",")]
    for name in names:
        if not re.fullmatch(r"\w{2,64}", name):
            raise ConfigError(f"{name!r} is no symbol; it is written like BTCUSDT")
    return names


def chosen_accounts(typed: Sequence[str], stored: Sequence[str]) -> Sequence[str]:
    """Those that were named, without any all that are stored; raises ConfigError for a name that is not."""
    for name in typed:
        if name not in stored:
            there = f"it holds {', '.join(stored)}" if stored else "nothing is stored yet"
            raise ConfigError(f"there is no account {name!r} in the database; {there}")
    return sorted(set(typed)) or stored


def check_span(settings: "Settings", span: "SpanText") -> None:
    """Before anything else is done: by this machine's clock, which may be wrong."""
    from etl import app
    from etl.exchange.clock import local_now

    span.resolve(app.rules(settings, local_now()))
