"""Options that several commands share, and what is made of them before anything else is done."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.errors import ConfigError

if TYPE_CHECKING:
    from etl.settings.model import Settings

since = click.option("--since", metavar="T", help="2026-09-01, 2026-09-01T12:00Z, 90d or epoch ms; all UTC.")
until = click.option("--until", metavar="T", help="Likewise, but a bare date includes its day; now by default.")
symbols = click.option("--symbol", metavar="S", multiple=True, help="May be repeated; all by default.")
accounts = click.option("--account", metavar="A", multiple=True, help="May be repeated; all by default.")


def examples(*lines: str) -> str:
    """The end of a command's help: lines to be typed as they stand, which no terminal's width may break."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def load_settings(context: click.Context) -> "Settings":
    from etl.settings.loading import load

    return load(context.obj)


def database_of(context: click.Context) -> tuple[str | None, Path]:
    settings = load_settings(context)
    return settings.database_url.get_secret_value() if settings.database_url else None, settings.data_dir


def chosen_accounts(typed: Sequence[str], stored: Sequence[str]) -> Sequence[str]:
    """Those that were named, without any all that are stored; raises ConfigError for a name that is not."""
    for name in typed:
        if name not in stored:
            there = f"it holds {', '.join(stored)}" if stored else "nothing is stored yet"
            raise ConfigError(f"there is no account {name!r} in the database; {there}")
    return sorted(set(typed)) or stored
