"""Which accounts there are, and where their keys are said to be looked for."""

from pathlib import Path

import pytest

from etl.accounts.key_sources import KeySource, Missing, PrivateKeyFile, SecretFile, Variable, key_sources
from etl.errors import ConfigError
from etl.settings.loading import load
from tests.unit.keyfiles import KEY, SECRET, private

pytestmark = pytest.mark.usefixtures("bare_directory")

MAIN_KEY, MAIN_SECRET = Variable("BINANCE_API_KEY"), Variable("BINANCE_API_SECRET")


def sources(*only: str) -> list[KeySource]:
    return key_sources(load(), only)


def shown() -> list[tuple[str, str | None, str | None]]:
    return [(one.account, one.key.shown, one.secret.shown) for one in sources()]


def refusal(*only: str) -> str:
    with pytest.raises(ConfigError) as refused:
        sources(*only)
    return str(refused.value)


@pytest.mark.usefixtures("two_accounts", "main_account")
def test_the_account_of_the_variables_comes_first_and_the_others_as_the_settings_name_them() -> None:
    assert sources() == [
        KeySource("main", MAIN_KEY, MAIN_SECRET),
        KeySource(
            "desk",
            SecretFile(Path("desk.key"), "accounts.desk.api_key_file"),
            Variable("DESK_SECRET", "accounts.desk.api_secret_variable"),
        ),
        KeySource(
            "fund",
            Variable("FUND_KEY", "accounts.fund.api_key_variable"),
            PrivateKeyFile(Path("fund.pem"), "accounts.fund.private_key_file"),
        ),
    ]
    assert shown() == [
        ("main", "BINANCE_API_KEY", "BINANCE_API_SECRET"),
        ("desk", "desk.key", "DESK_SECRET"),
        ("fund", "FUND_KEY", "fund.pem"),
    ]


@pytest.mark.usefixtures("two_accounts", "main_account")
def test_the_accounts_named_are_picked_and_an_unknown_one_is_refused_with_those_that_are_known() -> None:
    assert [one.account for one in sources("fund", "main")] == ["main", "fund"]
    assert refusal("desk", "nobody") == "there is no account 'nobody'; known: desk, fund, main"


@pytest.mark.usefixtures("main_account")
def test_an_account_main_of_the_file_is_the_one_of_the_variables() -> None:
    private("force-orders.toml", '[accounts.main]\napi_key_file = "another"')
    assert sources() == [KeySource("main", MAIN_KEY, MAIN_SECRET)]


def test_without_any_account_the_refusal_says_what_to_set_and_what_needs_none() -> None:
    assert [word in refusal() for word in ("BINANCE_API_KEY", "BINANCE_API_SECRET", "demo")] == [True] * 3
    assert refusal("main") == refusal()


def test_the_source_of_main_may_be_files(bare_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_KEY_FILE", str(private("key", KEY)))
    monkeypatch.setenv("BINANCE_API_SECRET_FILE", str(bare_directory / "absent"))
    assert shown() == [("main", "key", f"{bare_directory}/absent (not there)")]
    monkeypatch.setenv("BINANCE_API_PRIVATE_KEY_FILE", "key")
    assert [one.secret for one in sources()] == [PrivateKeyFile(Path("key"), "BINANCE_API_PRIVATE_KEY_FILE")]


def test_a_variable_goes_before_the_file_of_its_companion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_KEY_FILE", str(private("key", KEY)))
    monkeypatch.setenv("BINANCE_API_KEY", KEY)
    assert [one.key for one in sources()] == [MAIN_KEY]
    monkeypatch.setenv("BINANCE_API_KEY", "")
    assert [one.key for one in sources()] == [SecretFile(Path("key"), "BINANCE_API_KEY_FILE")]


def test_half_a_key_has_half_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_SECRET", SECRET)
    (half,) = sources()
    assert isinstance(half.key, Missing)
    assert shown() == [("main", None, "BINANCE_API_SECRET")]


def test_an_account_whose_file_is_broken_has_no_place_but_a_fault(accounts_dir: Path) -> None:
    (accounts_dir / "odd.toml").write_text(f"api_key = {SECRET}")
    ((account, key, secret),) = [(one.account, one.key, one.secret) for one in sources()]
    assert isinstance(key, Missing)
    assert (account, key, shown()) == ("odd", secret, [("odd", None, None)])
    assert key.fault.startswith(f"{accounts_dir}/odd.toml is not valid TOML: ")


def test_a_secret_put_where_its_place_should_be_named_is_not_told() -> None:
    pem = f"-----BEGIN PRIVATE KEY-----\\n{SECRET * 9}"
    private(
        "force-orders.toml",
        f'[accounts.a]\napi_key_variable = "{KEY}"\napi_secret_file = "{SECRET}"\n'
        f'[accounts.b]\napi_key_variable = "K"\nprivate_key_file = "{pem}"\n',
    )
    assert shown() == [
        ("a", "a variable that is not set", "a file that is not there"),
        ("b", "K (not set)", "a file that is not there"),
    ]
    said = [str(place) for one in sources() for place in (one.key, one.secret)]
    assert said == [
        "accounts.a.api_key_variable: the variable that it names",
        "accounts.a.api_secret_file: the file that it names",
        "accounts.b.api_key_variable: the variable K",
        "accounts.b.private_key_file: the file that it names",
    ]
