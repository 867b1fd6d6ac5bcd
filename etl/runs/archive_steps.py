"""The steps of one archive file: ask for it, wait until it is made, download it, import it.

Each step is stored before the next, and the request before it is sent, so that a run that was interrupted anywhere goes
on where it was and never sends a request twice.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from etl.core.archive.plan import FileState, allowed_at, next_in_minute
from etl.core.markets.market import Archive
from etl.core.timeline import SECOND, iso
from etl.core.wallets import Wallet
from etl.errors import (
    ArchiveError,
    ConfigError,
    ContractError,
    ExchangeError,
    ForceOrdersError,
    NotServedError,
    StoppedError,
    ThrottledError,
    TransientError,
)
from etl.exchange.archives import FileAnswer, Making, ask_for_file, request_file
from etl.exchange.client import ExchangeClient
from etl.exchange.downloads import download
from etl.exchange.error_table import is_of_the_request
from etl.exchange.retries import RetryPolicy
from etl.runs.archive_content import original_of
from etl.runs.archive_directory import ArchiveDirectory
from etl.runs.archive_import import AskedFile, ImportResult, import_file
from etl.runs.fetchers import STOPPED, interruptibly
from etl.runs.reader import Reader
from etl.store import archive_files, runs
from etl.store.archive_files import ArchiveFile
from etl.waits import WAITS, Reason

POLL_S = 30.0
"""Seconds between two questions after a file."""

TRIES = 3
"""How often a request is sent that the exchange refuses because of its weight, where its cooldown is waited for."""

LONGEST_MAKING_S = 3_600.0
"""Seconds after which a run leaves a file to the next run. Files were observed to take five minutes."""


@dataclass(frozen=True)
class Pace:
    """How a run waits. `sleep` takes seconds and returns early where a stop is requested."""

    sleep: Callable[[float], object]
    poll_s: float = POLL_S
    longest_making_s: float = LONGEST_MAKING_S


@dataclass(frozen=True)
class DownloadOptions:
    """Where files go, and how they are fetched; `timeout` in seconds: to connect, and for each read."""

    directory: ArchiveDirectory
    timeout: tuple[float, float]
    retry: RetryPolicy


class LeftToLaterError(ForceOrdersError):
    """A file cannot go further in this run. Its text says why, and what to do."""


class FileSteps:
    """Brings files further, one step after the other. Commits after each."""

    def __init__(
        self, connection: Connection, run_id: int, reader: Reader, options: DownloadOptions, pace: Pace
    ) -> None:
        self._connection = connection
        self._run_id = run_id
        self._reader = reader
        self._options = options
        self._directory = options.directory
        self._pace = pace
        self.counts = runs.Counts()

    def advance(self, file: ArchiveFile, archive: Archive, client: ExchangeClient) -> ImportResult:
        """Bring one file to its end. Raises LeftToLaterError where it cannot go further now.

        Raises ArchiveError for a broken file, and the errors of the exchange.
        """
        path = self._directory.find(file) if file.state is FileState.DOWNLOADED else None
        if path is not None and original_of(path).sha256 != file.sha256:
            path = None  # changed on disk: it is downloaded again
        if path is None:
            download_id = self._download_id_of(file, archive, client)
            path = self._download(file, self._await_file(file, archive, client, download_id))
        return self._import(file, path)

    def _download_id_of(self, file: ArchiveFile, archive: Archive, client: ExchangeClient) -> str:
        if file.download_id is not None:
            return file.download_id
        noted = self._directory.noted_download_id(file) if file.state is FileState.REQUESTED else None
        if noted is None:
            return self._request(file, archive, client)
        archive_files.accepted(self._connection, file.id, self._run_id, noted)
        self._connection.commit()
        self._directory.forget_note(file)
        return noted

    def _request(self, file: ArchiveFile, archive: Archive, client: ExchangeClient, tries: int = TRIES) -> str:
        """Ask for a file: stored first, sent once. Only what was surely refused because of its weight is sent again."""
        sent_at = self._claim(file, archive, client)
        claimed = file._replace(requested_at=sent_at)
        run_id = self._run_id
        try:
            download_id = client.ask_once(request_file(archive, file.span))
        except (TransientError, ContractError) as error:
            raise type(error)(
                f"no answer came to the request for {file.span}: {error}; it may have taken one of the quota and is "
                "not sent again by itself"
            ) from None
        except ForceOrdersError as error:  # it did not leave, or was refused
            archive_files.not_sent(self._connection, file.id, run_id, str(error))
            self._connection.commit()
            if isinstance(error, ThrottledError) and client.limiter.waits_for_cooldown and tries > 1:
                return self._request(file, archive, client, tries - 1)
            raise
        with suppress(OSError):  # a full disk: the database is told next
            self._directory.note_download_id(claimed, download_id)
        archive_files.accepted(self._connection, file.id, run_id, download_id)
        self._save_counts()
        self._connection.commit()
        self._directory.forget_note(claimed)
        return download_id

    def _claim(self, file: ArchiveFile, archive: Archive, client: ExchangeClient) -> int:
        """Store that a file is about to be asked for, once minute and quota have room for it; returns when.

        No other run claims in between. Raises LeftToLaterError where the quota has no room, or the minute for too long:
        a request may be stored under a time that is still to come, because a clock was ahead.
        """
        waited = 0.0
        while True:
            archive_files.hold(self._connection)
            now = client.clock.now()
            room_at = allowed_at(
                archive_files.requests(self._connection, file.account, file.market), archive.monthly, now
            )
            if room_at > now:
                self._connection.rollback()
                raise LeftToLaterError(
                    f"the file of {file.span} waits: the quota of {archive.monthly} files a month has room for it at "
                    f"{iso(room_at // SECOND * SECOND)}"
                )
            free_at = next_in_minute(archive_files.requests(self._connection), now)
            if free_at <= now:
                archive_files.requested(self._connection, file.id, self._run_id, now)
                self._connection.commit()
                return now
            self._connection.rollback()
            waited += (free_at - now) / SECOND
            if waited > self._pace.longest_making_s:
                raise LeftToLaterError(
                    f"the file of {file.span} waits for other requests until {iso(free_at)}; run the command again then"
                )
            self._wait(Reason.FILES, (free_at - now) / SECOND)

    def _await_file(self, file: ArchiveFile, archive: Archive, client: ExchangeClient, download_id: str) -> FileAnswer:
        """Ask every half minute until the exchange has made the file."""
        question, waited = ask_for_file(archive, download_id), 0.0
        run_id = self._run_id
        while True:
            try:
                answer = interruptibly(partial(client.ask, question), self._reader.stop)
            except ExchangeError as error:
                if not is_of_the_request(error):
                    raise
                said = f"the exchange does not know it any more: {error}"
                archive_files.ended(self._connection, file.id, run_id, FileState.FAILED, said)
                self._connection.commit()
                raise LeftToLaterError(f"the file of {file.span}: {said}; to ask for it again, add --again") from None
            if not isinstance(answer, FileAnswer):
                raise ContractError(f"the exchange refuses to say what has become of a file ({answer.value})")
            match answer.making:
                case Making.DONE:
                    archive_files.completed(self._connection, file.id, run_id, answer.expires_at)
                    self._connection.commit()
                    return answer
                case Making.EXPIRED | Making.FAILED:
                    is_expired = answer.making is Making.EXPIRED
                    state = FileState.EXPIRED if is_expired else FileState.FAILED
                    said = (
                        "its link expired before it was downloaded" if is_expired else "the exchange could not make it"
                    )
                    archive_files.ended(self._connection, file.id, run_id, state, said)
                    self._connection.commit()
                    how = "run the command again" if is_expired else "add --again"
                    raise LeftToLaterError(f"the file of {file.span}: {said}; to ask for it again, {how}")
            if waited >= self._pace.longest_making_s:
                raise LeftToLaterError(f"the exchange is still making the file of {file.span}; run the command again")
            self._wait(Reason.FILE, self._pace.poll_s)
            waited += self._pace.poll_s

    def _download(self, file: ArchiveFile, answer: FileAnswer) -> Path:
        partial_path = self._directory.partial(file)
        get = partial(download, answer.link, partial_path, self._options.timeout, self._refuse_stop)
        try:
            self._options.retry.retrying(self._pace.sleep, lambda: False)(get)
        except NotServedError as error:
            raise LeftToLaterError(f"the file of {file.span}: {error}; run the command again") from None
        except OSError as error:
            raise ConfigError(f"the file cannot be stored in {partial_path.parent}: {error.strerror}") from None
        path = self._directory.keep(file)
        archive_files.downloaded(self._connection, file.id, self._run_id, *original_of(path))
        self._connection.commit()
        return path

    def _import(self, file: ArchiveFile, path: Path) -> ImportResult:
        run_id, wallet = self._run_id, Wallet(file.account, file.market)
        try:
            result = import_file(self._connection, wallet, run_id, path, asked=AskedFile(file.id, file.span))
        except ArchiveError as error:
            self._connection.rollback()
            archive_files.ended(self._connection, file.id, run_id, FileState.FAILED, str(error))
            self._connection.commit()
            raise
        self.counts.add(result.content.rows, result.tally, 0)
        self._save_counts()
        self._connection.commit()
        return result

    def _wait(self, reason: Reason, seconds: float) -> None:
        with WAITS.during(reason, seconds=seconds):
            WAITS.report()
            self._pace.sleep(seconds)
        self._refuse_stop()

    def _refuse_stop(self) -> None:
        if self._reader.stop.is_set():
            raise StoppedError(STOPPED)

    def _save_counts(self) -> None:
        self.counts.requests, self.counts.weight = self._reader.spent()
        runs.save(self._connection, self._run_id, self.counts)
