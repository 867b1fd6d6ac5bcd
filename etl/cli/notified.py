"""Sends notifications after a run. A failing channel never changes the run's exit code."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from etl.cli.console import complain, waits_shown
from etl.errors import ExitCode, ForceOrdersError, StoppedError, StoreError
from etl.logs import logger

if TYPE_CHECKING:
    from etl.notifications.summary import NotificationSummary
    from etl.runs.run import Summary
    from etl.settings.model import Settings

_log = logger(__name__)


def run_and_notify(
    settings: "Settings", command: str, accounts: Sequence[str], run: "Callable[[], Summary]"
) -> "Summary":
    """Run, then notify. A run that was stopped by a signal sends no notification."""
    if settings.notify_urls_file is None:
        return run()
    from etl.notifications.summary import summary_of_error, summary_of_run

    try:
        summary = run()
    except StoppedError:
        raise
    except Exception as error:
        _notify(settings, summary_of_error(command, error), accounts, is_lost=isinstance(error, StoreError))
        raise
    if summary.exit_code != ExitCode.STOPPED:
        _notify(settings, summary_of_run(summary), accounts, is_lost=summary.exit_code == ExitCode.DATABASE)
    return summary


def _notify(settings: "Settings", known: "NotificationSummary", accounts: Sequence[str], *, is_lost: bool) -> None:
    """`known` is what the run itself reports; the rest is read from the database, unless that `is_lost`."""
    from etl.notifications.channels import notify

    try:
        summary = known if is_lost else _with_stored_facts(settings, known, accounts)
        for complaint in notify(settings, summary):
            complain(complaint)
    except KeyboardInterrupt:
        complain("stopped by a signal; some notifications may not have been sent")


def _with_stored_facts(
    settings: "Settings", known: "NotificationSummary", accounts: Sequence[str]
) -> "NotificationSummary":
    """Adds what is stored, if it can be read; an error here must not become the run's."""
    from etl.notifications.reading import stored_summary
    from etl.runs import composition

    run_ids = [run.run_id for run in known.runs if run.run_id is not None]
    try:
        with waits_shown(), composition.store(settings) as connection:
            stored = stored_summary(settings, connection, run_ids, _names(settings, accounts))
    except ForceOrdersError:
        return known
    except Exception as error:
        _log.warning("the notification lacks what is stored, which cannot be read (%s)", type(error).__name__)
        return known
    return replace(stored, runs=known.runs, rows=known.rows)


def _names(settings: "Settings", accounts: Sequence[str]) -> Sequence[str]:
    """The accounts that were named, or all accounts of the settings, even those whose keys cannot be read."""
    from etl.accounts.key_sources import key_sources
    from etl.errors import ConfigError

    try:
        return [one.account for one in key_sources(settings, accounts)]
    except ConfigError:
        return accounts
