"""The commands that run until a signal: `schedule` enqueues the scheduled runs, `worker` runs what is enqueued."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from etl.cli import arguments
from etl.cli.arguments import examples, load_settings
from etl.cli.console import best_effort, say, stop_signals

if TYPE_CHECKING:
    from etl.fleet.schedule import Schedule
    from etl.settings.model import Settings

Command = TypeVar("Command", bound=Callable[..., object])


def _common(command: Command) -> Command:
    for option in (
        click.option(
            "--metrics", metavar="[HOST:]PORT", help="Serve /metrics for Prometheus there; 127.0.0.1 by default."
        ),
        click.option("--jobs", type=click.IntRange(1, 64), default=4, show_default=True, help="How many at once."),
        click.option(
            "--queues", metavar="Q", multiple=True, help="May be repeated; by default those of the accounts it knows."
        ),
    ):
        command = option(command)
    return command


@click.command(epilog=examples("force-orders worker", "force-orders worker --queues tokyo --jobs 8 --metrics 9100"))
@_common
@click.pass_context
def worker(context: click.Context, queues: tuple[str, ...], jobs: int, metrics: str | None) -> None:
    """Run enqueued jobs, until a signal.

    Any number of workers can run, on this machine or on others.
    """
    settings = load_settings(context)
    _serve(settings, queues, jobs, metrics, None)


@click.command(
    epilog=examples(
        "force-orders schedule",
        "force-orders schedule --at 02:15 --metrics 9100",
        "force-orders schedule --cron '15 2 * * *' --enqueue-only",
    )
)
@click.option("--at", metavar="HH:MM", help="When the nightly run begins, UTC; 02:15 by default.")
@click.option("--cron", metavar="EXPR", help="Or as cron has it, UTC: '15 2 * * *'.")
@arguments.accounts
@_common
@click.option("--enqueue-only", is_flag=True, help="Only enqueue jobs, and leave them to workers.")
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
    """Run each account's nightly job on schedule, until a signal.

    A missed run is made up for. Times are UTC.
    """
    from etl.fleet.schedule import cron_expression, sync_schedule

    settings = load_settings(context)
    due = sync_schedule(settings, cron_expression(at, cron), account)
    _serve(settings, None if enqueue_only or hand_out_only else queues, jobs, metrics, due)


def _serve(
    settings: "Settings", queues: Sequence[str] | None, jobs: int, metrics: str | None, due: "Schedule | None"
) -> None:
    """`queues` as typed; None: no job is run here."""
    from etl.fleet.service import ServiceOptions, queues_to_serve, serve, startup_line
    from etl.monitoring.address import parse_address
    from etl.runs import composition

    served = [] if queues is None else queues_to_serve(settings, queues)
    options = ServiceOptions(served, jobs, due, None if metrics is None else parse_address(metrics))
    with stop_signals() as stop, composition.served(settings) as own:
        _say(startup_line(options))
        serve(own, options, stop, _say)


def _say(line: str) -> None:
    """A line that cannot be printed does not fail the job."""
    with best_effort():
        say(line)
