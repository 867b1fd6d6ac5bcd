"""What worker and schedule share: their options and the service that both run."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TypeVar

import click

from etl.cli.console import exit_without_database, stop_signals
from etl.commands.backup_database import Night, nightly_backup
from etl.errors import StoreError
from etl.fleet.lost_database import tell_of_start
from etl.fleet.schedule import Schedule
from etl.fleet.service import ServiceOptions, queues_to_serve, serve
from etl.logs import always_show, logger
from etl.monitoring.address import parse_address
from etl.runs import from_settings
from etl.settings.model import Settings

_log = logger("etl.fleet.backup")

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
    """Run until a signal; logs a line for each event. `queues` as typed; None: no job runs here."""
    served = [] if queues is None else queues_to_serve(settings, queues)
    options = ServiceOptions(served, jobs, due, None if metrics is None else parse_address(metrics))
    always_show("etl.fleet")
    with stop_signals() as stop, ExitStack() as resources:
        try:
            own = resources.enter_context(from_settings.served(settings))
        except StoreError as error:
            if due is not None:
                tell_of_start(settings, error)
            raise
        if due is not None and settings.backup_dir is not None:
            options = replace(options, back_up=lambda: _log_backup(nightly_backup(own)))
        serve(own, options, stop, exit_without_database)


def _log_backup(night: Night) -> None:
    if night.said is not None:
        _log.info("%s", night.said)
    if night.fault is not None:
        _log.warning("%s", night.fault)
