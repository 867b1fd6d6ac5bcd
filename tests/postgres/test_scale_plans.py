"""Hundreds of accounts: what is asked of one of them reads its rows alone, and what is asked of all reads no history.

Plans are held, not times: they are the same on every machine. `make bench-scale` measures.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, event

from benchmarks.scale_data import Size, fill
from etl.accounts.credentials import read_keys
from etl.accounts.key_sources import key_sources
from etl.core.markets import USDM
from etl.core.planning import Rules
from etl.core.timeline import DAY, Window
from etl.errors import ExitCode
from etl.exchange.clock import local_now
from etl.monitoring.accounts import by_account, gaps_of, worst_first
from etl.monitoring.metrics import metrics
from etl.monitoring.status import ScopeStatus, read_brief_status, read_status
from etl.reporting.export.check import check_export
from etl.reporting.export.orders import OrderFilter
from etl.reporting.queries import first_day, read_report
from etl.runs import composition, from_settings
from etl.runs.ingest import IngestSpec
from etl.runs.spans import nightly_planner
from etl.settings.model import AccountKeys, Settings
from etl.settings.secret import SecretStr
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from etl.simulator.scenario import Scenario
from etl.simulator.server import Simulator
from etl.store import coverage
from etl.store.engine import connection_to, engine_for
from tests.acceptance.several_accounts import secret_file
from tests.databases import clone
from tests.scraped import values

SIZE = Size(accounts=400, symbols=11, days=40, orders=20_000, job_days=10)
ONE = "account0105"
HISTORY = {"force_orders", "runs", "seals", "verifications", "procrastinate_events"}
LARGE = HISTORY | {"coverage", "procrastinate_jobs"}

Statements = list[tuple[str, Any]]


@pytest.fixture(scope="module")
def fleet_url(server_url: str, template: str) -> Iterator[str]:
    with clone(server_url, template, f"{template}_fleet") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            fill(connection, SIZE)
        yield url


@pytest.fixture
def fleet(fleet_url: str) -> Iterator[Connection]:
    with connection_to(engine_for(fleet_url)) as connection:
        yield connection


@pytest.fixture
def rules() -> Rules:
    return from_settings.rules(Settings(), local_now())


@contextmanager
def noted(connection: Connection) -> Iterator[Statements]:
    """Every statement that the block executes, with its parameters."""
    found: Statements = []

    def note(_: object, cursor: object, statement: str, parameters: Any, *rest: object) -> None:
        found.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(connection, "before_cursor_execute", note)


def whole_scans(url: str, statements: Statements) -> set[str]:
    """The tables that these statements read from end to end."""
    found: set[str] = set()
    with psycopg.connect(url) as connection:
        for statement, parameters in statements:
            if statement.split()[0] not in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"):
                continue
            some = parameters[0] if isinstance(parameters, list) else parameters
            ((document,),) = connection.execute(f"EXPLAIN (FORMAT JSON) {statement}".encode(), some).fetchall()
            plan = document if isinstance(document, list) else json.loads(document)
            found |= {node["Relation Name"] for node in nodes(plan[0]["Plan"]) if node["Node Type"] == "Seq Scan"}
    return found


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


OF_ONE: dict[str, Callable[[Connection, Rules], object]] = {
    "status": lambda fleet, rules: read_status(fleet, rules, (), [ONE]),
    "report": lambda fleet, rules: read_report(fleet, Window(rules.now - 30 * DAY, rules.now), [ONE], rules),
    "first day": lambda fleet, rules: first_day(fleet, [ONE]),
    "export": lambda fleet, rules: check_export(
        fleet, OrderFilter(None, None, [], [ONE]), Window(rules.now - 30 * DAY, rules.now)
    ),
}


@pytest.mark.parametrize("question", OF_ONE)
def test_what_is_asked_of_one_account_reads_its_rows_alone(
    fleet: Connection, fleet_url: str, rules: Rules, question: str
) -> None:
    with noted(fleet) as statements:
        OF_ONE[question](fleet, rules)
    assert statements
    assert whole_scans(fleet_url, statements) & LARGE == set()


@pytest.mark.parametrize("view", ["watermarks", "effective_coverage", "coverage_gaps", "own_watermarks", "jobs"])
def test_a_view_that_is_asked_for_one_account_reads_its_rows_alone(fleet_url: str, view: str) -> None:
    assert whole_scans(fleet_url, [(f"SELECT * FROM {view} WHERE account = '{ONE}'", None)]) & LARGE == set()


@pytest.mark.parametrize("view", ["watermarks", "effective_coverage", "own_watermarks"])
def test_a_view_of_coverage_reads_no_other_table(fleet_url: str, view: str) -> None:
    assert whole_scans(fleet_url, [(f"SELECT * FROM {view}", None)]) == {"coverage"}


def test_the_newest_jobs_are_shown_without_reading_all(fleet_url: str) -> None:
    assert whole_scans(fleet_url, [("SELECT * FROM jobs ORDER BY id DESC LIMIT 20", None)]) & LARGE == set()


def test_monitoring_reads_no_history(fleet: Connection, fleet_url: str, rules: Rules) -> None:
    with noted(fleet) as statements:
        read_brief_status(fleet, rules)
    assert whole_scans(fleet_url, statements) & HISTORY == set()


def test_a_job_reads_the_rows_of_its_account_alone(
    fleet: Connection, fleet_url: str, exchange: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = exchange(Scenario())
    key, secret = secret_file(tmp_path, "key", DEMO_KEY), secret_file(tmp_path, "secret", DEMO_SECRET)
    keys = AccountKeys(api_key_file=key, api_secret_file=secret)
    settings = Settings(
        database_url=SecretStr(fleet_url), base_url=simulator.url, markets=(USDM,), accounts={"new": keys}
    )
    spec = IngestSpec("sync", read_keys(key_sources(settings, ["new"])), nightly_planner)
    for _ in range(2):
        with noted(fleet) as statements, composition.reading(settings, spec.keys, fleet, Event()) as reader:
            assert composition.ingest_with(fleet, reader, spec).exit_code is ExitCode.DONE
        assert len(statements) > 15
        assert whole_scans(fleet_url, statements) & LARGE == set()


def test_the_brief_status_says_of_every_account_what_the_full_one_says(fleet: Connection, rules: Rules) -> None:
    full, brief = read_status(fleet, rules), read_brief_status(fleet, rules)
    own = {(one.account, one.market, one.symbol): one for one in brief.scopes}
    assert sum(one.symbols for one in brief.scopes) == len(full.scopes)
    assert len(brief.scopes) < len(full.scopes) / 5
    for scope in full.scopes:
        shown = own.get((scope.account, scope.market, scope.symbol)) or own[scope.account, scope.market, "*"]
        assert facts(shown) == facts(scope)
    assert brief.orders == full.orders >= SIZE.orders
    assert {gap.account for gap in brief.gaps} == {gap.account for gap in full.gaps} != set()


def facts(scope: ScopeStatus) -> tuple[object, ...]:
    """What two scopes have in common that share their coverage."""
    gaps = [(gap.window, gap.reason) for gap in scope.gaps]
    return scope.watermark, scope.covered_since, scope.age, scope.unread, scope.days_until_loss, gaps, scope.is_retired


def test_gaps_are_summed_over_all_symbols(fleet: Connection, rules: Rules) -> None:
    widths = [gap.window.width for gap in coverage.read_gaps(fleet)]
    told = values(metrics(fleet, rules).decode())["force_orders_gap_seconds"]
    assert sum(told.values()) == sum(widths) / 1000 > 0


def test_the_worst_account_is_the_one_that_loses_history_first(fleet: Connection, rules: Rules) -> None:
    brief = read_brief_status(fleet, rules)
    accounts = worst_first(by_account(brief))
    assert len(accounts) >= SIZE.accounts
    assert sum(one.orders for one in accounts) == brief.orders
    assert {one.symbols for one in accounts} >= {SIZE.symbols, SIZE.symbols + 1}
    left = [one.days_until_loss for one in accounts if one.days_until_loss is not None]
    assert left == sorted(left)
    assert (accounts[0].account, accounts[0].gaps) == ("account0305", 1)
    assert {gap.account for gap in gaps_of(brief, accounts[:2])} == {one.account for one in accounts[:2]}
