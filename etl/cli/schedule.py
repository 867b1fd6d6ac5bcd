"""`force-orders schedule`: enqueue the nightly jobs, and run them unless workers do."""

import click

from etl.cli import options
from etl.cli.fleet import fleet_options, run_service
from etl.cli.options import examples, load_settings
from etl.fleet.schedule import cron_expression, sync_schedule


@click.command(
    epilog=examples(
        "force-orders schedule",
        "force-orders schedule --at 02:15 --metrics 9100",
        "force-orders schedule --cron '15 2 * * *' --enqueue-only",
    )
)
@click.option("--at", metavar="HH:MM", help="Start time of the nightly run, UTC. Default: 02:15.")
@click.option("--cron", metavar="EXPR", help="The same as a cron expression, UTC: '15 2 * * *'.")
@options.accounts
@fleet_options
@click.option("--enqueue-only", is_flag=True, help="Only enqueue the jobs; leave them to workers.")
@click.option("--hand-out-only", is_flag=True, hidden=True)  # the former name of --enqueue-only
@click.pass_context
def schedule(
    context: click.Context,
    at: str | None,
    cron: str | None,
    account: tuple[str, ...],
    queues: tuple[str, ...],
    jobs: int,
    metrics: str | None,
    enqueue_only: bool,
    hand_out_only: bool,
) -> None:
    """Run the nightly job of each account on a schedule.

    Runs until stopped by a signal and makes up for a missed night. Times are UTC.
    """
    settings = load_settings(context)
    due = sync_schedule(settings, cron_expression(at, cron), account)
    run_service(settings, None if enqueue_only or hand_out_only else queues, jobs, metrics, due)
