"""Several accounts, each with a key of its own, in one database."""

from tests.acceptance.lab import Labs
from tests.acceptance.several_accounts import two_accounts


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
