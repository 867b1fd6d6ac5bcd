"""What worker and schedule share: their options and the service that both run."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import click

from etl.cli.console import keep_exit_code, print_line, stop_signals
from etl.cli.db_backup import tell_of_night
from etl.commands.backup_database import nightly_backup
from etl.fleet.schedule import Schedule
from etl.fleet.service import ServiceOptions, queues_to_serve, serve, startup_line
from etl.monitoring.address import parse_address
from etl.runs import composition
from etl.settings.model import Settings

Command = TypeVar("Command", bound=Callable[..., object])


def fleet_options(command: Command) -> Command:
    """Add --queues, --jobs and --metrics."""
    for option in (
        click.option("--metrics", metavar="[HOST:]PORT", help="Serve Prometheus /metrics. Default HOST: 127.0.0.1."),
        click.option("--jobs", type=click.IntRange(1, 64), default=4, show_default=True, help="Jobs at the same time."),
        click.option("--queues", metavar="Q", multiple=True, help="Repeatable. Default: the queues of its accounts."),
    ):
        command = option(command)
    return command


def run_service(
    settings: Settings, queues: Sequence[str] | None, jobs: int, metrics: str | None, due: Schedule | None
) -> None:
    """Run until a signal; prints a line for each event. `queues` as typed; None: no job runs here."""
    served = [] if queues is None else queues_to_serve(settings, queues)
    options = ServiceOptions(served, jobs, due, None if metrics is None else parse_address(metrics))
    with stop_signals() as stop, composition.served(settings) as own:
        if due is not None and settings.backup_dir is not None:
            options = replace(options, back_up=lambda: tell_of_night(nightly_backup(own)))
        _print_event(startup_line(options))
        serve(own, options, stop, _print_event)


def _print_event(line: str) -> None:
    with keep_exit_code():  # a closed stdout does not stop the jobs
        print_line(line)
