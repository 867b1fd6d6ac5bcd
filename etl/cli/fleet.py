"""The commands that stay: schedule, which hands out the nights, and worker, which works on what is handed out."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from etl.cli import arguments
from etl.cli.arguments import examples, load_settings
from etl.cli.console import best_effort, say, stop_signals

if TYPE_CHECKING:
    from etl.fleet.worker import Schedule
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
    """Work on jobs that were handed out, until a signal.

    Beside as many other workers as you like, on this machine or on others.
    """
    settings = load_settings(context)
    _serve(settings, _queues(settings, queues), jobs, metrics, None)


@click.command(
    epilog=examples(
        "force-orders schedule",
        "force-orders schedule --at 02:15 --metrics 9100",
        "force-orders schedule --cron '15 2 * * *' --hand-out-only",
    )
)
@click.option("--at", metavar="HH:MM", help="When the night begins, UTC; 02:15 by default.")
@click.option("--cron", metavar="EXPR", help="Or as cron has it, UTC: '15 2 * * *'.")
@arguments.accounts
@_common
@click.option("--hand-out-only", is_flag=True, help="Leave the jobs to workers.")
@click.pass_context
def schedule(
    context: click.Context,
    at: str | None,
    cron: str | None,
    account: tuple[str, ...],
    queues: tuple[str, ...],
    jobs: int,
    metrics: str | None,
    hand_out_only: bool,
) -> None:
    """The nightly job of each account, every night by itself.

    Until a signal; a missed night is made up for. Times are UTC.
    """
    from etl.fleet.schedule import cron_expression, nights

    settings = load_settings(context)
    due = nights(settings, cron_expression(at, cron), account)
    _serve(settings, [] if hand_out_only else _queues(settings, queues), jobs, metrics, due)


def _queues(settings: "Settings", typed: Sequence[str]) -> Sequence[str]:
    from etl.fleet.schedule import queues

    return queues(settings, typed)


def _serve(
    settings: "Settings", queues: Sequence[str], jobs: int, metrics: str | None, nights: "Schedule | None"
) -> None:
    from etl.fleet.schedule import startup_line
    from etl.fleet.service import ServiceOptions, serve
    from etl.monitoring.address import parse_address
    from etl.runs import composition

    duty = ServiceOptions(queues, jobs, nights, None if metrics is None else parse_address(metrics))
    with stop_signals() as stop, composition.served(settings) as own:
        _tell(startup_line(duty))
        serve(own, duty, stop, _tell)


def _tell(line: str) -> None:
    """A job is done, whether it can be said or not."""
    with best_effort():
        say(line)
