"""`force-orders metrics`: Prometheus metrics as text."""

from pathlib import Path

import click

from etl.accounts.key_sources import configured_markets
from etl.cli.console import print_line, show_waits
from etl.cli.options import examples, load_settings
from etl.exchange.clock import local_now
from etl.monitoring.machine_metrics import directories, disk_families
from etl.monitoring.metrics import metrics as read_metrics
from etl.monitoring.watch_metrics import backup_families
from etl.reporting.files import atomic_write
from etl.runs import from_settings


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
    help="Write to FILE (*.prom), for node_exporter's textfile collector.",
)
@click.pass_context
def metrics(context: click.Context, textfile: str | None) -> None:
    """Print Prometheus metrics about the stored data.

    Sends no request to the exchange.
    """
    settings = load_settings(context)
    with show_waits(), from_settings.store(settings, only_reads=True) as connection:
        rules, wants_backups = from_settings.rules(settings, local_now()), settings.backup_dir is not None
        others = (*backup_families(connection, is_wanted=wants_backups), *disk_families(directories(settings)))
        text = read_metrics(connection, rules, configured_markets(settings), others)
    if textfile is None:
        print_line(text.decode().rstrip("\n"))
        return
    with atomic_write(Path(textfile)) as file:
        file.write(text)
