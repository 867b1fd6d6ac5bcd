"""The status and the exit code of a run, decided in one place from what happened. Pure."""

from dataclasses import dataclass

from etl.errors import ExitCode, ForceOrdersError


@dataclass(frozen=True)
class RunResult:
    """What happened in a run."""

    error: ForceOrdersError | None = None
    """What ended the run early."""
    has_no_usable_key: bool = False
    """No account of the run has a key that can be used, so that nothing was requested."""
    unread_accounts: int = 0
    """Accounts left out: their key cannot be used, the exchange refused it, or another run has the account."""
    unread_markets: int = 0
    """Markets that an account has and that are not read, because its key may not read them."""
    unknown_symbols: int = 0
    """Symbols that were asked for by name and that the exchange does not know."""
    unproven: int = 0
    """Milliseconds of the run's span that are not proven."""
    differences: int = 0
    """Orders that still differ between the exchange and the database; `verify` and audits look for them."""
    unread: int = 0
    """Intervals that `verify` was to compare and did not; 1 where `reconcile` could compare nothing at all."""
    quarantined: int = 0
    """Rows that could not be read."""
    left_out: int = 0
    """Stored orders that the exchange left out of answers that would else have proven their windows."""
    unproven_flows: int = 0
    """Milliseconds of the run's span of which the capital flows are not proven."""
    disputed: int = 0
    """Orders on which the exchange's own lists disagree."""
    proven_futures: int = 0
    """Accounts of which a time to come is recorded as proven, because a clock was wrong."""
    cut_chains: int = 0
    """Accounts whose newest seals were removed, so that nothing is sealed."""
    is_end_recorded: bool = True
    """Whether the end of the run could be written to the table `runs`."""


def status_and_exit_code(result: RunResult) -> tuple[str, ExitCode]:
    """The status in the table `runs` and the exit code of the command. The first case that applies decides.

    A run whose end cannot be recorded keeps the status that it earned and exits as the database's failure.
    """
    left = (result.unproven, result.differences, result.unread, result.quarantined)
    doubts = (result.left_out, result.disputed, result.proven_futures, result.cut_chains)
    flaws = (result.unread_markets, result.unproven_flows, *doubts)
    if result.error is not None:
        exit_code = result.error.exit_code
    elif result.has_no_usable_key:
        exit_code = ExitCode.WRONG_INPUT
    elif result.unread_accounts:
        exit_code = ExitCode.FAILED
    elif result.unknown_symbols:
        exit_code = ExitCode.WRONG_INPUT
    elif any((*left, *flaws)):
        exit_code = ExitCode.INCOMPLETE
    else:
        exit_code = ExitCode.DONE
    return _STATUS.get(exit_code, "failed"), exit_code if result.is_end_recorded else ExitCode.DATABASE


_STATUS = {
    ExitCode.DONE: "succeeded",
    ExitCode.INCOMPLETE: "incomplete",
    ExitCode.BANNED: "banned",
    ExitCode.STOPPED: "stopped",
}
