"""`init`: from a key to a settings file with which everything works, in an environment that holds nothing."""

import os
import pty
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET, Account
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, Lab, Labs, order_row
from tests.acceptance.several_accounts import secret_file
from tests.command import Command

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def fresh(lab: Labs) -> Lab:
    """An exchange with one order of yesterday, and a working directory whose name needs care in a crontab."""
    made = lab(Scenario(), histories={"main": []}, room=False)
    made.tell("orders?account=main", [order_row("BTCUSDT", 7, made.now() - DAY)])
    made.tell("reset-stats", {})
    made.command = Command(made.command.directory / "50% o'clock", made.command.environment)
    made.command.directory.mkdir()
    return made


def without(lab: Lab, *names: str) -> Lab:
    for name in names:
        del lab.command.environment[name]
    return lab


def written(lab: Lab) -> list[Path]:
    return sorted(one for one in lab.command.directory.rglob("*") if one.is_file() and one.name != ".gitignore")


def settings_of(lab: Lab) -> dict[str, Any]:
    return tomllib.loads((lab.command.directory / "force-orders.toml").read_text())


def by_cron(done: Done) -> Done:
    """The last line printed, as cron runs it: without the five fields of the time, and each `\\%` a `%`."""
    line = done.stdout.splitlines()[-1].split(maxsplit=5)[5]
    assert "%" not in line.replace(r"\%", ""), "cron ends the command there"
    return subprocess.run(
        ["/usr/bin/env", "-i", "/bin/sh", "-c", line.replace(r"\%", "%")],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def assert_nothing_secret(done: Done) -> None:
    assert [text for text in (DEMO_KEY, DEMO_SECRET, "pa55word") if text in done.stdout + done.stderr] == []


def test_the_printed_line_stores_orders_in_cron_s_empty_environment(fresh: Lab) -> None:
    done = fresh("init")
    assert done.returncode == 0, done.stderr
    night = by_cron(done)
    assert night.returncode == 0, night.stderr
    assert fresh.table() == fresh.expected()
    assert len(fresh.table()) == 1
    assert_nothing_secret(done)


def test_the_files_are_for_nobody_else_and_every_path_is_absolute(fresh: Lab) -> None:
    fresh.command.environment["FORCE_ORDERS_DATA_DIR"] = "data"
    assert fresh("init").returncode == 0
    folder = fresh.command.directory
    assert written(fresh) == [folder / "force-orders.keys" / name for name in ("main.key", "main.secret")] + [
        folder / "force-orders.toml"
    ]
    assert {oct(one.stat().st_mode & 0o777) for one in written(fresh)} == {"0o600"}
    assert (folder / "force-orders.keys").stat().st_mode & 0o777 == 0o700
    assert (folder / "force-orders.keys" / "main.secret").read_text() == f"{DEMO_SECRET}\n"
    settings = settings_of(fresh)
    assert settings == {
        "data_dir": str(folder / "data"),
        "database_url": fresh.command.environment["FORCE_ORDERS_DATABASE_URL"],
        "base_url": fresh.simulator.url,
        "markets": ["usdm"],
        "cost_weight": 0,
        "reconcile_days": 0,
        "audit_windows": 0,  # these three from the environment of the tests
        "accounts": {
            "main": {
                "api_key_file": str(folder / "force-orders.keys" / "main.key"),
                "api_secret_file": str(folder / "force-orders.keys" / "main.secret"),
            }
        },
    }


def test_a_refused_key_leaves_nothing_behind_and_says_what_to_do(fresh: Lab) -> None:
    fresh.command.environment["BINANCE_API_SECRET"] = "another"
    done = fresh("init")
    assert (done.returncode, done.stdout) == (1, "")
    assert "wrong secret" in done.stderr
    assert "what to do: copy the secret of this key" in done.stderr
    assert done.stderr.splitlines()[-1] == "force-orders: nothing was written"
    assert list(fresh.command.directory.iterdir()) == []


def test_a_ban_ends_it_with_4_and_is_kept_for_every_other_command(fresh: Lab) -> None:
    fresh.tell("faults", [{"kind": "ban", "path": "/fapi/v1/forceOrders", "seconds": 600}])
    assert fresh("init").returncode == 4
    assert list(fresh.command.directory.iterdir()) == []
    assert fresh("sync").returncode == 4
    assert fresh.stats()["requests_during_ban"] == 0


def test_what_is_there_is_replaced_only_by_force(fresh: Lab) -> None:
    file = fresh.command.directory / "force-orders.toml"
    file.write_text("weight_budget = 600\n")
    refused = fresh("init")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "force-orders.toml: there already, nothing was written; --force" in refused.stderr
    assert file.read_text() == "weight_budget = 600\n"
    assert fresh.stats()["requests"] == 0
    assert fresh("init", "--force").returncode == 0
    assert "accounts" in settings_of(fresh)
    file.unlink()
    assert "main.key" in fresh("init").stderr, "a key is not replaced either"


def test_key_files_that_there_are_stay_where_they_are(fresh: Lab) -> None:
    without(fresh, "BINANCE_API_KEY", "BINANCE_API_SECRET")
    folder = fresh.command.directory
    key, secret = secret_file(folder, "k", DEMO_KEY), secret_file(folder, "s", DEMO_SECRET)
    done = fresh(
        "--config", "mine.toml", "init", "--account", "desk.1", "--api-key-file", "k", "--api-secret-file", "s"
    )
    assert done.returncode == 0, done.stderr
    assert written(fresh) == [key, folder / "mine.toml", secret]
    named = tomllib.loads((folder / "mine.toml").read_text())["accounts"]
    assert named == {"desk.1": {"api_key_file": str(key), "api_secret_file": str(secret)}}
    assert by_cron(done).returncode == 0
    assert fresh.sql("SELECT account FROM force_orders") == [{"account": "desk.1"}]


def test_a_private_key_stands_in_for_a_secret(lab: Labs) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    held = without(
        lab(Scenario(), [Account("main", DEMO_KEY, "", public)], histories={"main": []}), "BINANCE_API_SECRET"
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    secret_file(held.command.directory, "key.pem", pem)
    done = held("init", "--private-key-file", "key.pem")
    assert done.returncode == 0, done.stderr
    assert settings_of(held)["accounts"]["main"]["private_key_file"] == str(held.command.directory / "key.pem")
    assert by_cron(done).returncode == 0


def test_key_and_secret_can_come_through_standard_input(fresh: Lab) -> None:
    without(fresh, "BINANCE_API_KEY", "BINANCE_API_SECRET")
    process = subprocess.Popen(
        fresh.command.words("init", "--stdin"),
        cwd=fresh.command.directory,
        env=fresh.command.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    said, _ = process.communicate(f"{DEMO_KEY}\n{DEMO_SECRET}\n", timeout=60)
    assert process.returncode == 0
    assert DEMO_SECRET not in said
    assert "accounts" in settings_of(fresh)


def test_on_a_terminal_it_asks_and_does_not_show_the_answers(fresh: Lab) -> None:
    without(fresh, "BINANCE_API_KEY", "BINANCE_API_SECRET")
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        fresh.command.words("init"),
        cwd=fresh.command.directory,
        env=fresh.command.environment,
        stdin=end,
        stdout=end,
        stderr=end,
        start_new_session=True,
    )
    os.close(end)
    shown = b""
    for question, answer in ((b"API key (not shown): ", DEMO_KEY), (b"API secret (not shown): ", DEMO_SECRET)):
        while question not in shown:
            shown += os.read(terminal, 1024)
        os.write(terminal, f"{answer}\n".encode())
    while b" sync\r\n" not in shown:
        shown += os.read(terminal, 1024)
    assert process.wait(60) == 0
    os.close(terminal)
    assert DEMO_KEY.encode() not in shown
    assert "accounts" in settings_of(fresh)


def test_without_a_key_and_a_terminal_it_ends_with_2_and_says_how_to_give_one(fresh: Lab) -> None:
    done = without(fresh, "BINANCE_API_SECRET")("init")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert all(word in done.stderr for word in ("--api-secret-file", "BINANCE_API_SECRET", "--stdin"))
    assert fresh.stats()["requests"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--database-url", "postgresql://u:pa55word@localhost/d"], "passfile=/absolute/path"),
        (["--database-url", "postgresql://u@localhost/d?password=pa55word"], "passfile=/absolute/path"),
        (["--database-url", "postgresql://u@localhost/d?passfile=here"], "passfile must be an absolute path"),
        (["--database-url", "mysql://u:pa55word@localhost/d"], "--database-url: must be the URL of a Postgres"),
        (["--base-url", "http://fapi.binance.com"], "--base-url: must begin with https://"),
        (["--account", "a b"], "--account: a name has 1 to 64"),
        (["--api-key-file", "nowhere"], "--api-key-file: the file"),
        (["--api-secret-file", "a", "--private-key-file", "b"], "exclude each other"),
    ],
)
def test_wrong_options_end_with_2_before_any_request(fresh: Lab, words: list[str], said: str) -> None:
    done = fresh("init", *words)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert said in done.stderr
    assert_nothing_secret(done)
    assert list(fresh.command.directory.iterdir()) == []
    assert fresh.stats()["requests"] == 0


def test_a_database_that_does_not_answer_ends_it_with_5(fresh: Lab) -> None:
    done = fresh("init", FORCE_ORDERS_DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    assert (done.returncode, done.stdout) == (5, "")
    assert list(fresh.command.directory.iterdir()) == []


def test_for_a_database_without_tables_making_them_comes_next(fresh: Lab, empty_database_url: str) -> None:
    done = fresh("init", FORCE_ORDERS_DATABASE_URL=empty_database_url)
    assert done.returncode == 0, done.stderr
    (following,) = (line.removeprefix("next      ") for line in done.stdout.splitlines() if line.startswith("next"))
    assert following.endswith("db upgrade")
    made = subprocess.run(["/usr/bin/env", "-i", "/bin/sh", "-c", following], capture_output=True, check=False)
    assert (made.returncode, by_cron(done).returncode) == (0, 0)


def test_the_embedded_postgres_is_not_made_to_check_a_key_and_is_made_by_the_night(fresh: Lab) -> None:
    without(fresh, "FORCE_ORDERS_DATABASE_URL")
    done = fresh("init", "--data-dir", "data")
    assert done.returncode == 0, done.stderr
    assert not (fresh.command.directory / "data").exists()
    night = by_cron(done)
    assert night.returncode == 0, night.stderr
    assert "1 order new" in night.stdout


def test_what_cron_does_not_have_is_named(fresh: Lab) -> None:
    done = fresh("init", "--account", "desk", HTTPS_PROXY="http://127.0.0.1:9", PGPASSWORD="x", NO_PROXY="127.0.0.1")
    assert done.returncode == 0, done.stderr
    assert "cron does not have HTTPS_PROXY, PGPASSWORD" in done.stderr
    assert "BINANCE_API_KEY, BINANCE_API_SECRET set, commands here also read an account main" in done.stderr
