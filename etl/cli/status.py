"""`force-orders status`: how complete the stored history is."""

import json

import click

from etl.accounts.key_sources import account_names
from etl.cli import options
from etl.cli.console import print_line, print_stderr, print_tables, show_waits
from etl.cli.options import examples, load_settings
from etl.core.timeline import DAY
from etl.errors import ExitCode
from etl.exchange.clock import local_now
from etl.monitoring.gaps import closing_lines, shared
from etl.monitoring.status import as_json as status_json
from etl.monitoring.status import key_lines, read_status, warnings
from etl.reporting.run_tables import status_tables
from etl.runs import composition


@click.command(epilog=examples("force-orders status", "force-orders status --json", "force-orders status --check"))
@options.as_json
@click.option("--check", is_flag=True, help="For monitoring: exit code 3 if there is a warning.")
@click.pass_context
def status(context: click.Context, as_json: bool, check: bool) -> None:
    """Show how complete the history is, by account and symbol."""
    settings = load_settings(context)
    configured = account_names(settings)
    with show_waits(), composition.store(settings, only_reads=True) as connection:
        rules = composition.rules(settings, local_now())
        found = read_status(connection, rules, configured)
    if as_json:
        print_line(json.dumps(status_json(found), indent=2))
    else:
        print_tables(status_tables(found))
        for line in closing_lines(shared(found.gaps), rules.floor):
            print_line(line)
        for line in key_lines(found):
            print_line(line)
    backs_up = settings.backup_dir is not None
    lines = warnings(found, int(settings.warn_after_days * DAY), rules.floor, configured, backs_up=backs_up)
    for line in lines:
        print_stderr(line)
    context.exit(ExitCode.INCOMPLETE if check and lines else ExitCode.DONE)
