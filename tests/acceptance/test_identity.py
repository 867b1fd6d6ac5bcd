"""What was proven belongs to a host and to the account of a key: neither may change without being noticed."""

import json
from subprocess import CompletedProcess
from typing import Any

import pytest

from etl.simulator.accounts import DEMO_KEY, Account, demo_accounts
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, FORCE_ORDERS, HOUR, Lab, Labs, assert_table_equals_history, order_row
from tests.acceptance.several_accounts import many_accounts, secret_file

MAIN, SECOND = demo_accounts(2)
COMMANDS = [["backfill"], ["sync"], ["verify"], ["verify", "--repair"]]
ELSEWHERE = {"FORCE_ORDERS_BASE_URL": "https://exchange.invalid", "FORCE_ORDERS_ATTEMPTS": "1"}


def key_of(account: Account) -> dict[str, str]:
    return {"BINANCE_API_KEY": account.key, "BINANCE_API_SECRET": account.secret}


def orders_at(time: int, count: int = 3) -> list[dict[str, Any]]:
    return [order_row("BTCUSDT", number, time + number * HOUR) for number in range(1, count + 1)]


def exchange_with(lab: Labs, *histories: list[dict[str, Any]]) -> Lab:
    """A new exchange with an account for each of these histories, and the database of the test."""
    accounts = demo_accounts(len(histories))
    made = lab(Scenario(), accounts, histories={one.name: [] for one in accounts})
    for account, rows in zip(accounts, histories, strict=True):
        made.tell(f"orders?account={account.name}", rows)
    return made


def read(lab: Labs, *histories: list[dict[str, Any]]) -> Lab:
    """The same after a backfill of the account `main`."""
    made = exchange_with(lab, *histories)
    done = made("backfill")
    assert (done.returncode, done.stderr) == (0, "")
    return made


def database(lab: Lab) -> list[list[dict[str, Any]]]:
    """Everything but the runs."""
    return [lab.sql(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in ("force_orders", "coverage", "identities")]


def complaint(done: "CompletedProcess[str]", code: int) -> str:
    """The one line that was said."""
    assert done.returncode == code, done.stderr
    (line,) = done.stderr.splitlines()
    return line.removeprefix("force-orders: ")


def unchecked(lab: Lab) -> list[str]:
    keys = json.loads(lab("status", "--json").stdout)["unchecked_keys"]
    return [key["account"] for key in keys]


def days_ago(lab: Lab, days: int) -> int:
    return lab.now() - days * DAY


@pytest.fixture
def now(lab: Labs) -> int:
    return lab(histories={}).now()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_another_host_is_refused_before_any_request(lab: Labs, now: int, words: list[str]) -> None:
    first = read(lab, orders_at(now - 9 * DAY))
    before = database(first)
    said = complaint(first(*words, **ELSEWHERE), 2)
    here = first.simulator.url.removeprefix("http://")
    assert said.startswith(
        f"account main: what is stored was read from {here} and proves nothing about exchange.invalid"
    )
    assert "set base_url back" in said
    assert "another account name" in said
    assert (first.last_run()["status"], first.last_run()["requests"], first.last_run()["error"]) == ("failed", 0, said)
    assert database(first) == before
    assert first("sync").returncode == 0, "the former host goes on"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_another_exchange_on_this_machine_has_to_show_what_is_stored(lab: Labs, now: int, words: list[str]) -> None:
    first = read(lab, orders_at(now - 9 * DAY))
    other = exchange_with(lab, orders_at(now - 20 * DAY, 70))
    before = database(first)
    said = complaint(other(*words), 2)
    here, there = (one.simulator.url.removeprefix("http://") for one in (first, other))
    assert said.startswith(f"account main: {there} does not show order 3 of BTCUSDT")
    assert f"read from {here}; set base_url back, or use another account name" in said
    assert database(first) == before
    assert other.stats()["requests"] == 2, "the clock, and one order"


def test_a_simulator_that_restarts_at_another_port_goes_on(lab: Labs, now: int) -> None:
    history = orders_at(now - 9 * DAY)
    read(lab, history)
    again = exchange_with(lab, [*history, order_row("ETHUSDT", 9, now - HOUR)])
    for _ in range(2):
        done = again("sync")
        assert (done.returncode, done.stderr) == (0, "")
    assert_table_equals_history(again)
    assert again.sql("SELECT host, is_checked FROM identities") == [
        {"host": again.simulator.url.removeprefix("http://"), "is_checked": True}
    ]


def test_the_emptiness_of_one_exchange_is_not_taken_for_that_of_another(lab: Labs, now: int) -> None:
    read(lab, [])
    other = exchange_with(lab, orders_at(now - 20 * DAY, 70))
    said = complaint(other("sync"), 2)
    assert "proves nothing about" in said
    assert "coverage reset --account main" in said
    other.sql("UPDATE coverage SET proven = '{}' RETURNING 1")  # what the reset does
    done = other("backfill")
    assert (done.returncode, done.stderr) == (0, "")
    assert_table_equals_history(other)


def test_a_host_that_moved_is_accepted_once_nothing_is_proven_and_it_shows_what_is_stored(lab: Labs, now: int) -> None:
    first = read(lab, orders_at(now - 9 * DAY))
    first.sql("UPDATE identities SET host = 'old.example' RETURNING 1")
    assert "read from old.example" in complaint(first("sync"), 2)
    first.sql("UPDATE coverage SET proven = '{}' RETURNING 1")
    done = first("backfill")
    assert (done.returncode, done.stderr) == (0, "")
    assert_table_equals_history(first)


def test_a_new_address_is_taken_after_a_reset_where_the_exchange_keeps_no_stored_order(lab: Labs, now: int) -> None:
    """The account has only orders that are older than what the exchange is taken to keep."""
    moved, keeps = read(lab, orders_at(now - 70 * DAY)), {"FORCE_ORDERS_RETENTION_DAYS": "60"}
    moved.sql("UPDATE identities SET host = 'old.example' RETURNING 1")
    assert "force-orders coverage reset --account main" in complaint(moved("sync", **keeps), 2)
    assert moved("coverage", "reset", "--account", "main", "--why", "new address", "--yes", **keeps).returncode == 0
    said = complaint(moved("backfill", **keeps), 0)
    assert said.startswith("account main: the address has changed, which could not be checked")
    assert moved("sync", **keeps).stderr == ""
    assert (len(moved.table()), unchecked(moved)) == (3, ["main"])


def test_what_was_stored_at_another_host_is_not_mixed_with_this_one_s(lab: Labs, now: int) -> None:
    first = read(lab, orders_at(now - 9 * DAY))
    first.sql("UPDATE identities SET host = 'old.example' RETURNING 1")
    first.sql("UPDATE coverage SET proven = '{}' RETURNING 1")
    other = exchange_with(lab, orders_at(now - 20 * DAY, 70))
    before = database(first)
    assert "does not show order 3 of BTCUSDT" in complaint(other("backfill"), 2)
    assert database(first) == before


@pytest.fixture
def two_keys(lab: Labs, now: int) -> Lab:
    """Two accounts with different orders on one exchange; `main` was read."""
    return read(lab, orders_at(now - 9 * DAY), orders_at(now - 20 * DAY, 70))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_key_of_another_account_is_refused(two_keys: Lab, words: list[str]) -> None:
    before = database(two_keys)
    two_keys.tell("reset-stats", {})
    said = complaint(two_keys(*words, **key_of(SECOND)), 2)
    assert said.startswith("account main: the exchange does not show order 3 of BTCUSDT")
    assert "the key seems to belong to another account; use a key of the account that was read before" in said
    assert database(two_keys) == before
    assert two_keys.stats()["requests"] == 2, "the clock, and one order"
    assert two_keys("sync").returncode == 0, "the former key goes on"


def test_a_new_key_of_the_same_account_goes_on_and_is_remembered(lab: Labs, now: int) -> None:
    history = orders_at(now - 9 * DAY)
    rotating = read(lab, history, history)
    before = rotating.sql("SELECT key_salt, key_fingerprint FROM identities")
    weights = []
    for _ in range(2):
        rotating.tell("reset-stats", {})
        done = rotating("sync", **key_of(SECOND))
        assert (done.returncode, done.stderr) == (0, "")
        weights.append(rotating.stats()["weight"])
    assert weights[0] - weights[1] == 20 + 1, "the order is asked for once, and so is the list of symbols"
    assert rotating.sql("SELECT key_salt, key_fingerprint FROM identities") != before
    assert unchecked(rotating) == []


def test_a_key_whose_account_has_no_order_goes_on_and_that_is_said_once(lab: Labs) -> None:
    empty = read(lab, [], [])
    assert unchecked(empty) == []
    said = complaint(empty("sync", **key_of(SECOND)), 0)
    assert said.startswith("account main: the key has changed, which could not be checked")
    assert (empty.last_run()["status"], empty.last_run()["error"]) == ("succeeded", said)
    assert empty("sync", **key_of(SECOND)).stderr == ""
    assert unchecked(empty) == ["main"]
    shown = empty("status", "--check")
    assert shown.returncode == 0
    assert "account main: the key in use since " in shown.stdout
    empty.sql("UPDATE coverage SET proven = '{}' RETURNING 1")
    assert empty("backfill", **key_of(SECOND)).stderr == ""
    assert unchecked(empty) == [], "everything was read with this key"


def test_orders_of_a_key_that_was_not_checked_prove_nothing_that_is_older(lab: Labs, now: int) -> None:
    empty = read(lab, [], [])
    assert empty("sync", **key_of(SECOND)).returncode == 0
    for name in ("main", "account2"):
        empty.tell(f"orders?account={name}", [order_row("BTCUSDT", 1, now - HOUR)])
    assert empty("sync", **key_of(SECOND)).returncode == 0
    assert (empty("sync").returncode, len(empty.table())) == (0, 1)
    assert unchecked(empty) == ["main"]


def test_a_database_of_the_first_release_is_held_against_the_exchange(two_keys: Lab) -> None:
    two_keys.sql("DELETE FROM identities RETURNING 1")
    assert "the key seems to belong to another account" in complaint(two_keys("sync", **key_of(SECOND)), 2)
    assert two_keys.sql("SELECT FROM identities") == []
    done = two_keys("sync")
    assert (done.returncode, done.stderr) == (0, "")
    assert two_keys.sql("SELECT is_checked FROM identities") == [{"is_checked": True}]


def test_one_wrong_account_does_not_stop_the_others(lab: Labs) -> None:
    three = many_accounts(lab, 3)
    for name, days in (("main", 9), ("account2", 8), ("account3", 7)):
        three.tell(f"orders?account={name}", orders_at(days_ago(three, days)))
    assert three("backfill").returncode == 0
    secret_file(three.command.directory, "account2.key", MAIN.key)
    secret_file(three.command.directory, "account2.secret", MAIN.secret)
    three.tell("orders?account=account3", [order_row("ETHUSDT", 1, days_ago(three, 1))])
    said = complaint(three("sync"), 1)
    assert said.startswith("account account2: the exchange does not show order 3 of BTCUSDT")
    assert three.last_run()["inserted"] == 1
    assert "account2" in complaint(three("sync", "--account", "account2"), 2)


def test_two_accounts_whose_keys_were_exchanged_are_both_refused(lab: Labs) -> None:
    two = many_accounts(lab, 2)
    for name, days in (("main", 9), ("account2", 8)):
        two.tell(f"orders?account={name}", orders_at(days_ago(two, days)))
    assert two("backfill").returncode == 0
    secret_file(two.command.directory, "account2.key", MAIN.key)
    secret_file(two.command.directory, "account2.secret", MAIN.secret)
    done = two("sync", **key_of(SECOND))
    assert done.returncode == 2
    assert done.stderr.count("the key seems to belong to another account") == 2


def test_a_delisted_symbol_s_order_is_asked_for_without_its_symbol(lab: Labs, now: int) -> None:
    history = orders_at(now - 9 * DAY)
    rotating = read(lab, history, history)
    rotating.tell("faults", [{"kind": "code", "code": -1121, "at": 1, "path": FORCE_ORDERS}])
    assert rotating("sync", **key_of(SECOND)).returncode == 0
    assert rotating.sql("SELECT is_checked FROM identities") == [{"is_checked": True}]


@pytest.mark.parametrize("code", [-4165, -4166])
def test_one_refusal_to_show_a_stored_order_is_no_evidence_and_it_is_asked_again(two_keys: Lab, code: int) -> None:
    two_keys.tell("faults", [{"kind": "code", "code": code, "at": 1, "path": FORCE_ORDERS}])
    before = database(two_keys)
    assert "the key seems to belong to another account" in complaint(two_keys("sync", **key_of(SECOND)), 2)
    assert database(two_keys) == before


@pytest.mark.parametrize("code", [-4165, -4166])
def test_an_account_whose_stored_order_is_refused_twice_is_left_out(two_keys: Lab, code: int) -> None:
    two_keys.tell("faults", [{"kind": "code", "code": code, "path": FORCE_ORDERS}])
    before = database(two_keys)
    said = complaint(two_keys("sync", **key_of(SECOND)), 1)
    assert "account main: it is not known whether key and address are those of the same account" in said
    assert "refused twice to show order 3 of BTCUSDT" in said
    assert database(two_keys) == before
    two_keys.tell("faults", [])
    assert two_keys("sync").returncode == 0


def test_an_exchange_that_does_not_answer_is_not_taken_for_another(lab: Labs, now: int) -> None:
    history = orders_at(now - 9 * DAY)
    rotating = read(lab, history, history)
    before = database(rotating)
    rotating.tell("faults", [{"kind": "status", "status": 503, "path": FORCE_ORDERS}])
    said = complaint(rotating("sync", FORCE_ORDERS_ATTEMPTS="1", **key_of(SECOND)), 1)
    assert said.startswith("account main: ")
    assert database(rotating) == before


def test_the_key_is_nowhere_in_the_database(two_keys: Lab) -> None:
    (row,) = two_keys.sql("SELECT i::text AS said, key_salt, key_fingerprint FROM identities i")
    assert DEMO_KEY[:8] not in row["said"]
    assert DEMO_KEY.encode().hex()[:16] not in row["said"]
    assert (len(row["key_salt"]), len(row["key_fingerprint"])) == (16, 16)
    two_keys.sql("DELETE FROM identities RETURNING 1")
    assert two_keys("sync").returncode == 0
    (again,) = two_keys.sql("SELECT key_salt, key_fingerprint FROM identities")
    assert again["key_fingerprint"] != row["key_fingerprint"], "each has a salt of its own"
