"""`force-orders worker`: run queued jobs."""

import click

from etl.cli.fleet import fleet_options, run_service
from etl.cli.options import examples, load_settings


@click.command(epilog=examples("force-orders worker", "force-orders worker --queues tokyo --jobs 8 --metrics 9100"))
@fleet_options
@click.pass_context
def worker(context: click.Context, queues: tuple[str, ...], jobs: int, metrics: str | None) -> None:
    """Run queued jobs until stopped by a signal.

    Any number of workers can run at the same time, on one machine or on several.
    """
    settings = load_settings(context)
    run_service(settings, queues, jobs, metrics, None)
