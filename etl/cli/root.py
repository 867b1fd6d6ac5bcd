"""The command itself: its global options, its verbs, and errors as one line with an exit code."""

import os
import signal
import sys
from pathlib import Path

import click

from etl import __version__, logs
from etl.cli import history, state
from etl.cli.accounts import accounts
from etl.cli.arguments import examples
from etl.cli.config import config as config_commands
from etl.cli.console import complain, say
from etl.cli.database import database
from etl.cli.demo import demo
from etl.cli.doctor import doctor
from etl.cli.export import export
from etl.cli.fleet import schedule, worker
from etl.cli.init import init
from etl.cli.notify import notify
from etl.cli.report import report
from etl.errors import ExitCode, ForceOrdersError
from etl.logs import FORMATS, LEVELS, Format, Level, logger

_log = logger(__name__)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog=examples(
        "force-orders demo",
        "force-orders backfill --since 2026-10-01 --until 2026-10-31",
        "force-orders --config /etc/force-orders.toml --log-level info sync",
    ),
)
@click.option("--config", metavar="FILE", type=click.Path(path_type=Path), help="Settings file (TOML).")
@click.option("--log-level", type=click.Choice(LEVELS, case_sensitive=False), default="warning", show_default=True)
@click.option("--log-format", type=click.Choice(FORMATS, case_sensitive=False), default="text", show_default=True)
@click.version_option(__version__, message="force-orders %(version)s", help="Print the version.")
@click.pass_context
def cli(context: click.Context, config: Path | None, log_level: Level, log_format: Format) -> None:
    """Keeps the history of a Binance futures account's force orders, and can prove that it is complete.

    Times are UTC. A bare date as the end of a span includes its day.
    """
    logs.configure(log_level, log_format)
    context.obj = config
    _warn_of_unknown_variables()


def _warn_of_unknown_variables() -> None:
    """A line for each variable that looks like one of ours and is none: a slip that would change nothing, unseen."""
    if not any(name.startswith("FORCE_ORDERS_") for name in os.environ):
        return  # and no settings are loaded just to say so
    from etl.settings.loading import unknown_variables

    for line in unknown_variables(os.environ):
        complain(f"warning: {line}")


@cli.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@click.pass_context
def simulator(context: click.Context) -> None:
    """The exchange simulator as a server on a loopback port."""
    from etl.simulator.command import run

    context.exit(run(context.args))


for command in (
    *(init, doctor, config_commands),
    *(history.backfill, history.sync, history.verify, demo, schedule, worker),
    *(state.status, state.metrics, state.quarantine, report, export, accounts, notify, database),
):
    cli.add_command(command)


def main() -> None:
    """The installed command."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else the shell would see 143 and no word
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; its exit code. Errors of ours are one line on stderr."""
    try:
        return int(cli(arguments, prog_name="force-orders", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        say(error.format_message())
        return ExitCode.WRONG_INPUT
    except click.ClickException as error:
        complain(error.format_message())
        return ExitCode.WRONG_INPUT
    except ForceOrdersError as error:
        complain(str(error))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        complain("stopped")
        return ExitCode.STOPPED
    except Exception as error:
        # A mistake of ours. Its text is not shown: it may hold anything, a signed URL included.
        import traceback

        frames = traceback.extract_tb(error.__traceback__)
        _log.debug("%s", "; ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames))
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
        complain(f"this should not happen ({type(error).__name__} in {where}); please report it with --log-level debug")
        return ExitCode.FAILED
