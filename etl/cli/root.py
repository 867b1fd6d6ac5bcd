"""The `force-orders` command: global options, the list of commands, and errors as one line with an exit code."""

import errno
import os
import signal
import sys
import traceback
from pathlib import Path

import click

from etl import __version__, logs
from etl.cli.console import print_line, print_stderr, stdout_errors
from etl.cli.garbage import collect_no_imports
from etl.cli.lazy_group import LazyGroup
from etl.cli.options import examples
from etl.cli.streams import repair_streams
from etl.errors import ExitCode, ForceOrdersError, OutputError
from etl.logs import FORMATS, LEVELS, Format, Level, logger

SUMMARIES = {
    "accounts": "List, check, retire and forget accounts.",
    "archive": "Fetch and import files of orders older than 90 days.",
    "backfill": "Read past orders; skip what is already complete.",
    "complete": "Say in one line whether a period is complete.",
    "config": "Show the settings; print example and deployment files.",
    "coverage": "Take back what is proven, or accept what an order leaves open.",
    "db": "Manage the database: schema, address, queries, backups.",
    "demo": "Run the main job against a simulated exchange; needs no key.",
    "doctor": "Check everything that the nightly job needs.",
    "export": "Write orders to a file for other programs.",
    "init": "Check a key, write the settings file, print a crontab line.",
    "metrics": "Print Prometheus metrics about the stored data.",
    "notify": "Test the notification channels.",
    "probe": "Settle what the exchange leaves undocumented.",
    "quarantine": "List, retry and dismiss rows that could not be read.",
    "reconcile": "Hold the force orders against the list of all orders.",
    "report": "Show stored orders as tables or as a page with charts.",
    "schedule": "Run the nightly job of each account on a schedule.",
    "simulator": "Run the exchange simulator on a loopback port.",
    "statement": "State how complete a period is, for an auditor.",
    "status": "Show how complete the history is, by account and symbol.",
    "sync": "Nightly job: read from each watermark to now.",
    "verify": "Read history again and compare it with the database.",
    "worker": "Run queued jobs until stopped by a signal.",
}
"""The first sentence of each command's help; a test compares them."""

_log = logger(__name__)


@click.group(
    cls=LazyGroup,
    summaries=SUMMARIES,
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
    """Stores a Binance futures account's force orders and can prove that their history is complete.

    Times are UTC. A bare date as the end of a span includes its day.
    """
    logs.configure(log_level, log_format)
    context.obj = config
    _warn_about_unknown_variables()


def _warn_about_unknown_variables() -> None:
    """Print a warning for each FORCE_ORDERS_… variable that is no setting: a typo would otherwise go unnoticed."""
    if not any(name.startswith("FORCE_ORDERS_") for name in os.environ):
        return
    from etl.settings.loading import unknown_variables  # only here: it doubles the time of --help

    for line in unknown_variables(os.environ):
        print_stderr(f"warning: {line}")


def main() -> None:
    """The installed command."""
    collect_no_imports()
    repair_streams()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else SIGTERM would end it with 143 and no message
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; an error of ours is printed as one line on stderr."""
    code = _run(arguments)
    try:
        with stdout_errors():
            pass  # what click and argparse printed is still to be flushed
    except OutputError as error:
        print_stderr(str(error))
        return code or ExitCode.FAILED
    return code


def _run(arguments: list[str]) -> int:
    try:
        return int(cli(arguments, prog_name="force-orders", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        print_line(error.format_message())
        return ExitCode.WRONG_INPUT
    except click.ClickException as error:
        print_stderr(error.format_message())
        return ExitCode.WRONG_INPUT
    except ForceOrdersError as error:
        print_stderr(str(error))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        print_stderr("stopped")
        return ExitCode.STOPPED
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None and error.errno in (errno.ENOSPC, errno.EBADF):
            return _output_failed(error)
        # A bug. Its message is not shown: it may contain anything, even a signed URL.
        frames = traceback.extract_tb(error.__traceback__)
        _log.debug("%s", "; ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames))
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
        print_stderr(
            f"this should not happen ({type(error).__name__} in {where}); please report it with --log-level debug"
        )
        return ExitCode.FAILED


def _output_failed(error: OSError) -> int:
    """stdout is closed, or its disk full, under click's own output, such as --help; never taken for success."""
    try:
        with stdout_errors():
            raise error
    except OutputError as failed:
        print_stderr(str(failed))
        return failed.exit_code
