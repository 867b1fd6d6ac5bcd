"""All errors, each named by what the caller does about it."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the command."""

    DONE = 0
    FAILED = 1
    WRONG_INPUT = 2
    INCOMPLETE = 3
    BANNED = 4
    DATABASE = 5
    STOPPED = 130


class ForceOrdersError(Exception):
    """The base of all our errors. Its text is one line for a user, without keys, signatures or signed URLs."""

    exit_code = ExitCode.FAILED


class ConfigError(ForceOrdersError):
    """Wrong settings or arguments, found before any request: correct them."""

    exit_code = ExitCode.WRONG_INPUT


class StoreError(ForceOrdersError):
    """The database cannot be used: stop."""

    exit_code = ExitCode.DATABASE


class BusyError(ForceOrdersError):
    """Another run works on the account: try again when it has ended."""


class ClocksApartError(ForceOrdersError):
    """The exchange's and the database's clock are more than a day apart: set the wrong one, then run again."""


class BackupError(ForceOrdersError):
    """A backup cannot be written, read or restored, or is not what it should be."""


class ArchiveError(ForceOrdersError):
    """An archive file is not what the exchange gives, or not of this account; nothing of it was stored."""

    exit_code = ExitCode.WRONG_INPUT


class EmptyArchiveError(ArchiveError):
    """An archive file has no orders: nobody knows whether there were none, so it covers no time."""


class OutputError(ForceOrdersError):
    """The result cannot be printed; what was stored stays stored."""


class StoppedError(ForceOrdersError):
    """A signal requested a stop; what was proven is kept."""

    exit_code = ExitCode.STOPPED


class ExchangeError(ForceOrdersError):
    """A request failed at the exchange or on the way to it. `code`: the exchange's own, if it sent one."""

    code: int | None = None


class TransientError(ExchangeError):
    """The next attempt may succeed: retry."""


class MaintenanceError(TransientError):
    """The exchange is under maintenance: retry, with longer waits."""


class ClockSkewError(ExchangeError):
    """The exchange refused our timestamp: measure its clock and sign again."""


class ThrottledError(ExchangeError):
    """A cooldown (429, 403): send nothing before `cooldown_until`, epoch milliseconds by the exchange's clock."""

    exit_code = ExitCode.BANNED

    def __init__(self, message: str, cooldown_until: int) -> None:
        super().__init__(message)
        self.cooldown_until = cooldown_until


class BannedError(ThrottledError):
    """The address is banned (418) until `cooldown_until`."""


class DoubtedKeyError(ThrottledError):
    """A key that worked before is refused, which may be a disguised ban: retry once after `cooldown_until`."""


class WindowTooWideError(ExchangeError):
    """The exchange accepts only narrower windows: halve the window."""


class BeyondRetentionError(ExchangeError):
    """The exchange no longer keeps the requested time: record a gap."""


class NoIsolatedMarginError(ExchangeError):
    """The account has no isolated margin in this pair: there is nothing to read of it."""


class UnknownSymbolError(ExchangeError):
    """The exchange does not know this symbol, or has closed it: leave the symbol out."""

    exit_code = ExitCode.WRONG_INPUT


class RejectedError(ExchangeError):
    """The exchange refuses this account's requests, and a retry cannot help: leave the account out."""


class MissingParameterError(RejectedError):
    """The exchange demands a parameter that the request may do without: ask with it."""


class NotServedError(RejectedError):
    """The host does not serve such requests, or not from this address: stop, unless it answers another account."""


class CredentialsError(ExchangeError):
    """The exchange does not accept the key: leave the account out."""


class ContractError(ExchangeError):
    """A 200 whose content does not match the exchange's documentation."""
