"""Several accounts, each with a key of its own, in one database."""

from collections.abc import Callable

from etl.simulator.accounts import demo_accounts
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import Lab, order_row

Labs = Callable[..., Lab]


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


def test_the_same_order_id_in_two_accounts_makes_two_rows(lab: Labs) -> None:
    both = two_accounts(lab)
    done = both("backfill")
    assert (done.returncode, done.stderr) == (0, "")
    rows = both.sql("SELECT account, status FROM force_orders ORDER BY account")
    assert [(row["account"], row["status"]) for row in rows] == [("account2", "EXPIRED"), ("main", "FILLED")]
    marks = both.sql("SELECT DISTINCT account FROM watermarks ORDER BY account")
    assert [row["account"] for row in marks] == ["account2", "main"]


def test_one_account_alone_can_be_asked_for(lab: Labs) -> None:
    both = two_accounts(lab)
    assert both("backfill", "--account", "account2").returncode == 0
    assert [row["account"] for row in both.sql("SELECT account FROM force_orders")] == ["account2"]


def test_a_bad_key_of_one_account_does_not_stop_the_other(lab: Labs) -> None:
    both = two_accounts(lab)
    (both.command.directory / "secret").write_text("z" * 64)
    done = both("backfill")
    assert done.returncode == 1
    assert "account account2" in done.stderr
    assert [row["account"] for row in both.sql("SELECT account FROM force_orders")] == ["main"]
    read = both.sql("SELECT account FROM watermarks WHERE watermark IS NOT NULL AND symbol = '*'")
    assert [row["account"] for row in read] == ["main"]


def test_a_secret_that_others_can_read_is_warned_of(lab: Labs) -> None:
    both = two_accounts(lab)
    (both.command.directory / "secret").chmod(0o644)
    done = both("backfill")
    assert done.returncode == 0
    assert "chmod 600" in done.stderr
