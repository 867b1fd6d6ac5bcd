"""`force-orders reconcile`: hold the stored force orders against the list of all orders."""

import json

import click

from etl.cli import options
from etl.cli.console import keep_exit_code, print_line, print_tables, show_progress, stop_signals
from etl.cli.options import examples, load_settings
from etl.cli.runs import print_faults
from etl.commands.reconcile import reconcile_spec
from etl.core.text import printable
from etl.reporting.reconcile_json import reconcile_json
from etl.reporting.reconcile_lines import discrepancy_table, reconcile_lines
from etl.runs import composition_by_hand
from etl.runs.spans import SpanText


@click.command(
    epilog=examples(
        "force-orders reconcile",
        "force-orders reconcile --since 2026-10-01 --until 2026-10-31",
        "force-orders reconcile --since 30d --account main --market usdm",
    )
)
@options.since
@options.until
@options.accounts
@options.markets
@options.as_json
@click.pass_context
def reconcile(
    context: click.Context,
    since: str | None,
    until: str | None,
    account: tuple[str, ...],
    market: tuple[str, ...],
    as_json: bool,
) -> None:
    """Hold the force orders against the list of all orders.

    Each day of UTC that the span touches; by default all that is proven and that the exchange still lists. Exit code 3
    if an order is disputed, or if nothing at all could be compared.
    """
    settings = load_settings(context)
    spec = reconcile_spec(settings, account, SpanText(since, until), market)
    with stop_signals() as stop:
        summary, done = composition_by_hand.reconcile(settings, spec, stop, show_progress())
    with keep_exit_code():
        if as_json:
            print_line(json.dumps(reconcile_json(summary, done), indent=2))
        else:
            for line in reconcile_lines(summary, done):
                print_line(printable(line))
            if any(one.discrepancies for one in done.done):
                print_tables([discrepancy_table(done.done, summary.markets)])
    print_faults(summary)
    context.exit(summary.exit_code)
