"""`force-orders export`: write orders to a file for other programs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

import click

from etl import __version__
from etl.cli import options
from etl.cli.console import print_stderr, show_waits, stdout_errors
from etl.cli.options import examples, load_settings
from etl.commands.export_orders import Exported, export_orders
from etl.core.text import many, printable
from etl.core.timeline import iso, parse_instant
from etl.errors import ConfigError
from etl.exchange.clock import local_now
from etl.reporting.export.columns import choose_columns
from etl.reporting.export.formats import FORMATS, format_of
from etl.reporting.export.orders import OrderFilter
from etl.reporting.export.partitions import Partition
from etl.reporting.export.request import DEFAULT_NAME, LAST, ExportRequest, check_request
from etl.reporting.files import atomic_write, is_stream
from etl.reporting.report_tables import doubt_lines
from etl.runs import from_settings
from etl.runs.arguments import parse_symbols
from etl.runs.spans import SpanText

STDOUT = "-"
EVER = "1970-01-01"
"""The default of --since: more may be stored than the exchange still keeps."""
OF_A_LAKE = "parquet"
"""The format of partitions, unless another is named."""


@click.command(
    epilog=examples(
        "force-orders export --since 2026-10-01 --until 2026-10-31 --symbol BTCUSDT --out october.parquet",
        "force-orders export --format jsonl --columns symbol,order_id,notional --out -",
        "force-orders export --changed-since last --partition day --out lake",
    )
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(FORMATS),
    help="Default: by the suffix of FILE, before .gz or .zst; parquet with --partition.",
)
@options.since
@options.until
@click.option(
    "--changed-since",
    metavar="T|last",
    help="Only orders stored or changed from T on, by the database's clock; last: since the last export of the --name.",
)
@click.option("--name", metavar="NAME", help=f"Of the export that 'last' means. Default: {DEFAULT_NAME}.")
@options.symbols
@options.accounts
@options.markets
@click.option("--columns", metavar="A,B,C", help="These columns, in this order. Default: all.")
@click.option(
    "--partition",
    type=click.Choice([one.value for one in Partition]),
    help="FILE is a directory with one for each, of UTC.",
)
@click.option("--bom", is_flag=True, help="Begin CSV with a byte order mark, for Excel.")
@click.option("--provenance", is_flag=True, help="Write FILE.json too: span, counts, checksum, what is complete.")
@click.option(
    "--out", metavar="FILE", type=click.Path(), required=True, help="Written completely or not at all; - is stdout."
)
@click.pass_context
def export(
    context: click.Context,
    file_format: str | None,
    since: str | None,
    until: str | None,
    changed_since: str | None,
    name: str | None,
    symbol: tuple[str, ...],
    account: tuple[str, ...],
    market: tuple[str, ...],
    columns: str | None,
    partition: str | None,
    bom: bool,
    provenance: bool,
    out: str,
) -> None:
    """Write orders to a file for other programs.

    The formats are CSV, JSONL, Parquet and xlsx. By default all orders, with the columns of the view
    report_force_orders. A file whose name ends with .gz or .zst is compressed. Decimals keep every digit, times are
    UTC, whatever time_zone is. In CSV null is an empty cell, and a text that a spreadsheet would run as a formula gets
    an apostrophe in front. In JSONL every value is a string or null, because many readers turn numbers into floats.
    Parquet uses decimal128. In xlsx ids are text, and so are numbers that Excel would round. Parquet, xlsx and .zst
    need the extras 'parquet', 'xlsx' and 'zstd'. What is not complete of the days that are exported is named on stderr.

    With --changed-since last no change is ever left out; one may come twice. With --partition the partitions of changed
    orders are written as a whole.
    """
    settings, now = load_settings(context), local_now()
    span = SpanText(EVER if since is None else since, until).resolve(from_settings.rules(settings, now))
    bounds = None if since is None else span.start, None if until is None else span.end
    is_remembered = changed_since == LAST
    changed = None if changed_since is None or is_remembered else _instant(changed_since, now)
    request = ExportRequest(
        out=out,
        is_stream=out == STDOUT or is_stream(Path(out)),
        file=format_of(out, file_format or (OF_A_LAKE if partition else None), for_excel=bom),
        columns=choose_columns(columns),
        chosen=OrderFilter(*bounds, parse_symbols(symbol), account, market, changed),
        span=span,
        since=since,
        partition=None if partition is None else Partition(partition),
        mark=_mark(name, is_remembered=is_remembered),
        with_provenance=provenance,
    )
    check_request(request, now)
    with (
        nullcontext() if out == STDOUT else show_waits(),
        from_settings.store(settings, only_reads=not is_remembered) as connection,
    ):
        exported = export_orders(
            connection, request, _stdout if out == STDOUT else lambda: atomic_write(Path(out)), __version__
        )
    if out != STDOUT:
        print_stderr(_line(exported, out))
    for line in (*exported.notes, *doubt_lines(exported.doubted)):
        print_stderr(line)
    if exported.verdict is not None and not exported.verdict.is_complete:
        print_stderr(printable(exported.verdict.line))


@contextmanager
def _stdout() -> Iterator[BinaryIO]:
    with stdout_errors():
        yield sys.stdout.buffer


def _instant(typed: str, now: int) -> int:
    try:
        return parse_instant(typed, now)
    except ValueError as error:
        raise ConfigError(f"--changed-since: {error}, or last") from None


def _mark(name: str | None, *, is_remembered: bool) -> str | None:
    """The name under which is remembered how far the export came."""
    if name is not None and not is_remembered:
        raise ConfigError("--name is the name of what --changed-since last remembers; give both or neither")
    if name is not None and not name.strip():
        raise ConfigError("--name is empty")
    return (name or DEFAULT_NAME).strip() if is_remembered else None


def _line(exported: Exported, out: str) -> str:
    changed = f" changed since {iso(exported.changed_since)}" if exported.changed_since is not None else ""
    where = out if exported.partitions is None else f"{many(exported.partitions, 'partition')} of {out}"
    return f"exported {many(exported.orders, 'order')}{changed} to {where}"
