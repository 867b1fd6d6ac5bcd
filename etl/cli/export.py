"""`force-orders export`: write orders to a file for other programs."""

import sys
from contextlib import nullcontext
from pathlib import Path

import click

from etl.cli import options
from etl.cli.console import print_stderr, show_waits, stdout_errors
from etl.cli.options import examples, load_settings
from etl.core.text import many, printable
from etl.exchange.clock import local_now
from etl.reporting.export import OrderFilter, export_orders
from etl.reporting.export_check import check_export, incomplete_line
from etl.reporting.export_formats import FORMATS, encoder_for
from etl.reporting.files import atomic_write
from etl.reporting.queries import select_accounts
from etl.reporting.report_tables import doubt_lines
from etl.runs import from_settings
from etl.runs.arguments import parse_symbols
from etl.runs.spans import SpanText

STDOUT = "-"
EVER = "1970-01-01"
"""The default of --since: more may be stored than the exchange still keeps."""


@click.command(
    epilog=examples(
        "force-orders export --out orders.csv",
        "force-orders export --since 2026-10-01 --until 2026-10-31 --symbol BTCUSDT --out october.parquet",
        "force-orders export --format jsonl --out -",
    )
)
@click.option("--format", "file_format", type=click.Choice(FORMATS), help="Default: by the suffix of FILE, before .gz.")
@options.since
@options.until
@options.symbols
@options.accounts
@options.markets
@click.option(
    "--out", metavar="FILE", type=click.Path(), required=True, help="Written completely or not at all; - is stdout."
)
@click.pass_context
def export(
    context: click.Context,
    file_format: str | None,
    since: str | None,
    until: str | None,
    symbol: tuple[str, ...],
    account: tuple[str, ...],
    market: tuple[str, ...],
    out: str,
) -> None:
    """Write orders to a file: CSV, JSONL or Parquet.

    By default all orders, with the columns of the view report_force_orders. A file whose name ends with .gz is
    compressed. Decimals keep every digit, times are UTC, whatever time_zone is. In CSV null is an empty cell, and a
    text that a spreadsheet would run as a formula gets an apostrophe in front. In JSONL every value is a string or
    null, because many readers turn numbers into floats. Parquet uses decimal128 and needs the extra 'parquet'. What is
    not complete of the days that are exported is named on stderr.
    """
    settings = load_settings(context)
    rules = from_settings.rules(settings, local_now())
    span = SpanText(EVER if since is None else since, until).resolve(rules)
    bounds = None if since is None else span.start, None if until is None else span.end
    chosen = OrderFilter(*bounds, parse_symbols(symbol), account, market)
    encode = encoder_for(out, file_format)
    with nullcontext() if out == STDOUT else show_waits(), from_settings.store(settings, only_reads=True) as connection:
        if account:
            select_accounts(connection, account)
        doubted = check_export(connection, chosen, span)
        if out == STDOUT:
            with stdout_errors():
                export_orders(connection, chosen, encode, sys.stdout.buffer)
        else:
            with atomic_write(Path(out)) as file:
                count = export_orders(connection, chosen, encode, file)
            print_stderr(f"exported {many(count, 'order')} to {out}")
        unproven = incomplete_line(connection, chosen, span)
    for line in doubt_lines(doubted):
        print_stderr(line)
    if unproven is not None:
        print_stderr(printable(unproven))
