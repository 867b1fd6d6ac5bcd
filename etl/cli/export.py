"""The command that writes orders to a file for other programs: export."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.cli import arguments
from etl.cli.arguments import chosen_accounts, examples, load_settings
from etl.cli.console import complain, delivery, waits_shown
from etl.errors import ConfigError, OutputError
from etl.runs.arguments import parse_symbols

if TYPE_CHECKING:
    from etl.core.timeline import Window
    from etl.settings.model import Settings

FORMATS = ("csv", "parquet", "jsonl")
STDOUT = "-"
EVER = "1970-01-01"


@click.command(
    epilog=examples(
        "force-orders export --out orders.csv",
        "force-orders export --since 2026-10-01 --until 2026-10-31 --symbol BTCUSDT --out october.parquet",
        "force-orders export --format jsonl --out -",
    )
)
@click.option("--format", "file_format", type=click.Choice(FORMATS), help="By default what the suffix of FILE says.")
@arguments.since
@arguments.until
@arguments.symbols
@arguments.accounts
@click.option("--out", metavar="FILE", type=click.Path(), required=True, help="Whole or not at all; - is stdout.")
@click.pass_context
def export(
    context: click.Context,
    file_format: str | None,
    since: str | None,
    until: str | None,
    symbol: tuple[str, ...],
    account: tuple[str, ...],
    out: str,
) -> None:
    """Write orders to a file: CSV, JSONL or Parquet.

    All of them by default, as the view report_force_orders shows them. Decimals keep every digit, times are UTC. In CSV
    null is an empty cell, and a text that begins like a formula has an apostrophe before it. In JSONL every value is a
    text or null, so that no reader makes a float of a decimal or of an order id. Parquet has decimal128 and needs the
    extra 'parquet'.
    """
    from etl.core.text import many
    from etl.reporting.export import Chosen, encoder_for, export_orders
    from etl.reporting.files import replacing
    from etl.reporting.stored import check_stored
    from etl.runs import composition

    settings = load_settings(context)
    span = _span(settings, since, until)
    bounds = None if since is None else span.start, None if until is None else span.end
    chosen = Chosen(*bounds, parse_symbols(symbol), account)
    encode = encoder_for(file_format or _format_of(out))
    if out == STDOUT and sys.stdout is None:
        raise OutputError("the output cannot be written: stdout is closed")
    with nullcontext() if out == STDOUT else waits_shown(), composition.store(settings) as connection:
        if account:
            from etl.reporting.queries import stored_accounts

            chosen_accounts(account, stored_accounts(connection))
        check_stored(connection, chosen, span)
        if out == STDOUT:
            with delivery():
                export_orders(connection, chosen, encode, sys.stdout.buffer)
        else:
            with replacing(Path(out)) as file:
                count = export_orders(connection, chosen, encode, file)
            complain(f"exported {many(count, 'order')} to {out}")


def _span(settings: "Settings", since: str | None, until: str | None) -> "Window":
    """What was typed; without a beginning everything: more may be stored than the exchange keeps."""
    from etl.exchange.clock import local_now
    from etl.runs import composition
    from etl.runs.spans import SpanText

    return SpanText(EVER if since is None else since, until).resolve(composition.rules(settings, local_now()))


def _format_of(out: str) -> str:
    suffix = Path(out).suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise ConfigError(f"the name {out} does not say the format; add --format {'|'.join(FORMATS)}")
    return suffix
