"""`force-orders quarantine …`: rows of the exchange that could not be read."""

import click

from etl.cli import options
from etl.cli.console import keep_exit_code, print_line, print_tables, show_waits
from etl.cli.options import examples, load_settings
from etl.commands.dismiss_quarantine import dismiss_rows
from etl.commands.retry_quarantine import retry_quarantine
from etl.core.text import many
from etl.errors import ExitCode
from etl.reporting.layout import Column
from etl.reporting.table import table
from etl.runs import from_settings
from etl.store.engine import store_errors
from etl.store.quarantine import unresolved


@click.group(epilog=examples("force-orders quarantine list"))
def quarantine() -> None:
    """List, retry and dismiss rows that could not be read."""


@quarantine.command("list", epilog=examples("force-orders quarantine list"))
@click.pass_context
def quarantine_list(context: click.Context) -> None:
    """List the rows as received, and why they could not be read.

    Exit code 3 if there are any.
    """
    with show_waits(), from_settings.store(load_settings(context), only_reads=True) as connection, store_errors():
        rows = unresolved(connection)
    if not rows:
        print_line("the quarantine is empty")
        return
    cells = [(row.id, row.account, f"{row.seen_at:%Y-%m-%d %H:%M:%SZ}", row.reason, row.raw) for row in rows]
    columns = (
        *(Column("id"), Column("account", 2, min_width=8), Column("seen", 1)),
        *(Column("reason", min_width=20, wraps=True), Column("row", min_width=20)),
    )
    print_tables([table(None, columns, cells)])
    context.exit(ExitCode.INCOMPLETE)


@quarantine.command("retry", epilog=examples("force-orders quarantine retry"))
@click.pass_context
def quarantine_retry(context: click.Context) -> None:
    """Read the rows again, for example after an upgrade.

    Exit code 3 if some still cannot be read.
    """
    with show_waits(), from_settings.store(load_settings(context)) as connection:
        retried = retry_quarantine(connection)
    with keep_exit_code():
        print_line(f"{retried.stored} read and stored, {retried.left} still in quarantine")
    context.exit(retried.exit_code)


@quarantine.command("dismiss", epilog=examples("force-orders quarantine dismiss 7 8 --why 'test rows of the exchange'"))
@click.argument("ids", metavar="ID…", nargs=-1, required=True, type=click.IntRange(min=1))
@options.why
@click.pass_context
def quarantine_dismiss(context: click.Context, ids: tuple[int, ...], why: str) -> None:
    """Decide that rows need not be read.

    'quarantine list' shows the ids. The rows stay in the table, and the same row does not come back when the exchange
    sends it again. Their days count as proven.
    """
    with show_waits(), from_settings.store(load_settings(context)) as connection:
        left = dismiss_rows(connection, ids, why)
    with keep_exit_code():
        print_line(f"{many(len(set(ids)), 'row')} dismissed, {left} still in quarantine")
