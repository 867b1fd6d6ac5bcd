"""`archive import`: files of past orders that were brought by hand, one transaction each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from etl.accounts.key_sources import key_sources
from etl.core.archive.zones import parse_offset, zone_in_name
from etl.core.wallets import Wallet
from etl.errors import ArchiveError, ConfigError, ExitCode
from etl.runs.archive_import import ImportResult, import_file
from etl.runs.exit_codes import RunResult, status_and_exit_code
from etl.settings.model import Settings
from etl.store import account_rows, locks, runs
from etl.store.engine import store_errors

COMMAND = "archive import"

DRY_RUN = 0
"""Stands for the run of what is rolled back."""


@dataclass
class ImportSummary:
    """What came of each file, and the line of each that was refused."""

    results: list[ImportResult] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    exit_code: ExitCode = ExitCode.DONE


def parse_zone(text: str) -> tzinfo:
    """Raises ConfigError for an unknown name."""
    try:
        return parse_offset(text) or ZoneInfo(text)
    except (ValueError, OSError, KeyError):  # a ZoneInfoNotFoundError is a KeyError
        message = f"there is no time zone {text!r}; write a name such as Europe/Berlin, or UTC+8"
        raise ConfigError(message) from None


def import_archives(
    connection: Connection,
    settings: Settings,
    wallet: Wallet,
    files: Sequence[Path],
    zone: tzinfo | None = None,
    *,
    dry_run: bool = False,
) -> ImportSummary:
    """Import each file, and record it as one run. A refused file keeps no other from being imported.

    Raises ConfigError for an account that is neither set nor stored, BusyError while another run has it.
    """
    with store_errors():
        if wallet.account not in account_rows.names(connection):
            key_sources(settings, [wallet.account])
        locks.claim_account(connection, *wallet, COMMAND)
        run_id = DRY_RUN if dry_run else runs.start(connection, COMMAND)
        connection.commit()
        summary, counts = ImportSummary(), runs.Counts()
        for file in files:
            try:
                result = import_file(connection, wallet, run_id, file, zone or zone_in_name(file.name))
            except ArchiveError as error:
                connection.rollback()
                summary.refused.append(str(error))
                continue
            summary.results.append(result)
            if dry_run:
                connection.rollback()
                continue
            if result.same_as is None:
                counts.add(result.content.rows, result.tally, 0)
            runs.save(connection, run_id, counts)
            connection.commit()
        disagreed = sum(len(result.comparison.disagreed) for result in summary.results)
        refusal = ArchiveError("; ".join(summary.refused)) if summary.refused else None
        status, summary.exit_code = status_and_exit_code(RunResult(error=refusal, disputed=disagreed))
        if not dry_run:
            runs.finish(connection, run_id, counts, status, str(refusal) if refusal else None)
            connection.commit()
    return summary
