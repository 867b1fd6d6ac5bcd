"""Options that several commands share, and what is made of them before anything else is done."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.errors import ConfigError

if TYPE_CHECKING:
    from etl.settings import Settings
    from etl.spans import SpanText

Since = Annotated[str | None, typer.Option(metavar="T", help="2026-09-01, 2026-09-01T12:00Z, 90d or epoch ms; UTC.")]
Until = Annotated[str | None, typer.Option(metavar="T", help="Likewise; now by default.")]
Symbols = Annotated[list[str] | None, typer.Option("--symbol", metavar="S", help="May be repeated; all by default.")]
Accounts = Annotated[list[str] | None, typer.Option("--account", metavar="A", help="May be repeated; all by default.")]


def load_settings(context: typer.Context) -> "Settings":
    from etl.settings import load

    return load(context.obj)


def database_of(context: typer.Context) -> tuple[str | None, Path]:
    settings = load_settings(context)
    return settings.database_url.get_secret_value() if settings.database_url else None, settings.data_dir


def parse_symbols(typed: list[str]) -> list[str]:
    names = [name.strip().upper() for text in typed for name in text.split(",")]
    for name in names:
        if not re.fullmatch(r"\w{2,64}", name):
            raise ConfigError(f"{name!r} is no symbol; it is written like BTCUSDT")
    return names


def check_span(settings: "Settings", span: "SpanText") -> None:
    """Before anything else is done: by this machine's clock, which may be wrong."""
    from etl import app
    from etl.exchange.clock import local_now

    span.resolve(app.rules(settings, local_now()))
