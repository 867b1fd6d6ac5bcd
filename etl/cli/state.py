"""The commands that only look at what is stored: status and the quarantine."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.cli.arguments import examples, load_settings
from etl.cli.console import best_effort, complain, print_tables, say, waits_shown
from etl.errors import ExitCode

if TYPE_CHECKING:
    from etl.monitoring.status import Status


@click.command(epilog=examples("force-orders status", "force-orders status --json", "force-orders status --check"))
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--check", is_flag=True, help="For monitors: exit 3 where something is wrong.")
@click.pass_context
def status(context: click.Context, as_json: bool, check: bool) -> None:
    """How complete the history is, by account and symbol."""
    from etl.core.timeline import DAY
    from etl.exchange.clock import local_now
    from etl.monitoring.status import read_status, warnings
    from etl.runs import composition

    settings = load_settings(context)
    with waits_shown(), composition.store(settings) as connection:
        rules = composition.rules(settings, local_now())
        found = read_status(connection, rules)
    warned = warnings(found, int(settings.warn_after_days * DAY), rules.floor)
    _print_status(found, as_json, rules.floor)
    for warning in warned:
        complain(warning)
    context.exit(ExitCode.INCOMPLETE if check and warned else ExitCode.DONE)


def _print_status(found: "Status", as_json: bool, floor: int) -> None:
    from etl.monitoring.status import as_json as to_json

    if as_json:
        say(json.dumps(to_json(found), indent=2))
    else:
        from etl.monitoring.gaps import closing_lines, shared
        from etl.reporting.terminal import status_tables

        print_tables(status_tables(found))
        for line in closing_lines(shared(found.gaps), floor):
            say(line)


@click.command(
    epilog=examples(
        "force-orders metrics",
        "force-orders metrics --textfile /var/lib/node_exporter/force_orders.prom",
    )
)
@click.option(
    "--textfile",
    metavar="FILE",
    type=click.Path(),
    help="Replace FILE, as node_exporter's textfile collector wants it (*.prom).",
)
@click.pass_context
def metrics(context: click.Context, textfile: str | None) -> None:
    """What is stored, as Prometheus metrics.

    It asks the exchange nothing.
    """
    from etl.exchange.clock import local_now
    from etl.monitoring.metrics import metrics as read
    from etl.reporting.files import replacing
    from etl.runs import composition

    settings = load_settings(context)
    with waits_shown(), composition.store(settings) as connection:
        found = read(connection, composition.rules(settings, local_now()))
    if textfile is None:
        say(found.decode().rstrip("\n"))
        return
    with replacing(Path(textfile)) as file:
        file.write(found)


@click.group(epilog=examples("force-orders quarantine list"))
def quarantine() -> None:
    """Rows that could not be read."""


@quarantine.command("list", epilog=examples("force-orders quarantine list"))
@click.pass_context
def quarantine_list(context: click.Context) -> None:
    """The rows as received, and why they could not be read.

    Exit 3 where there are any.
    """
    from etl.reporting.fitting import Column
    from etl.reporting.terminal import table
    from etl.runs import composition
    from etl.store.engine import store_errors
    from etl.store.quarantine import unresolved

    with waits_shown(), composition.store(load_settings(context)) as connection, store_errors():
        rows = unresolved(connection)
    if not rows:
        say("the quarantine is empty")
        return
    cells = [(row.id, row.account, f"{row.seen_at:%Y-%m-%d %H:%M:%SZ}", row.reason, row.raw) for row in rows]
    columns = (
        *(Column("id"), Column("account", 2, least=8), Column("seen", 1)),
        *(Column("reason", least=20, wraps=True), Column("row", least=20)),
    )
    print_tables([table(None, columns, cells)])
    context.exit(ExitCode.INCOMPLETE)


@quarantine.command("retry", epilog=examples("force-orders quarantine retry"))
@click.pass_context
def quarantine_retry(context: click.Context) -> None:
    """Read the rows again, as after an upgrade.

    Exit 3 where some still cannot be read.
    """
    from etl.commands.retry_quarantine import retry_quarantine
    from etl.runs import composition

    with waits_shown(), composition.store(load_settings(context)) as connection:
        retried = retry_quarantine(connection)
    with best_effort():
        say(f"{retried.stored} read and stored, {retried.left} still in quarantine")
    context.exit(retried.exit_code)
