"""Which status and exit code follow from what happened in a run: every combination that matters."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from etl.errors import (
    BannedError,
    BusyError,
    ConfigError,
    ContractError,
    CredentialsError,
    ExitCode,
    ForceOrdersError,
    RejectedError,
    StoppedError,
    StoreError,
    ThrottledError,
    TransientError,
    UnknownSymbolError,
)
from etl.runs.exit_codes import RunResult, status_and_exit_code
from etl.store.schema import RUN_STATUSES

BY_PRIORITY: list[tuple[dict[str, Any], tuple[str, ExitCode]]] = [
    ({"error": BannedError("", 0)}, ("banned", ExitCode.BANNED)),
    ({"has_no_usable_key": True}, ("failed", ExitCode.WRONG_INPUT)),
    ({"unread_accounts": 1}, ("failed", ExitCode.FAILED)),
    ({"unknown_symbols": 1}, ("failed", ExitCode.WRONG_INPUT)),
    ({"unproven": 1}, ("incomplete", ExitCode.INCOMPLETE)),
    ({"differences": 1}, ("incomplete", ExitCode.INCOMPLETE)),
    ({"unread": 1}, ("incomplete", ExitCode.INCOMPLETE)),
    ({"quarantined": 1}, ("incomplete", ExitCode.INCOMPLETE)),
]
"""Each thing that can happen, alone; what stands first decides where several happen."""


def test_a_run_in_which_nothing_went_wrong_succeeds() -> None:
    assert status_and_exit_code(RunResult()) == ("succeeded", ExitCode.DONE)


@pytest.mark.parametrize("count", range(1, len(BY_PRIORITY) + 1))
def test_of_several_things_that_happen_the_first_by_priority_decides(count: int) -> None:
    for happened in combinations(BY_PRIORITY, count):
        result = RunResult()
        for fields, _ in happened:
            result = replace(result, **fields)
        assert status_and_exit_code(result) == happened[0][1]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BannedError("", 0), ("banned", ExitCode.BANNED)),
        (ThrottledError("", 0), ("banned", ExitCode.BANNED)),
        (BusyError(), ("failed", ExitCode.FAILED)),
        (ConfigError(), ("failed", ExitCode.WRONG_INPUT)),
        (ContractError(), ("failed", ExitCode.FAILED)),
        (CredentialsError(), ("failed", ExitCode.FAILED)),
        (RejectedError(), ("failed", ExitCode.FAILED)),
        (StoppedError(), ("stopped", ExitCode.STOPPED)),
        (StoreError(), ("failed", ExitCode.DATABASE)),
        (TransientError(), ("failed", ExitCode.FAILED)),
        (UnknownSymbolError(), ("failed", ExitCode.WRONG_INPUT)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, ForceOrdersError) else "",
)
def test_an_error_that_ends_the_run_decides_by_its_own_exit_code(
    error: ForceOrdersError, expected: tuple[str, ExitCode]
) -> None:
    assert status_and_exit_code(RunResult(error=error)) == expected


@pytest.mark.parametrize("fields", [{}, *(fields for fields, _ in BY_PRIORITY)])
def test_a_run_whose_end_cannot_be_recorded_keeps_its_status_and_exits_with_5(fields: dict[str, object]) -> None:
    recorded = RunResult(**fields)  # type: ignore[arg-type]
    status, _ = status_and_exit_code(recorded)
    assert status_and_exit_code(replace(recorded, is_end_recorded=False)) == (status, ExitCode.DATABASE)


def test_every_status_is_one_that_the_table_runs_accepts() -> None:
    statuses = {status_and_exit_code(RunResult(**fields))[0] for fields, _ in BY_PRIORITY}
    assert statuses < set(RUN_STATUSES)
