"""`force-orders sync`: the nightly job."""

import click

from etl.cli import options
from etl.cli.console import print_stderr, show_waits
from etl.cli.notifications import run_and_notify
from etl.cli.options import examples, load_settings
from etl.cli.runs import store
from etl.commands.sync import sync_spec
from etl.errors import ExitCode
from etl.settings.model import Settings


@click.command(epilog=examples("force-orders sync", "force-orders sync --account main --market coinm"))
@options.accounts
@options.markets
@click.pass_context
def sync(context: click.Context, account: tuple[str, ...], market: tuple[str, ...]) -> None:
    """Nightly job: read from each watermark to now.

    Also reads the last days before each watermark again, for orders that changed or arrived late. With backup_dir it
    then backs the database up, once a night.
    """
    settings = load_settings(context)
    summary = run_and_notify(settings, "sync", account, lambda: store(settings, sync_spec(settings, account, market)))
    if settings.backup_dir is not None and summary.exit_code not in (ExitCode.DATABASE, ExitCode.STOPPED):
        _back_up(settings)
    context.exit(summary.exit_code)


def _back_up(settings: Settings) -> None:
    from etl.cli.db_backup import tell_of_night  # only here: a night without a backup has no use for these two
    from etl.commands.backup_database import nightly_backup

    try:
        with show_waits():
            night = nightly_backup(settings)
        tell_of_night(night)
    except KeyboardInterrupt:
        print_stderr("stopped by a signal; tonight's backup was not made")
