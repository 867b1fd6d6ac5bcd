"""Every alarm can be ended by a decision: of an account, of a row in quarantine, of proof that is not to be trusted."""

import json
import shlex
from typing import Any

import psycopg
import pytest

from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, Lab, Labs, ask, order_row
from tests.acceptance.several_accounts import two_accounts
from tests.acceptance.terminal import on_a_terminal
from tests.roles import ROLES, as_role
from tests.scraped import values

WHY = ("--why", "a decision of the test")
NO_KEY = {"BINANCE_API_KEY": "", "BINANCE_API_SECRET": ""}
UNREADABLE = {"price": "seven"}


def decisions(lab: Lab) -> list[tuple[Any, ...]]:
    rows = lab.sql("SELECT kind, account, decided_by, why FROM decisions ORDER BY id")
    return [tuple(row.values()) for row in rows]


def as_owner(lab: Lab, *arguments: str) -> Any:
    return lab(*arguments, FORCE_ORDERS_DATABASE_URL=as_role("owner", lab.database_url))


def with_an_old_account(lab: Labs) -> Lab:
    """`main` is up to date, and `old`, which is not in the settings, was last read in August."""
    one = lab(histories={"main": []})
    ask(one.database_url, "old")
    one.sql("UPDATE coverage SET proven = '{[2026-08-01Z, 2026-08-05Z), [2026-08-06Z, 2026-09-01Z)}' RETURNING 1")
    assert one("backfill").returncode == 0
    return one


def hold(connection: "psycopg.Connection[Any]", account: str) -> None:
    """As a run of this account does."""
    connection.execute("INSERT INTO runs (command, status) VALUES ('sync', 'running')")
    connection.execute("SELECT pg_advisory_lock(73019942, (SELECT max(id) FROM runs)::int)")
    connection.execute("SELECT pg_advisory_lock(hashtextextended(%s || '/usdm', 0))", (account,))
    connection.commit()


# accounts


def test_an_account_out_of_the_settings_is_red_until_it_is_retired(lab: Labs) -> None:
    one = with_an_old_account(lab)
    red = one("status", "--check")
    assert red.returncode == 3
    remedy = "it is not in the settings; to end this alarm: force-orders accounts retire old --why TEXT"
    assert red.stderr.splitlines() == [line for line in red.stderr.splitlines() if line.endswith(remedy)] != []
    assert ("old", "usdm") in values(one("metrics").stdout)["force_orders_watermark_age_seconds"]

    done = one("accounts", "retire", "old", *WHY)
    assert (done.returncode, done.stdout) == (0, "account old is retired; its history stays\n")
    green = one("status", "--check")
    assert (green.returncode, green.stderr) == (0, "")
    (row,) = [line.split() for line in green.stdout.splitlines() if line.startswith("old")]
    assert "retired" in row
    metrics = values(one("metrics").stdout)
    for name in ("watermark_age_seconds", "days_until_loss", "gap_seconds"):
        assert not [labels for labels in metrics.get(f"force_orders_{name}", {}) if "old" in labels]
    assert decisions(one) == [("retire", "old", ROLES["writer"], WHY[1])]
    assert one("accounts", "retire", "old", *WHY).stdout == "account old is retired already; its history stays\n"
    assert len(decisions(one)) == 1
    assert one.gaps(), "its history stays, gaps included"
    assert one("report", "--account", "old").returncode == 0


def test_an_account_of_the_settings_is_not_retired(lab: Labs) -> None:
    one = with_an_old_account(lab)
    refused = one("accounts", "retire", "main", *WHY)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "force-orders: account main is still in the settings; take it out of them first\n"
    unknown = one("accounts", "retire", "mian", *WHY)
    assert (unknown.returncode, "it holds main, old" in unknown.stderr) == (2, True)
    assert decisions(one) == []


def test_a_retired_account_that_is_read_again_is_not_retired_any_more(lab: Labs) -> None:
    both = two_accounts(lab)
    assert both("backfill", "--until", "40d").returncode == 0
    assert both("accounts", "retire", "main", *WHY, **NO_KEY).returncode == 0
    retired = json.loads(both("status", "--json", **NO_KEY).stdout)["scopes"]
    assert {(scope["account"], scope["retired"], scope["age_seconds"] is None) for scope in retired} == {
        ("main", True, True),
        ("account2", False, False),
    }
    assert not any(scope["retired"] for scope in json.loads(both("status", "--json").stdout)["scopes"])
    assert both("sync").returncode == 0
    assert [kind for kind, *_ in decisions(both)] == ["retire", "resume"]
    assert not any(scope["retired"] for scope in json.loads(both("status", "--json", **NO_KEY).stdout)["scopes"])
    assert both("sync").returncode == 0
    assert len(decisions(both)) == 2


def rows_of(lab: Lab, account: str) -> dict[str, int]:
    """In each table or view with a column `account`, how many rows there are of this one."""
    named = lab.sql("""
        SELECT table_name FROM information_schema.columns
         WHERE column_name = 'account' AND table_schema = 'public' AND table_name <> 'decisions'
    """)
    counts = {
        row["table_name"]: lab.sql(f"SELECT count(*) FROM {row['table_name']} WHERE account = '{account}'")[0]["count"]
        for row in named
    }
    assert {"force_orders", "force_order_revisions", "coverage", "quarantined_orders", "jobs"} <= counts.keys()
    return {name: count for name, count in counts.items() if count}


def filled(lab: Labs) -> Lab:
    """Two accounts with an order, an earlier version of it and a row in quarantine each; one has a job."""
    both = two_accounts(lab)
    at = both.now() - 2 * DAY
    for where in ("orders", "orders?account=account2"):
        both.tell(where, [order_row("ETHUSDT", 2, at, **UNREADABLE)])
    assert both("backfill").returncode == 3
    both.sql('UPDATE force_orders SET raw = raw || \'{"status": "NEW"}\' RETURNING 1')
    assert both("backfill", "--distributed", "--account", "account2", "--since", "9d").returncode == 0
    return both


def test_a_forgotten_account_leaves_no_row_but_the_decision(lab: Labs) -> None:
    both = filled(lab)
    others = rows_of(both, "main")
    assert "quarantined_orders" in rows_of(both, "account2")
    done = as_owner(both, "accounts", "forget", "account2", *WHY, "--yes")
    assert (done.returncode, done.stdout) == (0, "account account2 is forgotten: 1 order deleted\n")
    said = "force-orders: 1 order of account account2 and all else that is stored of it are deleted for good\n"
    assert done.stderr == said
    assert rows_of(both, "account2") == {}
    assert rows_of(both, "main") == others
    assert decisions(both) == [("forget", "account2", ROLES["owner"], WHY[1])]
    assert both("sync").returncode == 3, "it is in the settings, so it is read anew"
    assert "force_orders" in rows_of(both, "account2")


def test_without_a_terminal_nothing_is_forgotten_unasked(lab: Labs) -> None:
    both = filled(lab)
    refused = as_owner(both, "accounts", "forget", "account2", *WHY)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "1 order of account account2" in refused.stderr
    assert refused.stderr.endswith("to do it without a question, add --yes\n")
    assert as_owner(both, "accounts", "forget", "account3", *WHY, "--yes").returncode == 2
    assert "force_orders" in rows_of(both, "account2")


@pytest.mark.parametrize(("answer", "code", "left"), [("yes", 0, []), ("y", 1, ["account2"])])
def test_on_a_terminal_the_answer_counts(lab: Labs, answer: str, code: int, left: list[str]) -> None:
    both = filled(lab)
    owner = as_role("owner", both.database_url)
    words = ("accounts", "forget", "account2", *WHY)
    with on_a_terminal(both.command, *words, FORCE_ORDERS_DATABASE_URL=owner) as terminal:
        terminal.read_until("type yes to go on")
        assert "1 order of account account2" in terminal.written
        terminal.type(f"{answer}\n")
        assert terminal.read_all() == code
    found = both.sql("SELECT DISTINCT account FROM force_orders WHERE account = 'account2'")
    assert [row["account"] for row in found] == left


def test_the_writer_may_not_delete_orders_and_is_told_who_may(lab: Labs) -> None:
    both = filled(lab)
    before = rows_of(both, "account2")
    refused = both("accounts", "forget", "account2", *WHY, "--yes")
    assert refused.returncode == 5
    said = "force-orders: only the owner of the tables may delete orders; run this with the owner's URL"
    assert refused.stderr.splitlines()[-1] == said
    assert (rows_of(both, "account2"), decisions(both)) == (before, [])


@pytest.mark.parametrize("words", ["accounts forget account2 --yes", "coverage reset --account account2"])
def test_nothing_is_taken_from_an_account_that_a_run_reads(lab: Labs, words: str) -> None:
    both = filled(lab)
    before = rows_of(both, "account2")
    with psycopg.connect(both.database_url) as running:
        hold(running, "account2")
        refused = as_owner(both, *shlex.split(words), *WHY)
    assert refused.returncode == 1, refused.stderr
    assert "account account2 is being read by run " in refused.stderr.splitlines()[-1]
    assert (rows_of(both, "account2"), decisions(both)) == (before, [])


# quarantine


def with_an_unreadable_row(lab: Labs) -> Lab:
    one = lab(histories={"main": []})
    one.tell("orders", [order_row("BTCUSDT", 1, one.now() - 3 * DAY, **UNREADABLE)])
    assert one("backfill").returncode == 3
    return one


def test_a_dismissed_row_alarms_no_more_even_when_it_comes_again(lab: Labs) -> None:
    one = with_an_unreadable_row(lab)
    red = one("status", "--check")
    assert red.returncode == 3
    assert "1 row in quarantine, so 1 day is not proven; see: force-orders quarantine list" in red.stderr
    assert one("sync").returncode == 3, "the row is read again, and still cannot be read"
    (row,) = one.sql("SELECT id FROM quarantined_orders")

    done = one("quarantine", "dismiss", str(row["id"]), *WHY)
    assert (done.returncode, done.stdout) == (0, "1 row dismissed, 0 still in quarantine\n")
    again = one("sync")
    assert (again.returncode, "quarantined" in again.stdout) == (0, False)
    assert one("quarantine", "list").returncode == 0
    assert one("status", "--check").returncode == 0
    assert len(one.sql("SELECT 1 FROM quarantined_orders")) == 1
    assert decisions(one) == [("dismiss", "main", ROLES["writer"], WHY[1])]
    (kept,) = one.sql("SELECT details, market FROM decisions")
    assert kept == {
        "details": {"quarantined_order_id": row["id"], "reason": "price is not a decimal"},
        "market": "usdm",
    }


def test_ids_that_are_not_there_dismiss_nothing(lab: Labs) -> None:
    one = with_an_unreadable_row(lab)
    (row,) = one.sql("SELECT id FROM quarantined_orders")
    refused = one("quarantine", "dismiss", str(row["id"]), "99", *WHY)
    assert refused.returncode == 2
    said = "force-orders: there is no row 99 in the quarantine; see: force-orders quarantine list\n"
    assert refused.stderr == said
    assert one("quarantine", "list").returncode == 3
    assert decisions(one) == []


@pytest.mark.parametrize("words", ["quarantine dismiss 1", "accounts retire old", "coverage reset --account main"])
def test_a_decision_without_a_reason_is_refused(lab: Labs, words: str) -> None:
    one = lab(histories={"main": []})
    for why in ([], ["--why", " "]):
        refused = one(*shlex.split(words), *why)
        assert (refused.returncode, "--why" in refused.stderr) == (2, True)


def test_a_row_whose_order_is_stored_later_is_resolved_by_itself(lab: Labs) -> None:
    one = with_an_unreadable_row(lab)
    (bad,) = one.history()
    one.tell("orders", [bad | {"price": "7.50"}])
    assert one("sync").returncode == 0
    assert one("quarantine", "list").stdout == "the quarantine is empty\n"
    assert one("status", "--check").returncode == 0
    assert decisions(one) == []


def test_a_day_with_an_unreadable_row_is_proven_nowhere(lab: Labs) -> None:
    one = with_an_unreadable_row(lab)
    day = one.sql(
        "SELECT timezone('UTC', to_timestamp((raw ->> 'time')::bigint / 1000))::date AS day FROM quarantined_orders"
    )[0]["day"]
    (state,) = one.sql(f"SELECT coverage, reasons FROM report_coverage WHERE day = '{day}'")
    assert state == {"coverage": "quarantined", "reasons": "quarantined"}
    states = {row["coverage"] for row in one.sql(f"SELECT coverage FROM report_coverage WHERE day > '{day}'")}
    assert "proven" in states

    doubt = "1 day may have an unreadable row: force-orders quarantine list"
    report = one("report")
    assert doubt in report.stdout.splitlines()
    (heading,) = [line for line in report.stdout.splitlines() if "days proven" in line]
    assert "quarantined" in heading.split()
    status = one("status")
    assert str(day) in status.stdout
    doubted = {"account": "main", "market": "usdm", "day": str(day)}
    assert json.loads(one("status", "--json").stdout)["quarantined_days"] == [doubted]

    one.tell("orders", [order_row("ETHUSDT", 2, one.now() - DAY)])
    assert one("sync").returncode == 3
    assert doubt in one("export", "--out", "all.csv").stderr
    alone = one("export", "--out", "day.csv", "--since", str(day), "--until", str(day))
    assert alone.returncode == 2, "no order of that day is no proof that there was none"
    assert f"nothing from {day}T00:00Z" in alone.stderr


# coverage


def proven_days(lab: Lab) -> set[str]:
    return {str(row["day"]) for row in lab.sql("SELECT day FROM report_coverage WHERE coverage = 'proven'")}


def test_proof_that_is_taken_back_is_a_gap_that_the_next_run_reads_again(lab: Labs) -> None:
    one = lab(Scenario(), histories={"main": []})
    at = one.now() - 20 * DAY
    one.tell("orders", [order_row("BTCUSDT", 1, at)])
    assert one("backfill").returncode == 0
    before, mark = proven_days(one), one.watermark()
    span = ["--since", str(at - 2 * DAY), "--until", str(at + DAY)]

    done = one("coverage", "reset", "--account", "main", *span, *WHY)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("took back 3 d of account main, from ")
    assert {(gap["symbol"], gap["reason"], gap["gap_end"] - gap["gap_start"]) for gap in one.gaps()} == {
        (symbol, "not_fetched", one.gaps()[0]["gap_end"] - one.gaps()[0]["gap_start"]) for symbol in ("*", "BTCUSDT")
    }
    assert len(one.table()) == 1, "no order is deleted"
    assert one.watermark()["watermark"] < mark["watermark"]
    (kept,) = one.sql("SELECT kind, details ->> 'proven_milliseconds' AS taken FROM decisions")
    assert kept == {"kind": "reset", "taken": str(3 * DAY)}

    command = second.removeprefix("to read it again: force-orders ")
    assert one(*shlex.split(command)).returncode == 0
    assert (one.gaps(), proven_days(one)) == ([], before)


def test_the_nightly_run_reads_again_what_was_taken_back_as_a_whole(lab: Labs) -> None:
    one = lab(histories={"main": []})
    assert one("backfill").returncode == 0
    assert one("coverage", "reset", "--account", "main", *WHY).returncode == 0
    assert one.sql("SELECT 1 FROM coverage WHERE proven <> '{}'") == []
    (kept,) = one.sql("SELECT details FROM decisions")
    assert (kept["details"]["since"], kept["details"]["until"]) == (None, None)
    nothing = one("coverage", "reset", "--account", "main", *WHY)
    assert (nothing.returncode, nothing.stdout) == (0, "nothing of that span was proven for account main\n")
    assert len(decisions(one)) == 1
    assert one("sync").returncode == 0
    assert len(proven_days(one)) >= 88
    assert one("sync").returncode == 0
    assert {gap["reason"] for gap in one.gaps()} <= {"beyond_retention"}, "what the exchange dropped in the meantime"
    assert one("status", "--check").returncode == 0


def test_proof_of_the_future_can_be_taken_back(lab: Labs) -> None:
    one = lab(histories={"main": []})
    assert one("backfill").returncode == 0
    one.sql("UPDATE coverage SET proven = proven + '{[2026-01-01Z, 2999-01-01Z)}' RETURNING 1")
    done = one("coverage", "reset", "--account", "main", "--since", str(one.now()), *WHY)
    assert done.returncode == 0, done.stderr
    assert int(one.watermark()["watermark"].timestamp() * 1000) <= one.now()
    assert one("sync").returncode == 0


def test_what_the_exchange_no_longer_keeps_is_taken_back_only_after_a_yes(lab: Labs) -> None:
    one = lab(histories={"main": []})
    ask(one.database_url)
    one.sql("UPDATE coverage SET proven = '{[2020-01-01Z, 2020-01-11Z)}' RETURNING 1")
    refused = one("coverage", "reset", "--account", "main", *WHY)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "10 d of what is taken back lie before " in refused.stderr
    assert decisions(one) == []
    with on_a_terminal(one.command, "coverage", "reset", "--account", "main", *WHY) as terminal:
        terminal.read_until("type yes to go on")
        terminal.type("no\n")
        assert terminal.read_all() == 1
    assert decisions(one) == []
    done = one("coverage", "reset", "--account", "main", *WHY, "--yes")
    assert done.returncode == 0
    assert done.stdout == "took back 10 d of account main, from 2020-01-01T00:00Z to 2020-01-11T00:00Z\n"
    assert [gap["reason"] for gap in one.gaps() if gap["gap_start"].year == 2020] == ["beyond_retention"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--account nobody", "there is no account 'nobody' in the database; it holds main"),
        ("--account main --market coinm", "account main has no market 'coinm'; it has usdm"),
        ("--account main --since 2026-09-02 --until 2026-09-01", "is not before --until 2026-09-02T00:00Z"),
        ("--account main --since yesterday", "'yesterday' is not a time"),
        ("--account main --symbol ?", "'?' is not a symbol"),
    ],
)
def test_a_reset_of_what_is_not_there_is_refused(lab: Labs, words: str, said: str) -> None:
    one = lab(histories={"main": []})
    ask(one.database_url)
    refused = one("coverage", "reset", *shlex.split(words), *WHY)
    assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr
