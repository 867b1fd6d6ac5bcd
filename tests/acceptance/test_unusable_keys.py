"""Several accounts, and the key of one cannot be used: the others are read all the same, and the run says whose."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from etl.simulator.accounts import demo_accounts
from tests.acceptance.lab import DAY, Lab, Labs, order_row
from tests.acceptance.several_accounts import many_accounts, secret_file

Breaking = Callable[[Lab], str]
"""Makes the key of `account2` unusable; the answer is what is said of it."""


def no_file(lab: Lab) -> str:
    file = lab.command.directory / "account2.secret"
    file.unlink()
    return f"accounts.account2.api_secret_file: the file {file} cannot be read: No such file or directory"


def odd_characters(lab: Lab) -> str:
    file = secret_file(lab.command.directory, "account2.secret", f"{demo_accounts(2)[1].secret} copied")
    return (
        f"accounts.account2.api_secret_file: the file {file} "
        "contains spaces or other characters that no key has; copy it again"
    )


def no_private_key(lab: Lab) -> str:
    folder = lab.command.directory
    (folder / "accounts" / "account2.toml").write_text(
        f'api_key_file = "{folder}/account2.key"\nprivate_key_file = "{folder}/account2.secret"\n'
    )
    return (
        f"accounts.account2.private_key_file: the file {folder}/account2.secret holds no unencrypted PEM (PKCS#8) key"
    )


def no_variable(lab: Lab) -> str:
    (lab.command.directory / "accounts" / "account2.toml").write_text('api_key_variable = "SECOND_KEY"\n')
    return "accounts.account2.api_key_variable: the variable SECOND_KEY is not set"


def no_secret(lab: Lab) -> str:
    (lab.command.directory / "accounts" / "account2.toml").write_text(
        f'api_key_file = "{lab.command.directory}/account2.key"\n'
    )
    return "accounts.account2: set api_secret_file, api_secret_variable or private_key_file"


def broken_file(lab: Lab) -> str:
    file = Path("accounts", "account2.toml")
    (lab.command.directory / file).write_text(f"api_secret = {demo_accounts(2)[1].secret}\n")
    return f"{file} is not valid TOML: Invalid value (at line 1, column 14)"


def unknown_setting(lab: Lab) -> str:
    file = Path("accounts", "account2.toml")
    (lab.command.directory / file).write_text(f'api_secret = "{demo_accounts(2)[1].secret}"\n')
    return (
        f"{file}: there is no setting 'accounts.account2.api_secret'; did you mean accounts.account2.api_secret_file?"
    )


def three_accounts(lab: Labs) -> Lab:
    """`main`, `account2` and `account3`, with an order each."""
    three = many_accounts(lab, 3)
    three.command.environment["FORCE_ORDERS_RETENTION_DAYS"] = "7"  # little weight: nobody waits a minute
    at = three.now() - DAY
    for name in ("main", "account2", "account3"):
        three.tell(f"orders?account={name}", [order_row("BTCUSDT", 1, at)])
    return three


def stored(lab: Lab) -> list[str]:
    return [row["account"] for row in lab.sql("SELECT account FROM force_orders ORDER BY account")]


def complaints(done: "CompletedProcess[str]") -> list[str]:
    """What stands on stderr, and no secret there."""
    secrets = [text for one in demo_accounts(3) for text in (one.key, one.secret)]
    assert [text for text in [*secrets, "signature="] if text in done.stderr] == []
    return [line.removeprefix("force-orders: ") for line in done.stderr.splitlines()]


BREAKINGS = [no_file, odd_characters, no_private_key, no_variable, no_secret, broken_file, unknown_setting]


@pytest.mark.parametrize("breaking", BREAKINGS, ids=lambda breaking: breaking.__name__)
def test_the_accounts_whose_keys_can_be_used_are_read_and_the_run_failed(lab: Labs, breaking: Breaking) -> None:
    three = three_accounts(lab)
    fault = f"account account2: {breaking(three)}"
    done = three("backfill")
    assert (done.returncode, complaints(done)) == (1, [fault])
    assert done.stdout.startswith("backfill failed in ")
    assert stored(three) == ["account3", "main"]
    run = three.last_run()
    assert (run["status"], run["error"], run["inserted"]) == ("failed", fault, 2)


def test_so_it_is_in_every_command_that_reads_and_for_accounts_that_are_named(lab: Labs) -> None:
    three = three_accounts(lab)
    fault = f"account account2: {no_file(three)}"
    for words in (
        ["sync"],
        ["verify"],
        ["verify", "--sample", "1"],
        ["sync", "--account", "account2", "--account", "main"],
        ["backfill", "--since", "3d", "--account", "account2", "--account", "main"],
    ):
        done = three(*words)
        assert (words, done.returncode, complaints(done)) == (words, 1, [fault])
        assert (three.last_run()["status"], three.last_run()["error"]) == ("failed", fault)
    assert stored(three) == ["account3", "main"]
    assert three("sync", "--account", "main").returncode == 0, "nobody asked for the other one"


def test_a_refused_key_and_an_unusable_one_are_both_told(lab: Labs) -> None:
    three = three_accounts(lab)
    fault = no_file(three)
    secret_file(three.command.directory, "account3.secret", "z" * 64)
    done = three("sync")
    assert done.returncode == 1
    unusable, refused = complaints(done)
    assert unusable == f"account account2: {fault}"
    assert refused.startswith("account account3: ")
    assert three.last_run()["error"] == f"{unusable}; {refused}"
    assert stored(three) == ["main"]


def test_what_ends_a_run_for_all_accounts_is_told_first_and_decides(lab: Labs) -> None:
    three = three_accounts(lab)
    fault = f"account account2: {no_file(three)}"
    three.tell("faults", [{"kind": "ban", "at": 2, "seconds": 600}])
    done = three("sync", FORCE_ORDERS_PATIENCE_SECONDS="0")
    assert done.returncode == 4
    assert len(complaints(done)) == 2
    assert complaints(done)[1] == fault


def test_a_plan_is_made_for_the_accounts_that_can_be_read_and_complains_of_the_other(lab: Labs) -> None:
    three = three_accounts(lab)
    planning = ["backfill", "--plan", "--since", str(three.now() - 5 * DAY), "--until", str(three.now() - DAY)]
    without = three(*planning, "--account", "main", "--account", "account3")
    fault = f"account account2: {no_file(three)}"
    planned = three(*planning)
    assert (planned.returncode, complaints(planned)) == (0, [fault])
    assert planned.stdout == without.stdout
    assert three.sql("SELECT FROM runs") == []


def test_where_no_key_can_be_used_one_line_names_every_fault_before_any_request(lab: Labs) -> None:
    two = many_accounts(lab, 2)
    main = "BINANCE_API_SECRET contains spaces or other characters that no key has; copy it again"
    faults = f"{main}; {no_file(two)}"
    for words in (["backfill"], ["backfill", "--plan"], ["sync"], ["verify"]):
        done = two(*words, BINANCE_API_SECRET="two words")
        assert (done.returncode, done.stdout, complaints(done)) == (2, "", [faults])
    alone = two("sync", "--account", "account2")
    assert (alone.returncode, complaints(alone)) == (2, [faults.removeprefix(f"{main}; ")])
    assert two.stats()["requests"] == 0
    assert two.sql("SELECT FROM runs") == []


def test_an_unknown_account_ends_with_2_before_anything_whatever_the_others(lab: Labs) -> None:
    two = many_accounts(lab, 2)
    no_file(two)
    for command in ("backfill", "sync", "verify"):
        done = two(command, "--account", "main", "--account", "account2", "--account", "nobody")
        assert done.returncode == 2
        assert complaints(done) == ["there is no account 'nobody'; known: account2, main"]
    assert two.stats()["requests"] == 0
    assert two.sql("SELECT FROM runs") == []


def test_list_and_check_show_the_account_of_a_broken_file_with_what_is_wrong(lab: Labs) -> None:
    three = three_accounts(lab)
    fault = broken_file(three)
    listed = three("accounts", "list", "--json")
    assert (listed.returncode, complaints(listed)) == (0, [])
    wrong = {
        row["account"]: (row["kind"], row["key"], row["secret"], row["wrong"]) for row in json.loads(listed.stdout)
    }
    assert wrong["account2"] == (None, None, None, fault)
    assert {name: row[3] for name, row in wrong.items()} == {"main": None, "account2": fault, "account3": None}
    assert fault in three("accounts", "list").stdout
    checked = three("accounts", "check")
    assert (checked.returncode, complaints(checked)) == (1, [])
    (line,) = (line for line in checked.stdout.splitlines() if line.startswith("account2"))
    assert re.split("  +", line)[1:3] == ["no key", fault]
    assert checked.stdout.splitlines()[-1] == "3 accounts: 2 fine, 1 not"
    assert three("accounts", "check", "--account", "account2").returncode == 1


def test_a_broken_file_stops_no_command_that_needs_no_key(lab: Labs) -> None:
    three = three_accounts(lab)
    broken_file(three)
    assert three("sync").returncode == 1
    for words in (["status"], ["report"], ["metrics"], ["db", "url"]):
        done = three(*words)
        assert (words, done.returncode, complaints(done)) == (words, 0, [])


def test_a_name_that_is_not_allowed_is_one_account_s_fault(lab: Labs) -> None:
    three = three_accounts(lab)
    odd = three.command.directory / "accounts" / "ac\x1b[2Jcount2.toml"
    (three.command.directory / "accounts" / "account2.toml").rename(odd)
    done = three("sync")
    assert done.returncode == 1
    (complaint,) = complaints(done)
    assert complaint.startswith("account ac�[2Jcount2: accounts.ac�[2Jcount2 in accounts/")
    assert "a name has 1 to 64 letters" in complaint
    assert three.last_run()["error"] == complaint
    assert stored(three) == ["account3", "main"]
    assert "ac�[2Jcount2" in three("accounts", "list").stdout
