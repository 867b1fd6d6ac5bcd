"""`force-orders archive …`: what the API has forgotten, from the exchange's own files."""

from pathlib import Path

import click

from etl.cli import options
from etl.cli.console import keep_exit_code, print_line, print_stderr, show_waits
from etl.cli.options import examples, load_settings
from etl.commands.import_archives import import_archives, parse_zone
from etl.core.markets import USDM, market_named
from etl.core.wallets import Wallet
from etl.errors import ConfigError
from etl.reporting.archive_lines import import_lines
from etl.runs import from_settings


@click.group(
    epilog=examples(
        "force-orders archive request --since 2023-01-01",
        "force-orders archive list",
        "force-orders archive import orders.zip --account main --dry-run",
    )
)
def archive() -> None:
    """Fetch and import the exchange's files of orders older than 90 days."""


@archive.command(
    "import",
    epilog=examples(
        "force-orders archive import order_history.zip --account main --dry-run",
        "force-orders archive import 2024.csv 2025.csv.gz --account main --market coinm",
        "force-orders archive import Binance-Futures-Order-History.csv --account main --time-zone UTC+8",
    ),
)
@click.argument(
    "files", metavar="FILE…", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
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
