"""How the keys of the accounts are read, and what is said where one is missing or malformed or none is left."""

import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from etl.accounts.credentials import Credentials, Keyring, keyring
from etl.errors import ConfigError
from etl.exchange.signing import PrivateKey
from etl.runs.composition import signer
from etl.settings.loading import load
from etl.settings.secret import SecretStr
from tests.unit.keyfiles import ACCOUNTS, KEY, PEM, SECRET, private

pytestmark = pytest.mark.usefixtures("bare_directory")

Shown = tuple[str, str, str | None]


def shown(one: Credentials) -> Shown:
    """The account, its key, and its secret or the kind of its private key."""
    secret = one.api_secret.get_secret_value() if one.api_secret else None
    return one.account, one.api_key.get_secret_value(), one.private_key.kind if one.private_key else secret


def found(*only: str) -> list[Shown]:
    keys = keyring(load(), only)
    assert keys.faults == {}
    return [shown(one) for one in keys.usable]


def refusal(*only: str) -> str:
    with pytest.raises(ConfigError) as refused:
        keyring(load(), only)
    told = "".join(traceback.format_exception(refused.value)) + repr(refused.value)
    assert [secret for secret in (KEY[:8], SECRET[:8], *PEM.splitlines()) if secret in told] == []
    assert str(refused.value).isprintable()
    return str(refused.value)


MAIN = ("main", KEY, SECRET)
DESK = ("desk", KEY, SECRET)
FUND = ("fund", "fund-key", "Ed25519")


@pytest.mark.usefixtures("main_account")
def test_the_variables_are_the_account_main() -> None:
    assert found() == found("main") == [MAIN]


def test_key_and_secret_come_from_files_without_their_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_KEY_FILE", str(private("key", f"{KEY}\n")))
    monkeypatch.setenv("BINANCE_API_SECRET_FILE", str(private("secret", f"{SECRET}\r\n")))
    assert found() == [MAIN]


@pytest.mark.usefixtures("main_account")
def test_a_private_key_stands_in_for_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_PRIVATE_KEY_FILE", str(private("key.pem", PEM)))
    assert found() == [("main", KEY, "Ed25519")]


@pytest.mark.parametrize(("variable", "missing"), [("BINANCE_API_KEY", "no secret"), ("BINANCE_API_SECRET", "no key")])
def test_half_a_key_is_refused_by_what_is_missing(variable: str, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, KEY)
    assert refusal().startswith(missing)


@pytest.mark.parametrize("text", [f"{KEY} ", f" {KEY}", "two words", f"{KEY}\n{KEY}", "clé", "tab\there", "\ufeffkey"])
def test_a_key_with_characters_that_no_key_has_is_refused_by_its_variable_or_file(
    text: str, bare_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = "contains spaces or other characters that no key has; copy it again"
    monkeypatch.setenv("BINANCE_API_SECRET", SECRET)
    monkeypatch.setenv("BINANCE_API_KEY", text)
    assert refusal() == f"BINANCE_API_KEY {odd}"
    monkeypatch.delenv("BINANCE_API_KEY")
    file = bare_directory / private("key", text)
    monkeypatch.setenv("BINANCE_API_KEY_FILE", str(file))
    assert refusal() == f"BINANCE_API_KEY_FILE: the file {file} {odd}"


@pytest.mark.usefixtures("main_account")
@pytest.mark.parametrize("name", ["absent", "."])
def test_a_file_that_cannot_be_read_is_refused_by_its_setting_and_its_path(
    name: str, bare_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BINANCE_API_SECRET")
    monkeypatch.setenv("BINANCE_API_SECRET_FILE", str(bare_directory / name))
    assert refusal().startswith(f"BINANCE_API_SECRET_FILE: the file {bare_directory / name} cannot be read: ")


@pytest.mark.usefixtures("main_account")
@pytest.mark.parametrize("variable", ["BINANCE_API_KEY", "BINANCE_API_SECRET", "BINANCE_API_PRIVATE_KEY"])
def test_a_secret_put_where_its_file_should_be_named_is_not_shown(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(f"{variable}_FILE", SECRET)
    assert refusal() == f"{variable}_FILE: the file that it names cannot be read: No such file or directory"


def test_an_empty_key_file_is_no_key(bare_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = bare_directory / private("key", "\n")
    monkeypatch.setenv("BINANCE_API_KEY_FILE", str(file))
    assert refusal() == f"BINANCE_API_KEY_FILE: the file {file} is empty"


def test_a_file_that_others_can_read_is_used_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    open_to_all = private("key", KEY)
    open_to_all.chmod(0o644)
    monkeypatch.setenv("BINANCE_API_KEY_FILE", str(open_to_all))
    monkeypatch.setenv("BINANCE_API_SECRET_FILE", str(private("secret", SECRET)))
    assert found() == [MAIN]
    assert [record.getMessage() for record in caplog.records] == [
        "key can be read by others; make it private: chmod 600 key"
    ]


@pytest.mark.usefixtures("two_accounts")
def test_accounts_stand_in_the_file_with_their_keys_elsewhere() -> None:
    assert found() == [DESK, FUND]
    assert found("fund") == [FUND]


@pytest.mark.usefixtures("two_accounts", "main_account")
def test_the_account_of_the_variables_is_one_more() -> None:
    assert found() == [MAIN, DESK, FUND]


@pytest.mark.usefixtures("main_account")
def test_the_variables_win_over_an_account_main_of_the_file() -> None:
    private("force-orders.toml", ACCOUNTS.replace("accounts.desk", "accounts.main").partition("[accounts.fund]")[0])
    private("desk.key", "another-key")
    assert found() == found("main") == [MAIN]


@pytest.mark.usefixtures("two_accounts")
def test_the_key_of_an_account_that_is_not_wanted_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FUND_KEY")
    assert found("desk") == [DESK]
    assert refusal("fund") == "accounts.fund.api_key_variable: the variable FUND_KEY is not set"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[accounts.a]", "accounts.a: set api_key_file or api_key_variable"),
        ('[accounts.a]\napi_key_variable = "K"', "accounts.a: set api_secret_file, api_secret_variable or private_key"),
        ('[accounts.a]\napi_key_variable = "EMPTY"', "accounts.a.api_key_variable: the variable EMPTY is empty"),
        ('[accounts.a]\napi_key_file = "/none"', "accounts.a.api_key_file: the file /none cannot be read: "),
        (f'[accounts.a]\napi_key_file = "{KEY}"', "accounts.a.api_key_file: the file that it names cannot be read: "),
        (
            f'[accounts.a]\napi_key_variable = "K"\napi_secret_variable = "{SECRET}"',
            "accounts.a.api_secret_variable: the variable that it names is not set",
        ),
        (
            f'[accounts.a]\napi_key_variable = "K"\nprivate_key_file = "-----BEGIN PRIVATE KEY-----\\n{SECRET}"',
            "accounts.a.private_key_file: the file that it names cannot be read: ",
        ),
    ],
)
def test_an_account_without_its_key_is_refused_by_name(
    text: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    private("force-orders.toml", text)
    monkeypatch.setenv("K", KEY)
    monkeypatch.setenv("EMPTY", "")
    assert refusal().startswith(expected)


@pytest.mark.parametrize(
    ("path", "shown"), [(r"/bad\nname\u0000", "/bad name�"), (r"/bad\u0000\u001b[2J", "/bad��[2J")]
)
def test_a_path_that_is_none_is_refused_in_one_printable_line(path: str, shown: str) -> None:
    private("force-orders.toml", f'[accounts.a]\napi_key_file = "{path}"')
    assert refusal() == f"accounts.a.api_key_file: the file {shown} cannot be read: invalid path"


@pytest.mark.usefixtures("two_accounts", "main_account")
def test_the_keys_that_can_be_used_are_used_and_what_is_wrong_with_the_others_is_told_by_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DESK_SECRET")
    private("fund.pem", SECRET)
    keys = keyring(load())
    assert [shown(one) for one in keys.usable] == [MAIN]
    desk = "accounts.desk.api_secret_variable: the variable DESK_SECRET is not set"
    fund = "accounts.fund.private_key_file: the file that it names holds no unencrypted PEM (PKCS#8) key"
    assert keys.faults == {"desk": desk, "fund": fund}
    assert keys.fault_lines == [f"account desk: {desk}", f"account fund: {fund}"]
    assert refusal("fund", "desk") == f"{desk}; {fund}"
    assert keyring(load(), ["main", "fund"]).fault_lines == [f"account fund: {fund}"]


@pytest.mark.usefixtures("two_accounts")
def test_an_unknown_account_is_refused_even_where_another_can_be_read() -> None:
    assert refusal("desk", "nobody") == "there is no account 'nobody'; known: desk, fund"


def test_a_complaint_is_one_line_whatever_the_account_is_called() -> None:
    assert Keyring([], {"a\nb\x1b": "it is no name"}).fault_lines == ["account a b�: it is no name"]


EC_PEM = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.usefixtures("main_account")
@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "holds no unencrypted PEM (PKCS#8) key"),
        (SECRET, "holds no unencrypted PEM (PKCS#8) key"),
        (f"-----BEGIN PRIVATE KEY-----\n{SECRET}", "holds no unencrypted PEM (PKCS#8) key"),
        (PEM[:-30], "holds no unencrypted PEM (PKCS#8) key"),
        (EC_PEM.decode(), "holds a key that is neither RSA nor Ed25519"),
    ],
    ids=["empty", "a secret", "half", "cut", "another kind"],
)
def test_a_private_key_file_that_holds_something_else_is_refused_without_it(
    text: str, what: str, bare_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = bare_directory / private("key.pem", text)
    monkeypatch.setenv("BINANCE_API_PRIVATE_KEY_FILE", str(file))
    assert refusal() == f"BINANCE_API_PRIVATE_KEY_FILE: the file {file} {what}"


RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize("key", [None, RSA_KEY, ed25519.Ed25519PrivateKey.generate()], ids=["hmac", "rsa", "ed25519"])
def test_neither_credentials_nor_their_signer_show_what_is_secret(
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | None,
) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) if key else b""
    private_key = PrivateKey.from_pem(pem) if key else None
    own = Credentials("main", SecretStr(KEY), None if key else SecretStr(SECRET), private_key)
    shown = "".join(form(one) for form in (repr, str, "{}".format) for one in (own, signer(own)))
    assert "main" in shown
    assert [word for word in (KEY, SECRET, *pem.decode().splitlines()) if word in shown] == []
