"""`force-orders verify`: compare the database with the exchange."""

import json

import click

from etl.cli import options
from etl.cli.console import keep_exit_code, print_line, print_tables, show_progress, stop_signals
from etl.cli.options import examples, load_settings
from etl.cli.runs import print_faults
from etl.commands.verify import verify_spec
from etl.reporting.run_tables import difference_table, unread_table
from etl.reporting.verify_json import verify_json
from etl.reporting.verify_lines import verify_lines
from etl.runs import composition_by_hand
from etl.runs.spans import SpanText


@click.command(
    epilog=examples(
        "force-orders verify",
        "force-orders verify --sample 3",
        "force-orders verify --since 2026-10-01 --until 2026-10-31 --repair",
    )
)
@options.since
@options.until
@options.accounts
@options.markets
@click.option("--sample", "size", metavar="N", type=click.IntRange(min=1), help="Only N windows, chosen at random.")
@click.option("--repair", is_flag=True, help="Store what is missing or different.")
@options.as_json
@click.pass_context
def verify(
    context: click.Context,
    since: str | None,
    until: str | None,
    account: tuple[str, ...],
    market: tuple[str, ...],
    size: int | None,
    repair: bool,
    as_json: bool,
) -> None:
    """Read history again and compare it with the database.

    By default all that is proven and that the exchange still keeps. Exit code 3 if they differ, or if a part could not
    be compared.
    """
    settings = load_settings(context)
    spec = verify_spec(settings, account, SpanText(since, until), size, market, repair=repair)
    with stop_signals() as stop:
        summary, done = composition_by_hand.verify(settings, spec, stop, show_progress())
    with keep_exit_code():
        if as_json:
            print_line(json.dumps(verify_json(summary, done), indent=2))
        else:
            for line in verify_lines(summary, done):
                print_line(line)
            if done.unread:
                print_tables([unread_table(done.unread, summary.markets)])
            if done.differences:
                print_tables([difference_table(done.differences, summary.markets)])
    print_faults(summary)
    context.exit(summary.exit_code)
