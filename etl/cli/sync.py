"""`force-orders sync`: the nightly job."""

import click

from etl.cli import options
from etl.cli.notifications import run_and_notify
from etl.cli.options import examples, load_settings
from etl.cli.runs import store
from etl.commands.sync import sync_spec


@click.command(epilog=examples("force-orders sync", "force-orders sync --account main"))
@options.accounts
@click.pass_context
def sync(context: click.Context, account: tuple[str, ...]) -> None:
    """Nightly job: read from each watermark to now.

    Also reads the last days before each watermark again, for orders that changed or arrived late.
    """
    settings = load_settings(context)
    summary = run_and_notify(settings, "sync", account, lambda: store(settings, sync_spec(settings, account)))
    context.exit(summary.exit_code)
