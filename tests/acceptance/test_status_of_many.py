"""`status` of a few accounts shows each symbol; of many the worst twenty, unless one is named or all are asked for."""

import json
from typing import Any

import psycopg
import pytest

from tests.acceptance.lab import Lab, Labs

COVERAGE = """
    INSERT INTO coverage (account, market, symbol, asked_since, proven)
    SELECT 'account' || a, 'usdm', symbol, CASE symbol WHEN '*' THEN since END,
           CASE symbol WHEN '*' THEN tstzmultirange(tstzrange(since, now() - a * interval '1 day')) ELSE '{}' END
      FROM generate_series(1, %s) AS a
     CROSS JOIN unnest('{*,BTCUSDT,ETHUSDT}'::text[]) AS symbol
     CROSS JOIN LATERAL (SELECT now() - interval '90 days' AS since) AS of_account
"""
ALL_IN_ONE_LINE = "25 accounts; 75 symbols; 0 orders; 0 accounts with gaps; oldest watermark 25 d"


def with_accounts(lab: Labs, number: int) -> Lab:
    """The accounts 1, 2 and so on, of which each was not read for so many days."""
    one = lab()
    with psycopg.connect(one.database_url) as connection:
        connection.execute(COVERAGE, [number])
    return one


@pytest.fixture
def many(lab: Labs) -> Lab:
    return with_accounts(lab, 25)


def accounts_in(said: str) -> list[str]:
    """The first words of the table's rows, in their order."""
    return [line.split()[0] for line in said.splitlines() if line.startswith("account") and line[7:8].isdigit()]


def status(lab: Lab, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lab("status", "--json", *options).stdout)
    return found


def test_twenty_accounts_are_shown_symbol_by_symbol(lab: Labs) -> None:
    said = with_accounts(lab, 20)("status").stdout
    assert len(accounts_in(said)) == 60
    assert "the worst" not in said


def test_of_more_the_totals_and_the_worst_twenty_are_shown(many: Lab) -> None:
    done = many("status")
    assert (done.returncode, done.stdout.splitlines()[0][: len(ALL_IN_ONE_LINE)]) == (0, ALL_IN_ONE_LINE)
    assert "the worst 20 of 25" in done.stdout
    assert accounts_in(done.stdout) == [f"account{number}" for number in range(25, 5, -1)]
    assert "force-orders status --account NAME" in done.stdout


def test_all_are_shown_for_the_asking(many: Lab) -> None:
    assert len(accounts_in(many("status", "--all").stdout)) == 75
    assert len(status(many)["scopes"]) == 75, "programs get everything"


def test_one_account_is_shown_alone(many: Lab) -> None:
    done = many("status", "--account", "account7", "--account", "account2")
    assert done.returncode == 0
    assert accounts_in(done.stdout) == ["account2"] * 3 + ["account7"] * 3
    found = status(many, "--account", "account7")
    assert [(one["account"], one["symbol"]) for one in found["scopes"]] == [
        ("account7", symbol) for symbol in ("*", "BTCUSDT", "ETHUSDT")
    ]


def test_an_account_that_is_not_stored_is_a_wrong_argument(many: Lab) -> None:
    done = many("status", "--account", "hedge")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "there is no account 'hedge' in the database; it holds account1, " in done.stderr
    assert done.stderr.endswith(" and 5 more\n")


def test_the_check_of_many_names_the_worst_and_counts_the_rest(many: Lab) -> None:
    done = many("status", "--check")
    assert done.returncode == 3
    first, *others, rest = done.stderr.splitlines()
    assert first.startswith("force-orders: account account25, * and 2 symbols: history unread for 25 d")
    assert len(others) == 19
    assert rest == "force-orders: and 3 more like the last line; see: force-orders status --all"


def test_the_check_of_one_account_says_nothing_of_the_others(many: Lab) -> None:
    assert many("status", "--check", "--account", "account1").returncode == 0
    late = many("status", "--check", "--account", "account9")
    assert (late.returncode, late.stderr.count("\n")) == (3, 1)
    assert late.stderr.startswith("force-orders: account account9, * and 2 symbols: history unread for 9 d")


def test_gaps_and_the_commands_that_close_them_are_those_of_the_worst(many: Lab) -> None:
    with psycopg.connect(many.database_url) as connection:
        connection.execute("""
            UPDATE coverage SET proven = proven - tstzmultirange(tstzrange(now() - interval '50 days',
                                                                           now() - interval '49 days'))
             WHERE symbol = '*' AND account IN ('account3', 'account4')
        """)
    said = many("status").stdout
    assert accounts_in(said)[:2] == ["account3", "account4"]
    assert "2 accounts with gaps" in said
    closing = [line for line in said.splitlines() if line.startswith("to close the gap: ")]
    assert [line.split()[-1] for line in closing] == ["account3", "account4"]


def test_a_nightly_job_folds_old_runs(many: Lab) -> None:
    with psycopg.connect(many.database_url) as connection:
        connection.execute("""
            INSERT INTO runs (command, started_at, finished_at, status)
            SELECT 'sync', at, at, 'succeeded' FROM unnest(ARRAY[now() - interval '500 days',
                                                                 now() - interval '5 days']) AS at
        """)
    assert many("sync").returncode == 0
    assert many.sql("SELECT runs, removed_at IS NOT NULL AS is_removed FROM run_days ORDER BY day") == [
        {"runs": 1, "is_removed": True},
        {"runs": 1, "is_removed": False},
    ]
    assert many.sql("SELECT count(*) FROM runs") == [{"count": 2}]
    assert many("sync", FORCE_ORDERS_KEEP_RUNS_DAYS="1").returncode == 0
    assert many.sql("SELECT count(*) FROM runs") == [{"count": 2}]
    assert many.sql("SELECT count(*) FROM run_days WHERE removed_at IS NULL") == [{"count": 0}]
