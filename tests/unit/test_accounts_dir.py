"""A directory with a file for each account: what is an account, and what is wrong with one."""

import traceback
from pathlib import Path

import pytest

from etl.errors import ConfigError
from etl.settings.loading import load
from etl.settings.model import AccountKeys, InvalidAccount
from tests.unit.keyfiles import SECRET, private

pytestmark = pytest.mark.usefixtures("bare_directory")


def refusal() -> str:
    with pytest.raises(ConfigError) as refused:
        load()
    assert SECRET[:8] not in "".join(traceback.format_exception(refused.value))
    assert str(refused.value).isprintable()
    return str(refused.value)


@pytest.mark.usefixtures("two_accounts")
def test_each_file_is_one_more_account(accounts_dir: Path) -> None:
    for name in ("z.1", "a@b", *map(str, range(300))):
        (accounts_dir / f"{name}.toml").write_text('api_key_variable = "FUND_KEY"\napi_secret_file = "desk.key"\n')
    for other in (".z.toml", "notes.txt", "..data", "a.toml~"):
        (accounts_dir / other).write_text("no account at all")
    accounts = load().accounts
    assert list(accounts)[:2] == ["desk", "fund"]
    assert set(accounts) == {"desk", "fund", "z.1", "a@b", *map(str, range(300))}
    assert accounts["z.1"] == AccountKeys(api_key_variable="FUND_KEY", api_secret_file=Path("desk.key"))


def test_the_settings_file_may_name_the_directory_too(bare_directory: Path) -> None:
    private("force-orders.toml", 'accounts_dir = "many"')
    (bare_directory / "many").mkdir()
    (bare_directory / "many" / "one.toml").write_text('private_key_file = "x.pem"')
    assert list(load().accounts) == ["one"]


TYPED = "accounts.a.api_key_file in DIRECTORY/a.toml: must be a path"


@pytest.mark.usefixtures("two_accounts")
@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a", f"api_key = {SECRET}", "DIRECTORY/a.toml is not valid TOML: "),
        ("a", b"\xff", "DIRECTORY/a.toml is not valid TOML: "),
        ("a", f"api_key_file = {'9' * 5_000}", "DIRECTORY/a.toml is not valid TOML: "),
        ("a", f"api_key_file = {'[' * 5_000}", "DIRECTORY/a.toml is nested too deeply"),
        ("a", f'api_secret = "{SECRET}"', "DIRECTORY/a.toml: there is no setting 'accounts.a.api_secret'; "),
        ("a", f'api_key_file = ["{SECRET}"]', TYPED),
        ("a", "api_key_file = 1\napi_key_variable = ''", f"{TYPED}; accounts.a.api_key_variable in DIRECTORY/a.toml: "),
        ("a b", "", "accounts.a b in DIRECTORY/a b.toml: a name has 1 to 64 letters, digits or any of "),
        ("a\u202eb\nc", "", "accounts.a�b c in DIRECTORY/a�b c.toml: a name has 1 to 64 letters, digits or any of "),
    ],
)
def test_what_is_wrong_with_one_file_is_said_of_its_account_and_the_others_are_there(
    name: str, content: str | bytes, fault: str, accounts_dir: Path
) -> None:
    (accounts_dir / f"{name}.toml").write_bytes(content.encode() if isinstance(content, str) else content)
    (accounts_dir / "fine.toml").write_text('api_key_variable = "K"')
    accounts = load().accounts
    assert set(accounts) == {"desk", "fund", "fine", name}
    assert accounts["fine"] == AccountKeys(api_key_variable="K")
    broken = accounts[name]
    assert isinstance(broken, InvalidAccount)
    assert broken.fault.startswith(fault.replace("DIRECTORY", str(accounts_dir)))
    assert SECRET[:8] not in broken.fault
    assert broken.fault.isprintable()


def test_a_file_that_cannot_be_read_is_a_broken_account(accounts_dir: Path) -> None:
    (accounts_dir / "folder.toml").mkdir()
    (accounts_dir / "gone.toml").symlink_to("nowhere")
    assert load().accounts == {
        "folder": InvalidAccount(f"{accounts_dir}/folder.toml cannot be read: Is a directory"),
        "gone": InvalidAccount(f"{accounts_dir}/gone.toml cannot be read: No such file or directory"),
    }


@pytest.mark.usefixtures("two_accounts")
def test_a_name_that_stands_in_both_is_refused(accounts_dir: Path) -> None:
    (accounts_dir / "fund.toml").write_text(f"broken = {SECRET}")
    assert refusal() == f"accounts.fund is defined twice: in force-orders.toml and in {accounts_dir}/fund.toml"


def test_a_broken_settings_file_is_refused_whatever_is_in_the_directory(accounts_dir: Path) -> None:
    private("force-orders.toml", f"[accounts.desk]\napi_secret = '{SECRET}'")
    (accounts_dir / "broken.toml").write_text("no TOML")
    assert refusal().startswith("force-orders.toml: there is no setting 'accounts.desk.api_secret'; ")


@pytest.mark.parametrize(("name", "reason"), [("absent", "No such file"), ("a-file", "Not a directory")])
def test_a_directory_that_cannot_be_read_is_refused(
    name: str, reason: str, bare_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private("a-file", "")
    monkeypatch.setenv("FORCE_ORDERS_ACCOUNTS_DIR", str(bare_directory / name))
    assert refusal().startswith(f"accounts_dir: the directory {bare_directory / name} cannot be read: {reason}")
