"""The same sentence as in test_walk, with everything in between: HTTP, signatures, threads and Postgres."""

from dataclasses import replace
from pathlib import Path
from threading import Event

from hypothesis import HealthCheck, given, settings
from sqlalchemy import Connection, text

from etl.accounts.credentials import Credentials, Keyring
from etl.accounts.key_sources import MAIN
from etl.core.markets import USDM
from etl.core.timeline import DAY, Window
from etl.errors import ExitCode
from etl.exchange.clock import local_now
from etl.runs import composition
from etl.runs.ingest import IngestSpec
from etl.runs.spans import SpanText, backfill_planner
from etl.settings.model import Settings
from etl.settings.secret import SecretStr
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from etl.simulator.orders import order_from_row
from etl.simulator.scenario import Scenario
from etl.simulator.server import Simulator
from etl.store import coverage
from tests.databases import empty
from tests.property.oracle import LIMIT, NOW, SPAN, Row, histories, scenarios


@settings(
    max_examples=max(15, settings().max_examples // 20),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=histories(), scenario=scenarios)
def test_the_table_equals_the_history_or_the_difference_lies_in_a_gap_that_the_view_names(
    connection: Connection,
    tmp_path: Path,
    rows: list[Row],
    scenario: Scenario,
) -> None:
    empty(connection)
    shift = (local_now() - NOW) // DAY * DAY  # the exchange's clock must be that of the database, within a day
    roomy = replace(scenario, clock_at_ms=NOW + shift, weight_limit=10_000_000)
    rows = [replace(row, time=row.time + shift, update_time=row.update_time + shift) for row in rows]
    span = Window(SPAN.start + shift, SPAN.end + shift)
    orders = [order_from_row(row.as_json()) for row in rows]
    with Simulator(roomy, histories={MAIN: orders}) as simulator:
        own = Settings(
            base_url=simulator.url, markets=(USDM,), data_dir=tmp_path, page_limit=LIMIT, weight_budget=100_000
        )
        keys = Keyring([Credentials(MAIN, SecretStr(DEMO_KEY), SecretStr(DEMO_SECRET))])
        own = replace(own, retention_days=0, weight_budget=9_000_000)
        with composition.reading(own, keys, connection, Event()) as reader:
            planner = backfill_planner(SpanText(str(span.start), str(span.end)), [])
            summary = composition.ingest_with(connection, reader, IngestSpec("backfill", keys, planner))
    assert summary.faults == []
    gaps = [gap for gap in coverage.read_gaps(connection) if gap.window.intersect(span)]
    assert (summary.exit_code is ExitCode.INCOMPLETE) == any(gap.symbol == "*" for gap in gaps)
    stored = {tuple(row) for row in connection.execute(text("SELECT symbol, order_id FROM force_orders"))}
    for row in rows:
        named: list[Window] = [gap.window for gap in gaps if gap.symbol in ("*", row.symbol)]
        in_doubt = any(window.contains(t) for window in named for t in row.times)
        if all(span.contains(t) for t in row.times) and not in_doubt:
            assert row.key in stored
