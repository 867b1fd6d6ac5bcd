"""Where the keys of the accounts come from, and what is said where one is missing or malformed."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from etl.errors import ConfigError
from etl.settings import Credentials, credentials, load

KEY, SECRET = "K" * 64, "S" * 64


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and nothing of ours in the environment."""
    for name in os.environ:
        if name.upper().startswith(("FORCE_ORDERS_", "BINANCE_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def private(name: str, text: str) -> Path:
    """A file as a secret is given, for nobody else's eyes."""
    file = Path(name)
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return file


def shown(one: Credentials) -> tuple[str, str, str | None, Path | None]:
    secret = one.api_secret.get_secret_value() if one.api_secret else None
    return one.account, one.api_key.get_secret_value(), secret, one.private_key_file


def found(*only: str) -> list[tuple[str, str, str | None, Path | None]]:
    return [shown(one) for one in credentials(load(), only)]


def refusal(*only: str) -> str:
    with pytest.raises(ConfigError) as refused:
        credentials(load(), only)
    text = str(refused.value)
    assert "\n" not in text
    assert KEY[:8] not in text
    assert SECRET[:8] not in text
    return text


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_KEY", KEY)
    monkeypatch.setenv("BINANCE_API_SECRET", SECRET)


@pytest.mark.usefixtures("main")
def test_the_variables_are_the_account_main() -> None:
    assert found() == found("main") == [("main", KEY, SECRET, None)]


def test_key_and_secret_come_from_files_without_their_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_KEY_FILE", str(private("key", f"{KEY}\n")))
    monkeypatch.setenv("BINANCE_API_SECRET_FILE", str(private("secret", f"{SECRET}\r\n")))
    assert found() == [("main", KEY, SECRET, None)]


def test_a_private_key_stands_in_for_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    file = private("key.pem", "any")
    monkeypatch.setenv("BINANCE_API_KEY", KEY)
    monkeypatch.setenv("BINANCE_API_PRIVATE_KEY_FILE", str(file))
    assert found() == [("main", KEY, None, file)]


def test_without_any_key_the_refusal_says_what_to_set_and_what_needs_none() -> None:
    text = refusal()
    assert [word in text for word in ("BINANCE_API_KEY", "BINANCE_API_SECRET", "demo")] == [True] * 3
    assert refusal("main") == text


@pytest.mark.parametrize(("variable", "missing"), [("BINANCE_API_KEY", "no secret"), ("BINANCE_API_SECRET", "no key")])
def test_half_a_key_is_refused_by_what_is_missing(variable: str, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, KEY)
    assert refusal().startswith(missing)


@pytest.mark.parametrize("text", [f"{KEY} ", f" {KEY}", "two words", f"{KEY}\n{KEY}", "clé", "tab\there", "\ufeffkey"])
def test_a_key_with_characters_that_no_key_has_is_refused_by_its_variable(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BINANCE_API_SECRET", SECRET)
    monkeypatch.setenv("BINANCE_API_KEY", text)
    assert refusal().startswith("BINANCE_API_KEY holds spaces or other characters")
    monkeypatch.delenv("BINANCE_API_KEY")
    monkeypatch.setenv("BINANCE_API_KEY_FILE", str(private("key", text)))
    assert refusal().startswith("BINANCE_API_KEY holds spaces or other characters")


@pytest.mark.usefixtures("main")
@pytest.mark.parametrize("name", ["absent", "."])
def test_a_file_that_cannot_be_read_is_refused_by_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BINANCE_API_SECRET")
    monkeypatch.setenv("BINANCE_API_SECRET_FILE", name)
    assert refusal().startswith(f"the file {name} cannot be read: ")


def test_an_empty_key_file_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_KEY_FILE", str(private("key", "\n")))
    assert refusal().startswith("no key")


def test_a_file_that_others_can_read_is_used_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    open_to_all = private("key", KEY)
    open_to_all.chmod(0o644)
    monkeypatch.setenv("BINANCE_API_KEY_FILE", str(open_to_all))
    monkeypatch.setenv("BINANCE_API_SECRET_FILE", str(private("secret", SECRET)))
    assert found() == [("main", KEY, SECRET, None)]
    assert [record.getMessage() for record in caplog.records] == [
        "key can be read by others; make it private: chmod 600 key"
    ]


ACCOUNTS = """
[accounts.desk]
api_key_file = "desk.key"
api_secret_variable = "DESK_SECRET"
[accounts.fund]
api_key_variable = "FUND_KEY"
private_key_file = "fund.pem"
"""


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    private("force-orders.toml", ACCOUNTS)
    private("desk.key", KEY + "\n")
    private("fund.pem", "any")
    monkeypatch.setenv("DESK_SECRET", SECRET)
    monkeypatch.setenv("FUND_KEY", "fund-key")


DESK = ("desk", KEY, SECRET, None)
FUND = ("fund", "fund-key", None, Path("fund.pem"))


@pytest.mark.usefixtures("accounts")
def test_accounts_stand_in_the_file_with_their_keys_elsewhere() -> None:
    assert found() == [DESK, FUND]
    assert found("fund") == [FUND]


@pytest.mark.usefixtures("accounts", "main")
def test_the_account_of_the_variables_is_one_more() -> None:
    assert found() == [("main", KEY, SECRET, None), DESK, FUND]


@pytest.mark.usefixtures("main")
def test_the_variables_win_over_an_account_main_of_the_file() -> None:
    private("force-orders.toml", ACCOUNTS.replace("accounts.desk", "accounts.main").partition("[accounts.fund]")[0])
    private("desk.key", "another-key")
    assert found() == found("main") == [("main", KEY, SECRET, None)]


@pytest.mark.usefixtures("accounts")
def test_the_key_of_an_account_that_is_not_wanted_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FUND_KEY")
    assert found("desk") == [DESK]
    assert refusal("fund") == "accounts.fund.api_key: the variable FUND_KEY is not set"


@pytest.mark.usefixtures("accounts", "main")
def test_an_unknown_account_is_refused_with_those_that_are_known() -> None:
    assert refusal("desk", "nobody").startswith("there is no account 'nobody'; known: desk, fund")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[accounts.a]", "accounts.a: set api_key_file or api_key_variable"),
        ('[accounts.a]\napi_key_variable = "K"', "accounts.a: set api_secret_file, api_secret_variable or private_key"),
        ('[accounts.a]\napi_key_file = "none"', "the file none cannot be read: "),
    ],
)
def test_an_account_without_its_key_is_refused_by_name(
    text: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    private("force-orders.toml", text)
    monkeypatch.setenv("K", KEY)
    assert refusal().startswith(expected)


@pytest.mark.parametrize("name", ["a b", "", "x" * 65, "a/b", "ä"])
def test_an_account_has_a_name_that_fits_everywhere(name: str) -> None:
    private("force-orders.toml", f'[accounts."{name}"]\napi_key_variable = "K"')
    with pytest.raises(ConfigError, match="should match pattern"):
        load()


@pytest.mark.parametrize("line", [r'api_key_file = "bad\nname\u0000"', r'api_key_file = "bad\u0000\u001b[2J"'])
def test_a_path_that_is_none_is_refused_in_one_printable_line(line: str) -> None:
    private("force-orders.toml", f"[accounts.a]\n{line}")
    text = refusal()
    assert text.startswith("the file bad�")
    assert text.endswith(" cannot be read: that is no path")
    assert text.isprintable()


def test_an_account_whose_name_is_two_lines_is_refused_in_one() -> None:
    private("force-orders.toml", '[accounts."bad\\nname"]\napi_key_variable = "K"')
    text = refusal()
    assert text.startswith("accounts.bad�name in force-orders.toml: ")
    assert text.isprintable()


def test_no_secret_is_shown() -> None:
    assert SECRET not in repr(Credentials("main", SecretStr(KEY), SecretStr(SECRET)))
    assert KEY not in repr(Credentials("main", SecretStr(KEY), SecretStr(SECRET)))
