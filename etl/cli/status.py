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
from etl.monitoring.accounts import by_account, gaps_of, worst_first
from etl.monitoring.gaps import closing_lines, shared
from etl.monitoring.status import WORST_SHOWN, Status, read_brief_status, read_status
from etl.monitoring.status_json import status_json
from etl.monitoring.warnings import key_lines, warnings
from etl.reporting.account_tables import totals_line
from etl.reporting.queries import select_accounts
from etl.reporting.run_tables import status_tables
from etl.runs import from_settings
from etl.store.coverage import Gap, has_more_accounts


@click.command(
    epilog=examples("force-orders status", "force-orders status --account main", "force-orders status --check")
)
@options.accounts
@options.markets
@click.option("--all", "everything", is_flag=True, help="Each symbol of each account, however many there are.")
@options.as_json
@click.option("--check", is_flag=True, help="For monitoring: exit code 3 if there is a warning.")
@click.pass_context
def status(
    context: click.Context,
    account: tuple[str, ...],
    market: tuple[str, ...],
    everything: bool,
    as_json: bool,
    check: bool,
) -> None:
    """Show how complete the history is, by account and symbol.

    Of more than twenty accounts, totals and the worst twenty. --json always has everything that is asked for.
    """
    settings = load_settings(context)
    configured = frozenset(account_names(settings))
    with show_waits(), from_settings.store(settings, only_reads=True) as connection:
        rules = from_settings.rules(settings, local_now())
        is_brief = not (account or everything or as_json) and has_more_accounts(connection, WORST_SHOWN)
        if is_brief:
            found = read_brief_status(connection, rules, configured, market)
        else:
            chosen = select_accounts(connection, account) if account else ()
            found = read_status(connection, rules, configured, chosen, market)
    if as_json:
        print_line(json.dumps(status_json(found), indent=2))
    else:
        gaps = _print_accounts(found) if is_brief else found.gaps
        print_tables(status_tables(found))
        for line in closing_lines(shared(gaps), rules.floor):
            print_line(line)
        for line in key_lines(found):
            print_line(line)
        if is_brief:
            print_line("each symbol of an account: force-orders status --account NAME; of all: --all")
    backs_up = settings.backup_dir is not None
    lines = warnings(found, int(settings.warn_after_days * DAY), rules.floor, configured, backs_up=backs_up)
    for line in lines:
        print_stderr(line)
    context.exit(ExitCode.INCOMPLETE if check and lines else ExitCode.DONE)


def _print_accounts(found: Status) -> list[Gap]:
    """Print the line about all accounts; returns the gaps of those that are shown."""
    accounts = worst_first(by_account(found))
    print_line(totals_line(found, accounts))
    return gaps_of(found, accounts[:WORST_SHOWN])
