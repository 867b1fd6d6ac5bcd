"""`accounts list` and `accounts check`: hundreds of accounts in a directory, and what is wrong with each key."""

import json
import socket
from subprocess import CompletedProcess
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from etl.simulator.accounts import Account, demo_account, demo_accounts
from etl.simulator.scenario import Scenario
from tests.acceptance.endings import ended
from tests.acceptance.lab import FORCE_ORDERS, HOUR, Lab, Labs, order_row
from tests.acceptance.several_accounts import many_accounts, secret_file
from tests.command import Command
from tests.waiting import wait_until


def rows(done: "CompletedProcess[str]") -> dict[str, str]:
    """Each line of the table but its head, by its account."""
    lines = done.stdout.splitlines()[1:]
    return {line.split()[0]: line.partition(" ")[2].strip() for line in lines}


def listed(lab: Lab) -> dict[str, dict[str, Any]]:
    done = lab("accounts", "list", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return {row["account"]: row for row in json.loads(done.stdout)}


def test_every_file_of_the_accounts_dir_is_an_account_and_every_key_is_tried_with_20_weight(lab: Labs) -> None:
    fleet = many_accounts(lab, 60)
    done = fleet("accounts", "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "60 accounts: 60 fine, 0 not"
    assert fleet.stats()["requests_by_path"][FORCE_ORDERS] == 60
    assert fleet.stats()["weight"] == 60 * (20 + 2) + 1, (
        "beside the request, what the account has and what the key may do"
    )
    assert fleet.sql("SELECT FROM runs") == fleet.sql("SELECT FROM force_orders") == []


def test_one_account_alone_can_be_tried(lab: Labs) -> None:
    fleet = many_accounts(lab, 3)
    done = fleet("accounts", "check", "--account", "account3")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 account: 1 fine, 0 not")
    assert fleet.stats()["requests_by_path"][FORCE_ORDERS] == 1
    unknown = fleet("accounts", "check", "--account", "nobody")
    assert unknown.returncode == 2
    assert "there is no account 'nobody'; known: account2, account3, main" in unknown.stderr


def test_each_wrong_key_is_said_with_what_to_do_and_the_others_are_tried_all_the_same(lab: Labs) -> None:
    fleet = many_accounts(lab, 7)
    folder = fleet.command.directory
    secret_file(folder, "account2.secret", "z" * 64)
    secret_file(folder, "account3.key", "z" * 64)
    secret_file(folder, "account4.key", "short")
    (folder / "account5.secret").unlink()
    (folder / "accounts" / "account6.toml").write_text(
        f'api_key_file = "{folder}/account6.key"\nprivate_key_file = "{folder}/account6.secret"\n'
    )
    done = fleet("accounts", "check")
    assert (done.returncode, done.stderr) == (1, "")
    said = rows(done)
    assert said["main"].startswith("fine")
    assert said["account7"].startswith("fine")
    expected = {
        "account2": ("wrong secret", "the secret does not belong to this key", "make a new key"),
        "account3": ("refused", "no permission for futures", "this machine's address is allowed"),
        "account4": ("wrong key", "wrong format", "copy the key again"),
        "account5": ("no key", f"{folder}/account5.secret cannot be read", "accounts list"),
        "account6": ("no key", "no unencrypted PEM", "accounts list"),
    }
    assert {name: [word in said[name] for word in words] for name, words in expected.items()} == {
        name: [True] * 3 for name in expected
    }
    assert done.stdout.splitlines()[-1] == "7 accounts: 2 fine, 5 not"
    assert fleet.stats()["requests_by_path"][FORCE_ORDERS] == 5, "a refused key is not tried again"


def test_nothing_secret_is_printed_by_either_command(lab: Labs) -> None:
    fleet = many_accounts(lab, 3)
    folder = fleet.command.directory
    secret_file(folder, "account2.secret", "wrong" * 12)
    accounts = demo_accounts(3)
    (folder / "accounts" / "swapped.toml").write_text(
        f'api_key_variable = "{accounts[2].key}"\napi_secret_file = "{accounts[2].secret}"\n'
    )
    for words in (["check"], ["list"], ["list", "--json"]):
        done = fleet("--log-level", "debug", "accounts", *words)
        said = done.stdout + done.stderr
        assert "swapped" in said
        secrets = [text for one in accounts for text in (one.key, one.secret)]
        assert [text for text in [*secrets, "wrongwrong", "signature="] if text in said] == []


@pytest.mark.parametrize(
    ("fault", "result", "said"),
    [
        ({"kind": "skew"}, "clock", "this machine's clock is 5 h behind the exchange's"),
        ({"kind": "code", "code": -2017, "msg": "locked"}, "locked", "the API key is locked"),
        ({"kind": "code", "code": -2008, "msg": "Invalid Api-Key ID."}, "wrong key", "API management"),
        ({"kind": "status", "status": 401, "body": ""}, "refused", "does not accept the key"),
        ({"kind": "status", "status": 451}, "wrong host", "the region of this IP address"),
        ({"kind": "redirect"}, "wrong host", "base_url"),
        ({"kind": "object"}, "wrong host", "fapi.binance.com"),
        ({"kind": "garbage"}, "unreachable", "check base_url"),
        ({"kind": "close"}, "unreachable", "no connection to the exchange"),
        ({"kind": "status", "status": 502}, "unreachable", "did not answer the request"),
    ],
)
def test_what_stands_in_the_way_has_a_name(lab: Labs, fault: dict[str, Any], result: str, said: str) -> None:
    odd = lab(Scenario(clock_offset_ms=5 * HOUR))
    odd.tell("faults", [fault | {"path": FORCE_ORDERS}])
    done = odd("accounts", "check")
    assert done.returncode == 1, done.stderr
    assert rows(done)["main"].startswith(result)
    assert said in rows(done)["main"]


def test_a_host_that_is_not_the_futures_api_is_called_so(lab: Labs) -> None:
    spot = lab()
    done = spot("accounts", "check", FORCE_ORDERS_BASE_URL=f"{spot.simulator.url}/api")
    assert done.returncode == 1
    assert rows(done)["main"].startswith("wrong host")
    assert "there is no such endpoint on this host" in rows(done)["main"]


def test_an_exchange_that_is_not_there_is_tried_for_all_accounts_at_once(lab: Labs) -> None:
    fleet = many_accounts(lab, 40)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    done = fleet("accounts", "check", FORCE_ORDERS_BASE_URL=f"http://127.0.0.1:{port}", FORCE_ORDERS_ATTEMPTS="1")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[-1] == "40 accounts: 0 fine, 40 not"
    assert done.stdout.count("unreachable") == 40


def test_a_ban_ends_with_4_is_stored_and_the_next_check_sends_nothing(lab: Labs) -> None:
    fleet = many_accounts(lab, 4)
    fleet.tell("faults", [{"kind": "ban", "path": FORCE_ORDERS, "at": 2, "seconds": 600}])
    done = fleet("accounts", "check")
    assert (done.returncode, done.stderr) == (4, "")
    assert [rows(done)[name].split()[0] for name in ("main", "account2", "account3", "account4")] == [
        "fine",
        "banned",
        "banned",
        "banned",
    ]
    assert "nothing is sent before" in rows(done)["account4"]
    requests = fleet.stats()["requests"]
    (silence,) = fleet.sql("SELECT extract(epoch FROM until - clock_timestamp())::int AS left FROM cooldowns")
    assert 500 < silence["left"] <= 602
    again = fleet("accounts", "check")
    assert (again.returncode, again.stdout.count("banned")) == (4, 4)
    assert fleet("sync").returncode == 4, "the other commands know of it too"
    assert fleet.stats()["requests"] == requests
    assert fleet.stats()["requests_during_ban"] == 0


def test_one_account_whose_key_is_refused_does_not_stop_the_others_of_the_directory(lab: Labs) -> None:
    fleet = many_accounts(lab, 4)
    at = fleet.now() - 86_400_000
    for name in ("main", "account2", "account3", "account4"):
        fleet.tell(f"orders?account={name}", [order_row("BTCUSDT", 1, at)])
    secret_file(fleet.command.directory, "account2.secret", "z" * 64)
    secret_file(fleet.command.directory, "account3.key", "z" * 64)
    for command in ("backfill", "sync"):
        done = fleet(command)
        assert done.returncode == 1
        assert ("account account2: " in done.stderr, "account account3: " in done.stderr) == (True, True)
    stored = fleet.sql("SELECT account FROM force_orders ORDER BY account")
    assert [row["account"] for row in stored] == ["account4", "main"]


def test_the_list_tells_kind_source_and_age_of_each_account(lab: Labs) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    vault = Account("vault", demo_account("vault").key, "", public)
    main = demo_account("main")
    held = lab(Scenario(), [main, vault], histories={"main": [], "vault": []})
    folder = held.command.directory
    pem = secret_file(
        folder, "vault.pem", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    )
    (folder / "force-orders.toml").write_text(
        f'[accounts.vault]\napi_key_variable = "VAULT_KEY"\nprivate_key_file = "{pem}"\n'
        '[accounts.lost]\napi_key_variable = "LOST_KEY"\napi_secret_file = "/nowhere/lost"\n'
    )
    held.command.environment["VAULT_KEY"] = vault.key
    assert held("backfill", "--account", "vault").returncode == 0
    rows = listed(held)
    age = rows["vault"].pop("age_seconds")
    assert 0 < age < 86_400
    assert rows["vault"].pop("watermark").endswith("Z")
    nothing: dict[str, Any] = {"wrong": None, "markets": {}, "watermark": None, "age_seconds": None}
    own = {"account": "main", "kind": "HMAC", "key": "BINANCE_API_KEY", "secret": "BINANCE_API_SECRET"}
    assert rows == {
        "main": own | nothing,
        "vault": {
            "account": "vault",
            "kind": "Ed25519",
            "key": "VAULT_KEY",
            "secret": str(pem),
            "wrong": None,
            "markets": {},
        },
        "lost": {
            "account": "lost",
            "kind": "HMAC",
            "key": "LOST_KEY (not set)",
            "secret": "/nowhere/lost (not there)",
            "wrong": "accounts.lost.api_key_variable: the variable LOST_KEY is not set",
            "markets": {},
            "watermark": None,
            "age_seconds": None,
        },
    }
    table = held("accounts", "list")
    assert table.returncode == 0
    assert [line.split()[:2] for line in table.stdout.splitlines()[1:]] == [
        ["main", "HMAC"],
        ["vault", "Ed25519"],
        ["lost", "HMAC"],
    ]
    assert held("accounts", "check", "--account", "vault").returncode == 0


def test_the_list_is_of_use_without_a_database_and_makes_none(lab: Labs, command: Command) -> None:
    away = lab()
    done = away("accounts", "list", FORCE_ORDERS_DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    assert done.returncode == 0
    assert "main" in done.stdout
    assert "watermarks are not shown: " in done.stderr
    assert len(done.stderr.splitlines()) == 1
    data = command.directory / "data"
    done = away("accounts", "list", FORCE_ORDERS_DATABASE_URL="", FORCE_ORDERS_DATA_DIR=str(data))
    assert (done.returncode, done.stderr) == (0, "")
    assert not data.exists()


def test_a_signal_ends_a_check_that_waits_for_an_answer_with_130(lab: Labs) -> None:
    hanging = many_accounts(lab, 3)
    hanging.tell("faults", [{"kind": "hang", "path": FORCE_ORDERS, "at": 2}])
    process = hanging.command.start("accounts", "check")
    wait_until(lambda: hanging.stats()["requests_by_path"].get(FORCE_ORDERS, 0) >= 2)
    ended(process)
    assert hanging.stats()["requests_by_path"][FORCE_ORDERS] == 2


@pytest.mark.parametrize("verb", ["list", "check"])
def test_without_any_account_both_end_with_2_and_say_what_to_set(command: Command, verb: str) -> None:
    done = command("accounts", verb)
    assert (done.returncode, done.stdout) == (2, "")
    assert "set BINANCE_API_KEY" in done.stderr
