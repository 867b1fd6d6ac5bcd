"""The command itself: its global options, its verbs, and errors as one line with an exit code."""

import signal
import sys
import traceback
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import Abort, Exit, TyperException

from etl import __version__
from etl.cli import history, state
from etl.cli.console import complain, say
from etl.cli.database import database
from etl.errors import ExitCode, ForceOrdersError
from etl.logs import logger

_log = logger(__name__)

cli = typer.Typer(
    name="force-orders",
    help="Keeps the history of a Binance futures account's force orders, and can prove that it is complete.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (history.backfill, history.sync, state.status, history.verify, history.demo):
    cli.command()(verb)
cli.add_typer(database, name="db")
cli.add_typer(state.quarantine, name="quarantine")


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


@cli.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings file (TOML).")] = None,
    log_level: Annotated[LogLevel, typer.Option(case_sensitive=False)] = LogLevel.WARNING,
    log_format: Annotated[LogFormat, typer.Option(case_sensitive=False)] = LogFormat.TEXT,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    from etl import logs

    logs.configure(log_level.value, log_format.value)
    context.obj = config
    if version:
        say(f"force-orders {__version__}")
        raise Exit(0)


@cli.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def simulator(context: typer.Context) -> None:
    """The exchange simulator as a server on a loopback port."""
    from etl.simulator.command import run

    raise Exit(run(context.args))


def main() -> None:
    """The installed command."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else the shell would see 143 and no word
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; its exit code. Errors of ours are one line on stderr."""
    try:
        return int(cli(arguments, prog_name="force-orders", standalone_mode=False) or 0)
    except TyperException as error:
        complain(error.format_message())
        return ExitCode.WRONG_INPUT
    except ForceOrdersError as error:
        complain(str(error))
        return error.exit_code
    except (KeyboardInterrupt, Abort):
        complain("stopped")
        return ExitCode.STOPPED
    except Exception as error:
        # A mistake of ours. Its text is not shown: it may hold anything, a signed URL included.
        frames = traceback.extract_tb(error.__traceback__)
        _log.debug("%s", "; ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames))
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
        complain(f"this should not happen ({type(error).__name__} in {where}); please report it with --log-level debug")
        return ExitCode.FAILED
