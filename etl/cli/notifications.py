"""Sends notifications after a run. A failing channel never changes the run's exit code."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from etl.accounts.key_sources import key_sources
from etl.cli.console import print_stderr, show_waits
from etl.errors import ConfigError, ExitCode, ForceOrdersError, StoppedError, StoreError
from etl.exchange.clock import local_now
from etl.logs import logger
from etl.notifications.channels import notify
from etl.notifications.reading import read_digest
from etl.notifications.summary import Digest, digest_of, digest_of_error
from etl.runs import composition
from etl.runs.run import Summary
from etl.settings.model import Settings

_log = logger(__name__)


def run_and_notify(settings: Settings, command: str, accounts: Sequence[str], run: Callable[[], Summary]) -> Summary:
    """Run, then notify. A run that a signal stopped sends nothing."""
    if settings.notify_urls_file is None:
        return run()
    try:
        summary = run()
    except StoppedError:
        raise
    except Exception as error:
        _notify(settings, digest_of_error(command, error), accounts, database_lost=isinstance(error, StoreError))
        raise
    if summary.exit_code != ExitCode.STOPPED:
        _notify(settings, digest_of(summary), accounts, database_lost=summary.exit_code == ExitCode.DATABASE)
    return summary


def _notify(settings: Settings, known: Digest, accounts: Sequence[str], *, database_lost: bool) -> None:
    """Without a database, the message says what the run itself knows."""
    try:
        digest = known if database_lost else _add_stored(settings, known, accounts)
        for complaint in notify(settings, digest):
            print_stderr(complaint)
    except KeyboardInterrupt:
        print_stderr("stopped by a signal; some notifications may not have been sent")


def _add_stored(settings: Settings, known: Digest, accounts: Sequence[str]) -> Digest:
    """Add what the database says, if it can be read: an error here does not fail the run."""
    rules, orders = composition.rules(settings, local_now()), "orders" in settings.notify_about
    run_ids = [run.run_id for run in known.runs if run.run_id is not None]
    try:
        with show_waits(), composition.store(settings) as connection:
            stored = read_digest(connection, run_ids, rules, _names(settings, accounts), orders=orders)
    except ForceOrdersError:
        return known
    except Exception as error:
        _log.warning("what is stored cannot be read for the notification (%s)", type(error).__name__)
        return known
    return replace(stored, runs=known.runs, tally=known.tally)


def _names(settings: Settings, accounts: Sequence[str]) -> Sequence[str]:
    """The accounts named, else all of the settings, even those whose keys cannot be read."""
    try:
        return [one.account for one in key_sources(settings, accounts)]
    except ConfigError:
        return accounts
