"""A directory with a file for each account: what is an account, and what is wrong with one."""

import traceback
from pathlib import Path

import pytest

from etl.errors import ConfigError
from etl.settings import AccountKeys, load
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


@pytest.mark.usefixtures("two_accounts")
def test_what_is_wrong_with_the_files_of_accounts_is_said_of_all_in_one_line(accounts_dir: Path) -> None:
    for name, text in (
        ("fund", 'api_key_variable = "K"'),
        ("broken", f"api_key = {SECRET}"),
        ("inline", f'api_secret = "{SECRET}"'),
        ("a b", ""),
    ):
        (accounts_dir / f"{name}.toml").write_text(text)
    said = refusal()
    assert f"accounts.fund stands twice: in force-orders.toml and in {accounts_dir}/fund.toml" in said
    assert f"{accounts_dir}/broken.toml is no valid TOML" in said
    assert f"{accounts_dir}/inline.toml: there is no setting 'accounts.inline.api_secret'" in said
    assert f"accounts.a b in {accounts_dir}/a b.toml: a name has 1 to 64 letters" in said


@pytest.mark.parametrize(("name", "reason"), [("absent", "No such file"), ("a-file", "Not a directory")])
def test_a_directory_that_cannot_be_read_is_refused(
    name: str, reason: str, bare_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private("a-file", "")
    monkeypatch.setenv("FORCE_ORDERS_ACCOUNTS_DIR", str(bare_directory / name))
    assert refusal().startswith(f"accounts_dir: the directory {bare_directory / name} cannot be read: {reason}")
