"""`force-orders statement`: a page about the completeness of a period, for an auditor."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from etl import __version__
from etl.accounts.key_sources import account_names
from etl.cli import options
from etl.cli.console import keep_exit_code, print_line, print_tables, show_waits
from etl.cli.options import examples, load_settings
from etl.core.statement import Statement, stated_period
from etl.core.text import printable
from etl.errors import ConfigError, ExitCode
from etl.reporting.files import atomic_write
from etl.reporting.statement import describe_export, read_statement
from etl.reporting.statement_html import statement_page
from etl.reporting.statement_json import document, encoded
from etl.reporting.statement_text import statement_parts
from etl.reporting.table import Table
from etl.runs import from_settings

SUFFIXES = (".html", ".json")


@click.command(
    epilog=examples(
        "force-orders statement --from 2026-01-01 --until 2026-12-31",
        "force-orders statement --from 2026-01 --until 2026-12 --account main --out statement.html",
        "force-orders statement --from 2026 --until 2026 --export 2026.csv --out 2026.html --out 2026.json",
    )
)
@click.option("--from", "first", metavar="D", required=True, help="The first day, or its month or year: 2026-01-01.")
@click.option("--until", "last", metavar="D", required=True, help="The last day, included, or its month or year.")
@options.accounts
@options.time_zone
@click.option(
    "--export",
    "export",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Name a file that goes with it: its SHA-256.",
)
@click.option(
    "--out", metavar="FILE", multiple=True, type=click.Path(path_type=Path),
    help="Repeatable: .html for a page to print and sign, .json for programs. Default: text.",
)  # fmt: skip
@click.pass_context
def statement(
    context: click.Context,
    first: str,
    last: str,
    account: tuple[str, ...],
    zone: str | None,
    export: Path | None,
    out: tuple[Path, ...],
) -> None:
    """State how complete a period is, for an auditor.

    Accounts and markets, the state of every day as a calendar, gaps with reasons, quarantine, verifications, seals,
    counts and sums, who made it and when, and a line to sign. Its verdict is that of 'complete', and so is the exit
    code: 0 or 3. A page holds no script and loads nothing; printed, it is A4. Page and document with the same id say
    the same: to have both, name both files.
    """
    settings = load_settings(context)
    for file in out:
        if file.suffix not in SUFFIXES:
            raise ConfigError(f"--out: {printable(str(file))} must end with {' or '.join(SUFFIXES)}")
    try:
        period = stated_period(first, last)
    except ValueError as error:
        raise ConfigError(f"--from and --until: {error}") from None
    attached = None if export is None else describe_export(export)
    with show_waits(), from_settings.store(settings, only_reads=True) as connection:
        found = read_statement(
            connection, period, zone or settings.time_zone, account, account_names(settings), __version__, attached
        )
    said = document(found)
    if out:
        _write(found, said, out)
    else:
        _print(statement_parts(found, said["id"]))
    context.exit(ExitCode.DONE if found.verdict.is_complete else ExitCode.INCOMPLETE)


def _write(found: Statement, said: dict[str, Any], files: Sequence[Path]) -> None:
    for file in files:
        content = statement_page(found, said["id"]).encode() if file.suffix == ".html" else encoded(said)
        with atomic_write(file) as opened:
            opened.write(content)
    with keep_exit_code():
        print_line(printable(found.verdict.line))
        print_line(printable(f"wrote {', '.join(map(str, files))} (statement {said['id']})"))


def _print(parts: Iterator[str | Table]) -> None:
    for part in parts:
        if isinstance(part, Table):
            print_tables([part])
        else:
            print_line(part)
