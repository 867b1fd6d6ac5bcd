"""`force-orders archive …`: what the API has forgotten, from the exchange's own files."""

from pathlib import Path

import click

from etl.accounts.credentials import keyring
from etl.cli import options
from etl.cli.confirmation import confirm
from etl.cli.console import keep_exit_code, print_line, print_stderr, print_tables, show_waits, stop_signals
from etl.cli.options import examples, load_settings
from etl.commands.import_archives import import_archives, parse_zone
from etl.core.markets import USDM, market_named
from etl.core.text import many
from etl.core.wallets import Wallet
from etl.errors import ConfigError
from etl.exchange.clock import local_now
from etl.reporting.archive_lines import files_table, import_lines, plan_lines, quota_lines
from etl.runs import composition_by_hand, from_settings
from etl.runs.archive_preview import plan_archives
from etl.runs.spans import SpanText
from etl.store import archive_files
from etl.store.engine import store_errors


@click.group(
    epilog=examples(
        "force-orders archive request --since 2023-01-01",
        "force-orders archive list",
        "force-orders archive import orders.zip --account main --dry-run",
    )
)
def archive() -> None:
    """Fetch and import files of orders older than 90 days."""


@archive.command(
    "request",
    epilog=examples(
        "force-orders archive request --since 2023-01-01",
        "force-orders archive request --since 2024-01-01 --until 2024-12-31 --account main --market coinm --yes",
    ),
)
@options.since
@options.until
@options.accounts
@options.markets
@click.option("--again", is_flag=True, help="Also ask anew for files that were asked for and gave nothing.")
@options.yes
@click.pass_context
def archive_request(
    context: click.Context,
    since: str | None,
    until: str | None,
    account: tuple[str, ...],
    market: tuple[str, ...],
    again: bool,
    yes: bool,
) -> None:
    """Ask the exchange for files of orders, and import them.

    A file holds at most a year, and the exchange gives few a month, so the command shows the plan and asks. What was
    interrupted goes on. Exit code 3 if something is left to a later run, or a file and the API disagree.
    """
    if since is None:
        raise ConfigError("say from when on files are wanted: --since 2023-01-01")
    for name in market:
        if market_named(name).archive is None:
            raise ConfigError(f"the exchange gives no order files of {name}")
    settings, span = load_settings(context), SpanText(since, until)
    keys = keyring(settings, account)
    with show_waits(), from_settings.store(settings) as connection:
        plan = plan_archives(connection, settings, keys, market, span, again=again)
    with keep_exit_code():
        for line in plan_lines(plan):
            print_line(line)
    if plan.asks:
        what = f"{many(plan.asks, 'file')} will be asked for, which the exchange counts against the month's quota"
        confirm(what, yes=yes)
    with stop_signals() as stop, show_waits():
        summary = composition_by_hand.request_archives(settings, keys, plan, stop)
    with keep_exit_code():
        for result in summary.results:
            for line in import_lines(result):
                print_line(line)
    for line in (*summary.faults, *summary.left):
        print_stderr(line)
    context.exit(summary.exit_code)


@archive.command("list", epilog=examples("force-orders archive list"))
@options.accounts
@click.pass_context
def archive_list(context: click.Context, account: tuple[str, ...]) -> None:
    """List the files, their states and the used quota."""
    with show_waits(), from_settings.store(load_settings(context), only_reads=True) as connection, store_errors():
        files = archive_files.read(connection, account)
    if not files:
        print_line("there are no archive files; ask for them with: force-orders archive request --since 2023-01-01")
        return
    print_tables([files_table(files)])
    for line in quota_lines(files, local_now()):
        print_line(line)


@archive.command(
    "import",
    epilog=examples(
        "force-orders archive import order_history.zip --account main --dry-run",
        "force-orders archive import 2024.csv 2025.csv.gz --account main --market coinm",
        "force-orders archive import Binance-Futures-Order-History.csv --account main --time-zone UTC+8",
    ),
)
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--account", metavar="A", required=True, help="The account that the orders are of.")
@options.markets
@click.option("--time-zone", metavar="Z", help="Of a file whose times are local: Europe/Berlin, UTC+8.")
@click.option("--dry-run", is_flag=True, help="Show what would come, and store nothing.")
@click.pass_context
def archive_import(
    context: click.Context,
    files: tuple[Path, ...],
    account: str,
    market: tuple[str, ...],
    time_zone: str | None,
    dry_run: bool,
) -> None:
    """Import order files that were brought by hand: CSV, gzip or ZIP.

    A row of the API always stays. A broken file is refused as a whole. Exit code 3 if a file and the API disagree.
    Without --market the orders are of usdm.
    """
    if len(market) > 1:
        raise ConfigError("the orders of a file are of one market; name one --market")
    wallet = Wallet(account, market[0] if market else USDM)
    if market_named(wallet.market).archive is None:
        raise ConfigError(f"the exchange gives no order files of {wallet.market}")
    zone = parse_zone(time_zone) if time_zone else None
    settings = load_settings(context)
    with show_waits(), from_settings.store(settings) as connection:
        summary = import_archives(connection, settings, wallet, files, zone, dry_run=dry_run)
    with keep_exit_code():
        for result in summary.results:
            for line in import_lines(result, dry_run=dry_run):
                print_line(line)
    for refused in summary.refused:
        print_stderr(refused)
    context.exit(summary.exit_code)
