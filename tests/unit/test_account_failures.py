"""Whose trouble a failure is: one account's, or the exchange's."""

import pytest

from etl.core.markets import USDM
from etl.core.wallets import Wallet
from etl.errors import (
    ClockSkewError,
    ContractError,
    CredentialsError,
    ExchangeError,
    NotServedError,
    RejectedError,
    TransientError,
)
from etl.runs.account_failures import HostFailures, RunFailures


def usdm(account: str) -> Wallet:
    return Wallet(account, USDM)


def failing(failures: HostFailures, *accounts: str, error: type[ExchangeError] = TransientError) -> None:
    for account in accounts:
        failures.failed(usdm(account), error(account))


@pytest.mark.parametrize("error", [RejectedError, CredentialsError, ClockSkewError])
def test_a_refusal_is_the_account_s_own_even_where_every_account_gets_one(error: type[ExchangeError]) -> None:
    failures = HostFailures(map(usdm, "abcd"))
    failing(failures, *"abcd", error=error)
    assert list(failures.left_out) == [*map(usdm, "abcd")]


@pytest.mark.parametrize("error", [TransientError, ContractError])
def test_an_account_is_left_out_after_three_windows_that_fail_in_a_row(error: type[ExchangeError]) -> None:
    failures = HostFailures(map(usdm, "ab"))
    failing(failures, "a", "a", error=error)
    failures.answered(usdm("a"))
    failing(failures, "a", "a", error=error)
    assert not failures.left_out
    failing(failures, "a", error=error)
    assert list(failures.left_out) == [usdm("a")]
    failures.answered(usdm("b"))
    failing(failures, "a", "b", "b", error=error)
    assert list(failures.left_out) == [usdm("a")]


def test_a_host_that_answers_another_account_is_not_to_blame() -> None:
    failures = HostFailures(map(usdm, "abcde"))
    for account in "abcd":
        failing(failures, account, error=NotServedError)
        failures.answered(usdm("e"))
    assert list(failures.left_out) == [*map(usdm, "abcd")]


@pytest.mark.parametrize("error", [TransientError, ContractError, NotServedError])
def test_three_accounts_that_fail_while_nobody_is_answered_end_the_run_with_one_error(
    error: type[ExchangeError],
) -> None:
    failures = HostFailures(map(usdm, "abcdefgh"))
    failing(failures, "a", error=RejectedError)
    failing(failures, "b", "b", "b", "c", error=error)
    with pytest.raises(error, match="d"):
        failing(failures, "d", error=error)
    assert list(failures.left_out) == [usdm("a")], "what is said of the exchange is not said of each account again"


def test_so_do_all_accounts_of_a_small_run() -> None:
    alone, two = HostFailures(map(usdm, "a")), HostFailures(map(usdm, "ab"))
    with pytest.raises(NotServedError):
        failing(alone, "a", error=NotServedError)
    failing(two, *"aaabb")
    with pytest.raises(TransientError):
        failing(two, "b")
    assert not two.left_out


FAPI_HOST, PAPI_HOST = "fapi.example", "papi.example"
IN_PM = Wallet("b", "pm-usdm")


def test_a_host_that_fails_leaves_the_others_alone() -> None:
    failures = RunFailures([(usdm("a"), FAPI_HOST), (IN_PM, PAPI_HOST)])
    failures.failed(IN_PM, NotServedError("gone"))
    assert [*failures.silent_hosts] == [PAPI_HOST]
    assert failures.is_left_out(IN_PM)
    assert not failures.is_left_out(usdm("a"))
    assert not failures.left_out, "it is said of the host, not of each account"


def test_the_last_host_that_fails_ends_the_run() -> None:
    failures = RunFailures([(usdm("a"), FAPI_HOST), (IN_PM, PAPI_HOST)])
    failures.failed(IN_PM, NotServedError("gone"))
    with pytest.raises(NotServedError, match="gone too"):
        failures.failed(usdm("a"), NotServedError("gone too"))
    assert [*failures.silent_hosts] == [PAPI_HOST], "the last one is the run's own error"


def test_an_answer_of_one_host_says_nothing_of_another() -> None:
    failures = RunFailures([(usdm("a"), FAPI_HOST), (IN_PM, PAPI_HOST)])
    for _ in range(3):
        failures.answered(usdm("a"))
        failures.failed(IN_PM, TransientError("silence"))
    assert [*failures.silent_hosts] == [PAPI_HOST]
