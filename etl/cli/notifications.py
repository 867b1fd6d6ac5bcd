"""Sends notifications after a run, and pings around it. What fails there never changes the run's exit code."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from etl.accounts.key_sources import key_sources
from etl.cli.console import print_stderr, show_waits
from etl.errors import ConfigError, ExitCode, ForceOrdersError, StoppedError, StoreError
from etl.logs import logger
from etl.runs import from_settings
from etl.runs.summary import Summary
from etl.settings.model import Settings

if TYPE_CHECKING:
    from etl.notifications.summary import NotificationSummary

# What sends notifications is imported inside functions: a run without channels does not need it.

_log = logger(__name__)


def run_and_notify(settings: Settings, command: str, accounts: Sequence[str], run: Callable[[], Summary]) -> Summary:
    """Run, then notify, with a ping before and after. A run that a signal stopped sends nothing."""
    if settings.ping_url_file is None:
        return _run_and_notify(settings, command, accounts, run)
    from etl.notifications.ping import ping_end, ping_start

    _complain(ping_start(settings))
    exit_code = ExitCode.FAILED
    try:
        summary = _run_and_notify(settings, command, accounts, run)
        exit_code = summary.exit_code
    except ForceOrdersError as error:
        exit_code = error.exit_code
        raise
    except KeyboardInterrupt:
        exit_code = ExitCode.STOPPED
        raise
    finally:
        _complain(ping_end(settings, exit_code))
    return summary


def _complain(complaint: str | None) -> None:
    if complaint is not None:
        print_stderr(complaint)


def _run_and_notify(settings: Settings, command: str, accounts: Sequence[str], run: Callable[[], Summary]) -> Summary:
    if settings.notify_urls_file is None:
        return run()
    from etl.notifications.summary import summary_of_error, summary_of_run

    try:
        summary = run()
    except StoppedError:
        raise
    except Exception as error:
        _notify(settings, summary_of_error(command, error), accounts, database_lost=isinstance(error, StoreError))
        raise
    if summary.exit_code != ExitCode.STOPPED:
        _notify(settings, summary_of_run(summary), accounts, database_lost=summary.exit_code == ExitCode.DATABASE)
    return summary


def _notify(settings: Settings, known: "NotificationSummary", accounts: Sequence[str], *, database_lost: bool) -> None:
    """Without a database, the message says what the run itself knows."""
    from etl.notifications.channels import notify

    try:
        summary = known if database_lost else _add_stored(settings, known, accounts)
        for complaint in notify(settings, summary):
            print_stderr(complaint)
    except KeyboardInterrupt:
        print_stderr("stopped by a signal; some notifications may not have been sent")


def _add_stored(settings: Settings, known: "NotificationSummary", accounts: Sequence[str]) -> "NotificationSummary":
    """Add what the database says, if it can be read: an error here does not fail the run."""
    from etl.notifications.reading import stored_summary

    run_ids = [run.run_id for run in known.runs if run.run_id is not None]
    try:
        with show_waits(), from_settings.store(settings) as connection:
            stored = stored_summary(settings, connection, run_ids, _names(settings, accounts))
    except ForceOrdersError:
        return known
    except Exception as error:
        _log.warning("what is stored cannot be read for the notification (%s)", type(error).__name__)
        return known
    return replace(stored, runs=known.runs, rows=known.rows)


def _names(settings: Settings, accounts: Sequence[str]) -> Sequence[str]:
    """The accounts named, else all of the settings, even those whose keys cannot be read."""
    try:
        return [one.account for one in key_sources(settings, accounts)]
    except ConfigError:
        return accounts
