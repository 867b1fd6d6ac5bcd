"""What can go wrong, named by what the caller does about it. An exception's docstring is its message's frame."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the command tells the shell."""

    DONE = 0
    FAILED = 1
    WRONG_INPUT = 2
    INCOMPLETE = 3
    BANNED = 4
    DATABASE = 5
    STOPPED = 130


class ForceOrdersError(Exception):
    """Every error of ours. Its text is one line for a person, free of keys, signatures and signed URLs."""

    exit_code = ExitCode.FAILED


class ConfigError(ForceOrdersError):
    """Wrong settings or arguments, found before any request: correct them."""

    exit_code = ExitCode.WRONG_INPUT


class StoreError(ForceOrdersError):
    """The database cannot be used: stop."""

    exit_code = ExitCode.DATABASE


class BusyError(ForceOrdersError):
    """Another run has the account: try again when it is done."""


class OutputError(ForceOrdersError):
    """What was found cannot be printed; what was stored is stored."""


class StoppedError(ForceOrdersError):
    """A signal asked us to stop; what was proven is kept."""

    exit_code = ExitCode.STOPPED


class ExchangeError(ForceOrdersError):
    """Anything the exchange, or the way to it, did to a request."""


class TransientError(ExchangeError):
    """It may work the next time: try again."""


class MaintenanceError(TransientError):
    """The exchange is being worked on: try again, but slowly."""


class ClockSkewError(ExchangeError):
    """The exchange refused our timestamp: measure its clock anew and sign again."""


class ThrottledError(ExchangeError):
    """The exchange wants silence (429, 403) until `cooldown_until`, epoch milliseconds by the exchange's clock."""

    exit_code = ExitCode.BANNED

    def __init__(self, message: str, cooldown_until: int) -> None:
        super().__init__(message)
        self.cooldown_until = cooldown_until


class BannedError(ThrottledError):
    """The address is banned (418) until `cooldown_until`."""


class DoubtedKeyError(ThrottledError):
    """A key that worked is refused, which may be a ban in disguise: try once more after `cooldown_until`."""


class WindowTooWideError(ExchangeError):
    """The exchange answers for narrower windows only: halve."""


class BeyondRetentionError(ExchangeError):
    """The exchange no longer keeps what was asked for: record the gap."""


class UnknownSymbolError(ExchangeError):
    """The exchange does not know this symbol; it may be delisted."""

    exit_code = ExitCode.WRONG_INPUT


class RejectedError(ExchangeError):
    """This request is wrong and will stay so."""


class CredentialsError(ExchangeError):
    """The exchange does not accept the key: stop."""


class ContractError(ExchangeError):
    """A 200 that is not what the exchange promises."""
