"""`config`: the settings in use and where they come from, and the files that come with the program."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import click
import pytest

from etl.cli.config import config_deploy
from etl.commands.config_files import DEPLOYMENTS
from tests.acceptance.deploying import DBT, DEPLOY, GRAFANA, text_of
from tests.command import Command
from tests.environment import ROOT

EXAMPLE = (ROOT / "config" / "force-orders.toml").read_text(encoding="utf-8")
SECRETS = ("pa55word", "K" * 64, "S" * 64)


def shown(command: Command, **environment: str) -> dict[str, tuple[Any, str]]:
    done = command("config", "show", "--json", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert [text for text in SECRETS if text in done.stdout] == []
    return {row["setting"]: (row["value"], row["origin"]) for row in json.loads(done.stdout)}


def test_every_setting_is_shown_with_where_it_comes_from(command: Command) -> None:
    file = command.directory / "force-orders.toml"
    file.write_text('database_url = "postgresql://u:pa55word@h/d"\nweight_budget = 600\nconcurrency = 2\n')
    found = shown(command, FORCE_ORDERS_CONCURRENCY="3", FORCE_ORDERS_NOTIFY_ABOUT="gap,orders")
    assert found["database_url"] == ("postgresql://u:***@h/d", f"file {file}")
    assert found["weight_budget"] == (600, f"file {file}")
    assert found["concurrency"] == (3, "variable FORCE_ORDERS_CONCURRENCY")
    assert found["notify_about"] == (["gap", "orders"], "variable FORCE_ORDERS_NOTIFY_ABOUT")
    assert found["retention_days"] == (90, "default")
    assert found["egress"] == (None, "default")


def test_keys_are_shown_by_where_they_are_looked_for(command: Command) -> None:
    folder = command.directory
    (folder / "accounts").mkdir()
    (folder / "accounts" / "grid.toml").write_text(f'api_key_file = "{folder}/k"\nprivate_key_file = "{folder}/p"\n')
    (folder / "k").touch()
    (folder / "force-orders.toml").write_text(
        'accounts_dir = "accounts"\n[accounts.main]\napi_key_file = "/k"\napi_secret_file = "/s"\n'
        f'[accounts.hedge]\napi_key_variable = "{SECRETS[0]}"\napi_secret_variable = "HEDGE_SECRET"\nqueue = "tokyo"\n'
    )
    own = {"BINANCE_API_KEY": SECRETS[1], "BINANCE_API_SECRET_FILE": f"{folder}/s", "HEDGE_SECRET": SECRETS[2]}
    found = {name: value for name, value in shown(command, **own).items() if name.startswith("accounts.")}
    file = f"file {folder}/force-orders.toml"
    assert found == {
        "accounts.main.api_key": ("***", "variable BINANCE_API_KEY"),
        "accounts.main.api_secret_file": (f"{folder}/s (not there)", "variable BINANCE_API_SECRET_FILE"),
        "accounts.hedge.api_key_variable": ("a variable that is not set", file),
        "accounts.hedge.api_secret_variable": ("HEDGE_SECRET", file),
        "accounts.hedge.queue": ("tokyo", file),
        "accounts.grid.api_key_file": (f"{folder}/k", f"file {folder}/accounts/grid.toml"),
        "accounts.grid.private_key_file": (f"{folder}/p (not there)", f"file {folder}/accounts/grid.toml"),
    }


def test_as_a_table_it_says_the_same(command: Command) -> None:
    done = command("config", "show", FORCE_ORDERS_DATABASE_URL="postgresql://u:pa55word@h/d")
    assert (done.returncode, done.stderr) == (0, "")
    lines = {line.split()[0]: line.rstrip().split(maxsplit=2)[1:] for line in done.stdout.splitlines()}
    assert lines["database_url"] == ["postgresql://u:***@h/d", "variable FORCE_ORDERS_DATABASE_URL"]


@pytest.mark.parametrize("words", [["config", "show"], ["config", "example"], ["sync", "--help"], ["db", "stop"]])
def test_a_variable_that_nothing_reads_is_named_by_every_command(command: Command, words: list[str]) -> None:
    plain = command(*words)
    warned = command(*words, FORCE_ORDERS_DATABSE_URL="postgresql://u:pa55word@h/d", FORCE_ORDERS_TEST_IT="1")
    assert (warned.returncode, warned.stdout) == (plain.returncode, plain.stdout)
    assert warned.stderr == plain.stderr + (
        "force-orders: warning: nothing reads the variable FORCE_ORDERS_DATABSE_URL; "
        "did you mean FORCE_ORDERS_DATABASE_URL?\n"
    )


def test_the_example_is_printed_as_it_is(command: Command) -> None:
    done = command("config", "example")
    assert (done.returncode, done.stdout, done.stderr) == (0, EXAMPLE, "")


def test_every_deployment_file_but_the_image_can_be_printed() -> None:
    names = {name for names in DEPLOYMENTS.values() for name in names}
    files = {*DEPLOY.iterdir(), *GRAFANA.glob("*.json")} - {DEPLOY / "Dockerfile"}
    of_dbt = {str(file.relative_to(DBT)) for file in DBT.rglob("*.*")}
    assert names == {file.name for file in files} | of_dbt
    usage = "".join(config_deploy.get_usage(click.Context(config_deploy)).split())  # the list may be wrapped
    assert f"{{{'|'.join(DEPLOYMENTS)}}}" in usage


@pytest.mark.parametrize("kind", DEPLOYMENTS)
def test_a_deployment_is_printed_or_written(command: Command, kind: str) -> None:
    done, names = command("config", "deploy", kind), DEPLOYMENTS[kind]
    assert (done.returncode, done.stderr) == (0, "")
    assert all(text_of(name) in done.stdout for name in names)
    assert done.stdout == text_of(names[0]) or len(names) > 1
    written = command("config", "deploy", kind, "--out", "some/where")
    assert written.stdout.splitlines() == [f"wrote some/where/{name}" for name in names]
    where = command.directory / "some" / "where"
    files = [file for file in where.rglob("*") if file.is_file()]
    assert {str(file.relative_to(where)): file.read_text() for file in files} == {name: text_of(name) for name in names}


def test_a_file_that_is_there_is_replaced_only_by_force_and_else_none_is_written(command: Command) -> None:
    timer = command.directory / "force-orders.timer"
    timer.write_text("mine")
    refused = command("config", "deploy", "systemd", "--out", ".")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "force-orders.timer: there already, nothing was written; --force" in refused.stderr
    assert (timer.read_text(), len(list(command.directory.iterdir()))) == ("mine", 1)
    assert command("config", "deploy", "systemd", "--out", ".", "--force").returncode == 0
    assert timer.read_text() == text_of("force-orders.timer")


def test_the_wheel_brings_the_types_the_example_the_deployment_files_and_the_migrations(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(tmp_path / "installed")
    command = Command(tmp_path, {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "installed")})
    assert command.cold("config", "example").stdout == EXAMPLE
    assert command.cold("config", "deploy", "alerts").stdout == text_of("alerts.yml")
    assert {"etl/py.typed", "etl/migrations/versions/0001_orders.py"} <= {*zipfile.ZipFile(wheel).namelist()}
