"""Whoever wants to hear of a run hears of it, however it ended; and its end stands, whoever hears of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from etl.cli.console import complain
from etl.errors import ExitCode, ForceOrdersError, StoppedError

if TYPE_CHECKING:
    from etl.notifying.digest import Digest
    from etl.operations import Summary
    from etl.settings import Settings


def told(settings: "Settings", command: str, accounts: Sequence[str], run: "Callable[[], Summary]") -> "Summary":
    """Run, and notify. What was stopped is not told: whoever stopped it knows."""
    if settings.notify_urls_file is None:
        return run()
    from etl.notifying.digest import digest_of, digest_of_error

    try:
        summary = run()
    except StoppedError:
        raise
    except Exception as error:
        is_lost = getattr(error, "exit_code", None) == ExitCode.DATABASE
        _notify(settings, digest_of_error(command, error), None if is_lost else (), accounts)
        raise
    if summary.exit_code != ExitCode.STOPPED:
        is_lost = summary.exit_code == ExitCode.DATABASE
        _notify(settings, digest_of(summary), None if is_lost else (summary.run_id,), accounts)
    return summary


def _notify(settings: "Settings", known: "Digest", run_ids: Sequence[int] | None, accounts: Sequence[str]) -> None:
    """`run_ids`: those to be read of in the database; None where it is lost."""
    from etl.notifying.channels import notify

    try:
        digest = known if run_ids is None else _with_what_is_stored(settings, known, run_ids, accounts)
        for complaint in notify(settings, digest):
            complain(complaint)
    except KeyboardInterrupt:
        complain("stopped by a signal; not everybody may have been notified")


def _with_what_is_stored(
    settings: "Settings", known: "Digest", run_ids: Sequence[int], accounts: Sequence[str]
) -> "Digest":
    from etl import app
    from etl.exchange.clock import local_now
    from etl.notifying.reading import read_digest

    rules, orders = app.rules(settings, local_now()), "orders" in settings.notify_about
    try:
        with app.store(settings) as connection:
            stored = read_digest(connection, run_ids, rules, _names(settings, accounts), orders=orders)
    except ForceOrdersError:
        return known
    return replace(stored, runs=known.runs, tally=known.tally)


def _names(settings: "Settings", accounts: Sequence[str]) -> Sequence[str]:
    """All accounts of the settings, whether their keys can be read or not, where none is named."""
    from etl.errors import ConfigError
    from etl.keysources import key_sources

    try:
        return [one.account for one in key_sources(settings, accounts)]
    except ConfigError:
        return accounts
