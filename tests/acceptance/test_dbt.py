"""The dbt project of config/dbt: written by the command, built by dbt as a role that reads the report views alone."""

import json
import os
import subprocess
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from etl.store.engine import parse_url
from tests.command import Command
from tests.environment import ROOT
from tests.roles import as_role

pytestmark = pytest.mark.slow  # installs dbt into a virtual environment of its own, once

PINS = Path(__file__).with_name("dbt.txt")
VENV = ROOT / ".venv-peers" / "dbt"
ROLE = "dbt_of_the_tests"
STORED = """
    INSERT INTO coverage (account, market, symbol, asked_since, proven)
    SELECT account, 'usdm', '*', '2026-07-01Z', tstzmultirange(tstzrange('2026-07-01Z', now() - {lag}::interval))
      FROM unnest('{{main,hedge}}'::text[]) AS account;
    INSERT INTO force_orders (account, market, symbol, order_id, close_type, side, status, price, avg_price, orig_qty,
                              executed_qty, cum_quote, order_time, update_time, raw, first_seen_at, changed_at,
                              first_run_id, last_run_id)
    SELECT account, 'usdm', symbol, n, close_type, 'SELL', 'FILLED', 100, 101.5, n, n, n * 101.5, at, at, '{{}}', at,
           at, 1, 1
      FROM generate_series(1, 40) AS n
     CROSS JOIN unnest('{{main,hedge}}'::text[]) AS account
     CROSS JOIN unnest('{{BTCUSDT,ETHUSDC}}'::text[]) AS symbol
     CROSS JOIN LATERAL (SELECT timestamptz '2026-07-10Z' + n * interval '1 day' AS at,
                                CASE WHEN n % 5 = 0 THEN 'ADL' ELSE 'LIQUIDATION' END AS close_type) AS of_order
"""

Dbt = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def program() -> str:
    """dbt, in the pinned versions."""
    stamp = VENV / "pins.txt"
    pins = PINS.read_text(encoding="utf-8")
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != pins:
        venv.create(VENV, clear=True, with_pip=True)
        pip = [str(VENV / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "-r", str(PINS)]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"dbt cannot be installed: {done.stderr.splitlines()[-1:]}")
        stamp.write_text(pins, encoding="utf-8")
    return str(VENV / "bin" / "dbt")


@pytest.fixture
def reader(server_url: str) -> Iterator[None]:
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'dbt'")
        yield
        admin.execute(f"DROP ROLE {ROLE}")


@pytest.fixture
def dbt(reader: None, database_url: str, program: str, command: Command) -> Dbt:
    """Runs dbt in the project that the command wrote; the status of each node by its name."""
    assert command("config", "deploy", "dbt", "--out", "project").returncode == 0
    granted = command("db", "grant-reader", ROLE, FORCE_ORDERS_DATABASE_URL=as_role("owner", database_url))
    assert granted.returncode == 0, granted.stderr
    with psycopg.connect(database_url) as admin:
        admin.execute(f"CREATE SCHEMA analytics AUTHORIZATION {ROLE}")
    place = parse_url(database_url)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PG", "FORCE_ORDERS"))},
        "PGHOST": place["host"],
        "PGPORT": str(place.get("port") or 5432),
        "PGDATABASE": place["dbname"],
        "PGUSER": ROLE,
        "PGPASSWORD": "dbt",
        "DO_NOT_TRACK": "1",
    }
    project = command.directory / "project"

    def run(*words: str) -> dict[str, str]:
        done = subprocess.run(
            [program, *words, "--profiles-dir", "."],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        print(done.stdout)
        name = "sources.json" if words[0] == "source" else "run_results.json"
        results: list[dict[str, Any]] = json.loads((project / "target" / name).read_text(encoding="utf-8"))["results"]
        return {one["unique_id"].split(".", 2)[2]: one["status"] for one in results}

    return run


def fill(database_url: str, lag: str) -> None:
    with psycopg.connect(database_url) as admin:
        admin.execute(STORED.format(lag=f"'{lag}'").encode())


def test_the_project_builds_and_every_test_of_it_passes(dbt: Dbt, database_url: str) -> None:
    fill(database_url, "1 hour")
    built = dbt("build")
    assert set(built.values()) == {"success", "pass"}, built
    assert {"monthly_notional", "monthly_costs", "typed_orders"} <= built.keys()
    assert len(built) > 20
    with psycopg.connect(database_url) as admin:
        summed = admin.execute(
            "SELECT sum(orders), sum(notional), count(DISTINCT month) FROM analytics.monthly_notional"
        )
        stored = admin.execute("SELECT count(*), sum(cum_quote), 2 FROM force_orders")
        assert summed.fetchall() == stored.fetchall()
        typed = admin.execute("SELECT sum(notional), bool_and(is_exact) FROM analytics.typed_orders")
        assert typed.fetchall() == admin.execute("SELECT sum(cum_quote), true FROM force_orders").fetchall()
        whole = admin.execute("SELECT DISTINCT month::text FROM analytics.monthly_notional WHERE is_complete")
        assert ("2026-07-01",) in whole.fetchall()


@pytest.mark.parametrize(("lag", "status"), [("1 hour", "pass"), ("30 hours", "warn"), ("4 days", "error")])
def test_freshness_is_the_age_of_the_watermark(dbt: Dbt, database_url: str, lag: str, status: str) -> None:
    fill(database_url, lag)
    assert dbt("source", "freshness") == {"force_orders.report_watermarks": status}


def test_an_order_of_an_unknown_kind_fails_a_test(dbt: Dbt, database_url: str) -> None:
    fill(database_url, "1 hour")
    with psycopg.connect(database_url) as admin:
        admin.execute("ALTER TABLE force_orders DROP CONSTRAINT force_orders_close_type_check")
        admin.execute("UPDATE force_orders SET close_type = 'OTHER' WHERE order_id = 1")
    tested = dbt("test", "--select", "source:*")
    failed = {name for name, status in tested.items() if status == "fail"}
    assert len(failed) == 1
    assert "close_type" in "".join(failed)
