"""Whoever wants to hear of a run hears of it, however it ended; and its end stands, whoever hears of it."""

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


def told(settings: "Settings", command: str, accounts: Sequence[str], run: "Callable[[], Summary]") -> "Summary":
    """Run, and notify. What was stopped is not told: whoever stopped it knows."""
    if settings.notify_urls_file is None:
        return run()
    from etl.notifications.summary import summary_of_run, summary_of_error

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
    """Of a database that `is_lost` nothing more is wanted than what the run itself knows."""
    from etl.notifications.channels import notify

    try:
        summary = known if is_lost else _with_what_is_stored(settings, known, accounts)
        for complaint in notify(settings, summary):
            complain(complaint)
    except KeyboardInterrupt:
        complain("stopped by a signal; not everybody may have been notified")


def _with_what_is_stored(settings: "Settings", known: "NotificationSummary", accounts: Sequence[str]) -> "NotificationSummary":
    """As much as can be read of it: nothing that goes wrong here is the run's fault."""
    from etl.exchange.clock import local_now
    from etl.notifications.reading import read_summary
    from etl.runs import composition

    rules, orders = composition.rules(settings, local_now()), "orders" in settings.notify_about
    run_ids = [run.run_id for run in known.runs if run.run_id is not None]
    try:
        with waits_shown(), composition.store(settings) as connection:
            stored = read_summary(connection, run_ids, rules, _names(settings, accounts), orders=orders)
    except ForceOrdersError:
        return known
    except Exception as error:
        _log.warning("what is stored cannot be read for the notification (%s)", type(error).__name__)
        return known
    return replace(stored, runs=known.runs, rows=known.rows)


def _names(settings: "Settings", accounts: Sequence[str]) -> Sequence[str]:
    """All accounts of the settings, whether their keys can be read or not, where none is named."""
    from etl.accounts.key_sources import key_sources
    from etl.errors import ConfigError

    try:
        return [one.account for one in key_sources(settings, accounts)]
    except ConfigError:
        return accounts
