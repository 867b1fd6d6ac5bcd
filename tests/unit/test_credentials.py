"""Where the keys of the accounts come from, and what is said where one is missing or malformed."""

import os
import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from etl.app import signer
from etl.credentials import Credentials, KeySource, credentials, key_sources
from etl.errors import ConfigError
from etl.secret import SecretStr
from etl.settings import load

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
    told = "".join(traceback.format_exception(refused.value)) + repr(refused.value)
    assert KEY[:8] not in told
    assert SECRET[:8] not in told
    assert str(refused.value).isprintable()
    return str(refused.value)


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
def test_a_file_that_cannot_be_read_is_refused_by_its_setting_and_its_path(
    name: str, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BINANCE_API_SECRET")
    monkeypatch.setenv("BINANCE_API_SECRET_FILE", str(directory / name))
    assert refusal().startswith(f"BINANCE_API_SECRET_FILE: the file {directory / name} cannot be read: ")


@pytest.mark.parametrize(
    "variable", ["BINANCE_API_KEY_FILE", "BINANCE_API_SECRET_FILE", "BINANCE_API_PRIVATE_KEY_FILE"]
)
def test_a_secret_put_where_its_file_should_be_named_is_not_shown(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, SECRET)
    assert refusal() == f"{variable}: the file that it names cannot be read: No such file or directory"


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
    assert refusal("fund") == "accounts.fund.api_key_variable: the variable FUND_KEY is not set"


@pytest.mark.usefixtures("accounts", "main")
def test_an_unknown_account_is_refused_with_those_that_are_known() -> None:
    assert refusal("desk", "nobody").startswith("there is no account 'nobody'; known: desk, fund")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[accounts.a]", "accounts.a: set api_key_file or api_key_variable"),
        ('[accounts.a]\napi_key_variable = "K"', "accounts.a: set api_secret_file, api_secret_variable or private_key"),
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
    assert refusal().startswith(expected)


@pytest.mark.parametrize("name", ["a b", "", "x" * 65, "a/b", "ä"])
def test_an_account_has_a_name_that_fits_everywhere(name: str) -> None:
    private("force-orders.toml", f'[accounts."{name}"]\napi_key_variable = "K"')
    with pytest.raises(ConfigError, match="a name has 1 to 64 letters"):
        load()


@pytest.mark.parametrize(
    ("path", "shown"), [(r"/bad\nname\u0000", "/bad name�"), (r"/bad\u0000\u001b[2J", "/bad��[2J")]
)
def test_a_path_that_is_none_is_refused_in_one_printable_line(path: str, shown: str) -> None:
    private("force-orders.toml", f'[accounts.a]\napi_key_file = "{path}"')
    assert refusal() == f"accounts.a.api_key_file: the file {shown} cannot be read: that is no path"


def test_an_account_whose_name_is_two_lines_is_refused_in_one() -> None:
    private("force-orders.toml", '[accounts."bad\\nname"]\napi_key_variable = "K"')
    text = refusal()
    assert text.startswith("accounts.bad name in force-orders.toml: ")
    assert text.isprintable()


@pytest.fixture
def accounts_dir(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory that the settings name."""
    made = directory / "accounts"
    made.mkdir()
    monkeypatch.setenv("FORCE_ORDERS_ACCOUNTS_DIR", str(made))
    return made


@pytest.mark.usefixtures("accounts")
def test_each_file_of_the_accounts_dir_is_one_more_account(accounts_dir: Path) -> None:
    for name in ("z.1", "a@b", *map(str, range(300))):
        (accounts_dir / f"{name}.toml").write_text('api_key_variable = "FUND_KEY"\napi_secret_file = "desk.key"\n')
    for other in (".z.toml", "notes.txt", "..data", "a.toml~"):
        (accounts_dir / other).write_text("no account at all")
    names = [one.account for one in credentials(load())]
    assert names[:2] == ["desk", "fund"]
    assert set(names[2:]) == {"z.1", "a@b", *map(str, range(300))}
    assert found("z.1") == [("z.1", "fund-key", KEY, None)]


def test_the_settings_file_may_name_the_accounts_dir_too(directory: Path) -> None:
    private("force-orders.toml", 'accounts_dir = "many"')
    (directory / "many").mkdir()
    (directory / "many" / "one.toml").write_text('private_key_file = "x.pem"')
    assert list(load().accounts) == ["one"]


@pytest.mark.usefixtures("accounts")
def test_what_is_wrong_with_the_files_of_accounts_is_said_of_all_in_one_line(accounts_dir: Path) -> None:
    for name, text in (
        ("fund", 'api_key_variable = "K"'),
        ("broken", f"api_key = {SECRET}"),
        ("inline", f'api_secret = "{SECRET}"'),
        ("a b", ""),
    ):
        (accounts_dir / f"{name}.toml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        load()
    said = str(refused.value)
    assert SECRET[:8] not in "".join(traceback.format_exception(refused.value))
    assert said.isprintable()
    assert f"accounts.fund stands twice: in force-orders.toml and in {accounts_dir}/fund.toml" in said
    assert f"{accounts_dir}/broken.toml is no valid TOML" in said
    assert f"{accounts_dir}/inline.toml: there is no setting 'accounts.inline.api_secret'" in said
    assert f"accounts.a b in {accounts_dir}/a b.toml: a name has 1 to 64 letters" in said


@pytest.mark.parametrize(("name", "reason"), [("absent", "No such file"), ("a-file", "Not a directory")])
def test_an_accounts_dir_that_cannot_be_read_is_refused(
    name: str, reason: str, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private("a-file", "")
    monkeypatch.setenv("FORCE_ORDERS_ACCOUNTS_DIR", str(directory / name))
    with pytest.raises(ConfigError, match=f"accounts_dir: the directory {directory / name} cannot be read: {reason}"):
        load()


@pytest.mark.usefixtures("accounts", "main")
def test_the_sources_of_keys_are_told_without_reading_them() -> None:
    assert key_sources(load()) == [
        KeySource("main", "BINANCE_API_KEY", "BINANCE_API_SECRET"),
        KeySource("desk", "desk.key", "DESK_SECRET"),
        KeySource("fund", "FUND_KEY", "fund.pem", Path("fund.pem")),
    ]
    assert [one.account for one in key_sources(load(), ["fund"])] == ["fund"]
    with pytest.raises(ConfigError, match="there is no account 'nobody'; known: desk, fund, main"):
        key_sources(load(), ["nobody"])


def test_the_source_of_main_may_be_files(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_KEY_FILE", str(private("key", KEY)))
    monkeypatch.setenv("BINANCE_API_SECRET_FILE", str(directory / "absent"))
    assert key_sources(load()) == [KeySource("main", "key", f"{directory}/absent (not there)")]
    monkeypatch.setenv("BINANCE_API_PRIVATE_KEY_FILE", "key")
    assert key_sources(load()) == [KeySource("main", "key", "key", Path("key"))]


def test_half_a_key_has_half_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_SECRET", SECRET)
    assert key_sources(load()) == [KeySource("main", None, "BINANCE_API_SECRET")]


def test_a_secret_put_where_its_source_should_be_named_is_not_told() -> None:
    pem = f"-----BEGIN PRIVATE KEY-----\\n{SECRET * 9}"
    private(
        "force-orders.toml",
        f'[accounts.a]\napi_key_variable = "{KEY}"\napi_secret_file = "{SECRET}"\n'
        f'[accounts.b]\napi_key_variable = "K"\nprivate_key_file = "{pem}"\n',
    )
    assert [(one.key, one.secret) for one in key_sources(load())] == [
        ("a variable that is not set", "a file that is not there"),
        ("K (not set)", "a file that is not there"),
    ]


def test_without_any_account_there_is_no_source() -> None:
    with pytest.raises(ConfigError, match="no key: set BINANCE_API_KEY"):
        key_sources(load())


RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize("key", [None, RSA_KEY, ed25519.Ed25519PrivateKey.generate()], ids=["hmac", "rsa", "ed25519"])
def test_neither_credentials_nor_their_signer_show_what_is_secret(
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | None,
) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode() if key else ""
    file = private("key.pem", pem) if key else None
    own = Credentials("main", SecretStr(KEY), None if key else SecretStr(SECRET), file)
    shown = "".join(form(one) for form in (repr, str, "{}".format) for one in (own, signer(own)))
    assert "main" in shown
    assert [word for word in (KEY, SECRET, *pem.splitlines()) if word in shown] == []


def test_a_private_key_file_that_holds_something_else_is_refused_without_it() -> None:
    own = Credentials("main", SecretStr(KEY), None, private("key.pem", f"-----BEGIN PRIVATE KEY-----\n{SECRET}"))
    with pytest.raises(ConfigError) as refused:
        signer(own)
    assert SECRET not in "".join(traceback.format_exception(refused.value)) + repr(refused.value)
