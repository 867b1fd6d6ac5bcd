"""The Airflow DAG and the Dagster asset of config/deploy, run for real where these packages are.

They may be in another virtual environment than the tests: FORCE_ORDERS_TEST_AIRFLOW and FORCE_ORDERS_TEST_DAGSTER name
its Python, which for Dagster has to find what this package depends on, too.
"""

import importlib.util
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, Lab, Labs, order_row
from tests.environment import ROOT

DEPLOY = ROOT / "config" / "deploy"


def python_with(package: str) -> str:
    """The Python that can import a package; skips the test where there is none."""
    variable = f"FORCE_ORDERS_TEST_{package.upper()}"
    if named := os.environ.get(variable):
        return named
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed here, and {variable} names no Python that has it")
    return sys.executable


def in_python(python: str, script: str, lab: Lab, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [python, "-c", script],
        cwd=lab.command.directory,
        env=lab.command.environment | environment | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


MATERIALIZE = f"""
import sys
sys.path.insert(0, {str(DEPLOY)!r})
from dagster import materialize
from dagster_assets import WEEKS, defs, force_orders
assert defs.resolve_all_job_defs() and defs.schedules
ended = materialize([force_orders], partition_key=WEEKS.get_last_partition_key(), raise_on_error=False)
for found in ended.asset_materializations_for_node("force_orders"):
    print({{name: value.value for name, value in found.metadata.items()}})
print("succeeded" if ended.success else "failed")
"""


def test_the_dagster_asset_stores_one_week_a_partition(lab: Labs, tmp_path: Path) -> None:
    python = python_with("dagster")
    weekly = lab(Scenario(), histories={"main": []})
    rows = [order_row("BTCUSDT", days, weekly.now() - days * DAY) for days in range(1, 22)]
    weekly.tell("orders", rows)
    done = in_python(python, MATERIALIZE, weekly, DAGSTER_HOME=str(tmp_path))
    assert done.stdout.splitlines()[-1:] == ["succeeded"], done.stderr[-3000:]
    assert "'status': 'succeeded', 'new': 7, 'changed': 0" in done.stdout
    assert len(weekly.table()) == 7
    (covered,) = weekly.sql("SELECT watermark - covered_since AS width FROM watermarks WHERE symbol = '*'")
    assert covered["width"].days == 7


def test_the_dagster_asset_fails_at_once_where_settings_are_wrong(lab: Labs, tmp_path: Path) -> None:
    python = python_with("dagster")
    weekly = lab(Scenario(), histories={"main": []})
    done = in_python(
        python, MATERIALIZE, weekly, DAGSTER_HOME=str(tmp_path), FORCE_ORDERS_WEIGHT_BUDGET="none of your business"
    )
    assert done.stdout.splitlines()[-1:] == ["failed"]
    assert "FORCE_ORDERS_WEIGHT_BUDGET: must be a whole number" in done.stderr
    assert weekly.stats()["requests"] == 0


POKE = f"""
import sys
sys.path.insert(0, {str(DEPLOY)!r})
import airflow_dag
nightly = airflow_dag.force_orders()
assert (nightly.dag_id, nightly.catchup, nightly.max_active_runs) == ("force_orders", False, 1)
try:
    print("done" if nightly.get_task("sync").python_callable() else "waits")
except Exception as error:
    print(type(error).__name__, repr(str(error)))
"""
"""The DAG's task, called once: Airflow itself waits a quarter of an hour before it calls it again."""

RUN_DAG = f"""
import subprocess, sys
subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], stdout=subprocess.DEVNULL, check=True)
sys.path.insert(0, {str(DEPLOY)!r})
import airflow_dag
ended = airflow_dag.force_orders().test()
print(ended.state, [one.state for one in ended.get_task_instances()])
"""


def airflow(script: str, lab: Lab, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A script in the Python that has Airflow, with a home of its own and the command where the DAG looks for it."""
    python, home = python_with("airflow"), lab.command.directory / "airflow"
    home.mkdir()
    command = home / "force-orders"
    command.write_text(f'#!/bin/sh\nexec {shlex.join(lab.command.words())} "$@"\n')
    command.chmod(0o755)
    own = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DEPLOY),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "FORCE_ORDERS_COMMAND": str(command),
    }
    return in_python(python, script, lab, **own, **environment)


def test_the_airflow_dag_runs_the_nightly_job(lab: Labs) -> None:
    nightly = lab(Scenario(), histories={"main": []})
    nightly.tell("orders", [order_row("BTCUSDT", 1, nightly.now() - DAY)])
    done = airflow(RUN_DAG, nightly)
    assert done.stdout.splitlines()[-1:] == ["success ['success']"], done.stderr[-3000:]
    assert len(nightly.table()) == 1
    assert nightly.last_run()["command"] == "sync"


def banned(lab: Lab) -> dict[str, str]:
    lab.tell("faults", [{"kind": "ban", "at": 3, "seconds": 600}])
    return {"FORCE_ORDERS_PATIENCE_SECONDS": "0"}


def a_row_that_cannot_be_read(lab: Lab) -> dict[str, str]:
    lab.tell("orders", [order_row("BTCUSDT", 1, lab.now() - DAY, price="much")])
    return {}


@pytest.mark.parametrize(
    ("breaking", "outcome", "said"),
    [
        (a_row_that_cannot_be_read, "done", "incomplete: sync incomplete"),
        (banned, "waits", "the exchange sent a ban or a rate limit: sync banned"),
        (
            lambda lab: {"FORCE_ORDERS_WEIGHT_BUDGET": "none"},
            "AirflowFailException",
            "WEIGHT_BUDGET: must be a whole number",
        ),
        (lambda lab: {"BINANCE_API_SECRET": "z" * 64}, "AirflowException", "account main: "),
    ],
    ids=["3", "4", "2", "1"],
)
def test_what_each_exit_code_is_to_airflow(
    lab: Labs, breaking: Callable[[Lab], dict[str, str]], outcome: str, said: str
) -> None:
    broken = lab(Scenario(), histories={"main": []})
    done = airflow(POKE, broken, **breaking(broken))
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1].split()[0] == outcome
    assert said in done.stdout
