"""Labs with several accounts, each with a key of its own, in one database."""

from pathlib import Path

from etl.simulator.accounts import Account, demo_accounts
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import Lab, Labs, order_row
from tests.command import Command


def many_accounts(lab: Labs, count: int, scenario: Scenario | None = None) -> Lab:
    """`main`, whose key is in the environment, and `account2` and so on, whose files stand in the accounts_dir."""
    accounts = demo_accounts(count)
    fleet = lab(scenario or Scenario(), accounts, histories={one.name: [] for one in accounts})
    (fleet.command.directory / "accounts").mkdir()
    for one in accounts[1:]:
        add_file(fleet.command, one)
    fleet.command.environment["FORCE_ORDERS_ACCOUNTS_DIR"] = "accounts"
    return fleet


def add_file(command: Command, account: Account) -> None:
    folder = command.directory
    secret_file(folder, f"{account.name}.key", account.key)
    secret_file(folder, f"{account.name}.secret", account.secret)
    (folder / "accounts" / f"{account.name}.toml").write_text(
        f'api_key_file = "{folder}/{account.name}.key"\napi_secret_file = "{folder}/{account.name}.secret"\n'
    )


def secret_file(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(f"{text}\n")
    file.chmod(0o600)
    return file


def two_accounts(lab: Labs) -> Lab:
    """The accounts `main`, whose key is in the environment, and `account2`, whose key is in files."""
    accounts = demo_accounts(2)
    both = lab(Scenario(), accounts, histories={one.name: [] for one in accounts})
    folder = both.command.directory
    for name, text in (("key", accounts[1].key), ("secret", accounts[1].secret)):
        (folder / name).write_text(f"{text}\n")
        (folder / name).chmod(0o600)
    (folder / "force-orders.toml").write_text(
        f'[accounts.account2]\napi_key_file = "{folder}/key"\napi_secret_file = "{folder}/secret"\n'
    )
    at = both.now() - 86_400_000
    both.tell("orders", [order_row("BTCUSDT", 1, at)])
    both.tell("orders?account=account2", [order_row("BTCUSDT", 1, at, status="EXPIRED")])
    return both
