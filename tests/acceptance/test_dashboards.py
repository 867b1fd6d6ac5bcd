"""The two dashboards are what Grafana reads, and each of their queries has an answer."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml  # type: ignore[import-untyped]

from etl.simulator.scenario import Scenario
from tests.acceptance.deploying import DEPLOY, GRAFANA
from tests.acceptance.lab import DAY, Lab, Labs, order_row
from tests.environment import ROOT
from tests.promtool import STEP_S, complaints, promtool
from tests.roles import as_role

FILES = {
    name: json.loads((GRAFANA / f"{name}.json").read_text(encoding="utf-8")) for name in ("operations", "liquidations")
}
SOURCES = {
    source["uid"]: source["type"]
    for source in yaml.safe_load((GRAFANA / "provisioning/datasources/force-orders.yml").read_text())["datasources"]
}
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
COLUMNS = 24
"""Of Grafana's grid."""


@dataclass(frozen=True)
class Query:
    """What a panel or a variable asks; `where` is its title or name."""

    where: str
    text: str

    def __str__(self) -> str:
        return self.where


def panels(name: str) -> list[dict[str, Any]]:
    return [panel for panel in FILES[name]["panels"] if panel["type"] != "row"]


def queries(name: str, field: str) -> list[Query]:
    return [Query(panel["title"], target[field]) for panel in panels(name) for target in panel["targets"]]


PROMQL = queries("operations", "expr")
SQL = queries("liquidations", "rawSql")
VARIABLES = [Query(one["name"], one["query"]) for one in FILES["liquidations"]["templating"]["list"]]


@pytest.mark.parametrize("name", FILES)
def test_a_dashboard_has_what_grafana_needs(name: str) -> None:
    board = FILES[name]
    kinds = {
        "uid": str,
        "title": str,
        "schemaVersion": int,
        "panels": list,
        "time": dict,
        "templating": dict,
        "tags": list,
    }
    assert {key: type(board[key]) for key in kinds} == kinds
    assert (board["timezone"], board["annotations"]) == ("utc", {"list": []})
    assert "id" not in board, "Grafana's own, given when it is stored"
    ids = [panel["id"] for panel in board["panels"]]
    assert sorted(ids) == list(range(1, len(ids) + 1))
    for panel in panels(name):
        assert {"title", "description", "gridPos", "fieldConfig", "options"} <= panel.keys()
        assert panel["type"] in {"stat", "timeseries", "table"}
        assert panel["description"]
        assert [target["refId"] for target in panel["targets"]] == [*"ABC"[: len(panel["targets"])]]


@pytest.mark.parametrize("name", FILES)
def test_every_query_names_a_data_source_that_is_provisioned(name: str) -> None:
    named = [panel["datasource"] for panel in panels(name)]
    named += [target["datasource"] for panel in panels(name) for target in panel["targets"]]
    named += [variable["datasource"] for variable in FILES[name]["templating"]["list"]]
    assert {(one["uid"], one["type"]) for one in named} <= SOURCES.items()


@pytest.mark.parametrize("name", FILES)
def test_no_two_panels_lie_on_each_other(name: str) -> None:
    places = [panel["gridPos"] for panel in FILES[name]["panels"]]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= COLUMNS and place["h"] > 0 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above


@pytest.mark.parametrize("name", FILES)
def test_every_variable_in_a_query_is_one_of_the_dashboard_s(name: str) -> None:
    known = {variable["name"] for variable in FILES[name]["templating"]["list"]}
    texts = [panel["title"] for panel in panels(name)]
    texts += [query.text for query in (PROMQL if name == "operations" else SQL)]
    named = {found for text in texts for found in re.findall(r"\$\{?((?!_)\w+)", text)}
    assert named == known


def test_only_the_report_views_are_asked() -> None:
    for query in (*SQL, *VARIABLES):
        assert set(re.findall(r"\b(?:FROM|JOIN) ([a-z_]+)", query.text)) <= {
            *("report_force_orders", "report_daily", "report_coverage", "report_cascades", "report_scopes"),
            *("report_completeness", "jsonb_object_keys"),
        }


@pytest.mark.parametrize("query", SQL, ids=str)
def test_amounts_of_different_quote_assets_are_never_added(query: Query) -> None:
    if re.search(r"(?:sum|max)\((?:improvement_bps \* )?(?:largest_)?notional\)", query.text):
        assert "quote_asset = ${quote:sqlstring}" in query.text or "GROUP BY market, symbol, quote_asset" in query.text


def substituted(text: str, since: str, until: str) -> str:
    """As Grafana sends it to Postgres. Its macros end at the first bracket, so that only a column may stand in one."""
    sent = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 BETWEEN '{since}' AND '{until}'", text)
    sent = sent.replace("$__timeFrom()", f"'{since}'").replace("$__timeTo()", f"'{until}'")
    sent = sent.replace("${account:sqlstring}", "'main','it''s'").replace("${quote:sqlstring}", "'USDT'")
    sent = sent.replace("${market:sqlstring}", "'usdm','coinm'")
    assert "$" not in sent
    return sent


@pytest.fixture
def read(lab: Labs) -> Lab:
    """Thirty days with a burst of orders in two quote assets, and a gap before them."""
    one = lab(Scenario(), histories={"main": []})
    start = one.now() // DAY * DAY - 20 * DAY
    rows = [order_row("BTCUSDT", n, start + n, executedQty="1", avgPrice="100", cumQuote="100") for n in range(3)]
    rows += [order_row("ETHUSDC", 7, start + 9, executedQty="1", avgPrice="5", cumQuote="5")]
    rows += [order_row("ETHUSDT", 8, start + DAY, clientOrderId="adl_autoclose", executedQty="2", cumQuote="60")]
    one.tell("orders", rows)
    assert one("backfill", "--since", "30d").returncode == 0
    return one


def answers(lab: Lab, text: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(as_role("reader", lab.database_url)) as connection:
        now = datetime.now(UTC).replace(microsecond=0)
        since, until = (moment.isoformat() for moment in (now - timedelta(days=40), now))
        return connection.execute(substituted(text, since, until)).fetchall()


def test_every_sql_query_runs_for_the_reader_and_most_have_an_answer(read: Lab) -> None:
    found = {str(query): answers(read, query.text) for query in (*VARIABLES, *SQL)}
    assert [where for where, rows in found.items() if not rows] == []
    assert found["account"] == [("main",)]
    assert found["market"] == [("usdm",)]
    assert found["quote"] == [("USDT",), ("USDC",)], "the one with the most orders first"
    assert found["Orders"] == [(5,)]
    assert found["Notional in $quote"] == [(360,)]
    assert found["Largest order in $quote"] == [(100,)]
    assert found["Deleveraged"] == [(1,)]
    assert [row[:6] for row in found["Contracts"]] == [
        ("usdm", "BTCUSDT", "USDT", 3, None, 300),
        ("usdm", "ETHUSDC", "USDC", 1, None, 5),
        ("usdm", "ETHUSDT", "USDT", 1, 1, 60),
    ]
    (cascade,) = found["Cascades"]
    assert cascade[4:8] == (4, 2, None, "USDC, USDT"), "no sum of two assets"
    assert len(found["Newest orders"]) == 5
    days = [row[3] for row in found["Days that are not complete"]]
    assert found["Days not complete"] == [(len(days),)]
    assert (days[0], days[-10:]) == ("partly", ["never asked"] * 10), (
        "of the forty days that are shown thirty were read"
    )


def test_a_cascade_of_an_asset_and_of_one_unheard_of_has_no_sum(read: Lab) -> None:
    start = read.now() // DAY * DAY - 10 * DAY
    read.tell("orders", [order_row(symbol, n, start + n, cumQuote="7") for n, symbol in enumerate(("BTCUSDT", "ODD"))])
    again = ("--account", "main", "--since", "12d", "--why", "these orders are new")
    assert read("coverage", "reset", *again, "--yes").returncode == 0
    assert read("backfill", "--since", "15d").returncode == 0
    (query,) = (query for query in SQL if query.where == "Cascades")
    assert answers(read, query.text)[0][4:8] == (2, 2, None, "USDT")


def test_a_time_series_has_a_time_a_name_and_a_number_in_order(read: Lab) -> None:
    for panel in panels("liquidations"):
        (target,) = panel["targets"]
        assert (target["format"] == "time_series") == (panel["type"] == "timeseries")
        if panel["type"] == "timeseries":
            rows = answers(read, target["rawSql"])
            assert rows == sorted(rows, key=lambda row: row[:2])
            assert all(row[0].tzinfo and isinstance(row[1], str) for row in rows)


TOLD_BESIDE = {
    'ALERTS{alertname="ForceOrdersGap",alertstate="firing",account="main"}': 1,
    'force_orders_gap_seconds{account="main",market="usdm",reason="failed"}': 60,
    'force_orders_read_until_timestamp_seconds{account="new",market="usdm"}': 0,
    'force_orders_newest_seal_timestamp_seconds{account="main",market="usdm"}': 1,
    'force_orders_jobs_waiting{queue="default"}': 1,
    'force_orders_jobs_running{queue="default"}': 1,
    'force_orders_jobs{status="todo"}': 1,
    'force_orders_silence_until_timestamp_seconds{egress="default"}': 1,
    "force_orders_exchange_clock_offset_seconds{}": 1,
    'force_orders_request_outcomes_total{outcome="answered"}': 1,
    "force_orders_database_up{}": 1,
    "force_orders_check_timestamp_seconds{}": 1,
    "force_orders_verified_backup_timestamp_seconds{}": 1,
    'force_orders_check_failures{check="a check"}': 0,
    'force_orders_disk_free_bytes{directory="/data"}': 1,
    'up{job="force-orders"}': 1,
}
"""What a file with metrics after a quiet night does not have."""


def as_series(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            yield name if "{" in name else name + "{}", f"{value}x40"


def test_every_promql_query_has_an_answer(read: Lab, tmp_path: Path) -> None:
    """`absent` of each is empty, over what the program tells."""
    series = dict(as_series(read("metrics").stdout)) | {name: f"{value}x40" for name, value in TOLD_BESIDE.items()}
    at = f"{30 * STEP_S}s"
    empty = [
        {"expr": f"absent({re.sub(r'[$](account|market)', '.*', query.text)})", "eval_time": at, "exp_samples": []}
        for query in PROMQL
    ]
    assert complaints(tmp_path, DEPLOY / "alerts.yml", series, {"promql_expr_test": empty}) == ""


def test_what_compose_mounts_is_there_and_what_grafana_asks_is_a_service() -> None:
    services: Mapping[str, Any] = COMPOSE["services"]
    monitoring = {name for name, service in services.items() if service.get("profiles") == ["monitoring"]}
    assert monitoring == {"grafana-role", "grafana-rights", "prometheus", "grafana"}
    mounts = [one.split(":") for name in monitoring for one in services[name].get("volumes", [])]
    assert all((ROOT / source).exists() for source, *_ in mounts if source.startswith("."))
    assert all(mode == ["ro"] for source, _, *mode in mounts if source.startswith("."))
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    source = (GRAFANA / "provisioning" / "datasources" / "force-orders.yml").read_text(encoding="utf-8")
    assert {"http://prometheus:9090", "postgres:5432"} <= set(re.findall(r"url: (\S+)", source))


def test_prometheus_reads_its_configuration(tmp_path: Path) -> None:
    """The two files lie in one directory, as in its container."""
    for file in (ROOT / "config" / "prometheus" / "prometheus.yml", DEPLOY / "alerts.yml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    done = promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_asks_the_port_at_which_the_scheduler_tells() -> None:
    config = yaml.safe_load((ROOT / "config" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    (scraped,) = config["scrape_configs"]
    (found,) = scraped["dns_sd_configs"]
    assert scraped["job_name"] == "force-orders", "the alert rules name it"
    assert f"0.0.0.0:{found['port']}" in COMPOSE["services"]["schedule"]["command"]
