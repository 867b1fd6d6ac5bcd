"""What reading costs: requests, statements and transactions, counted. Nothing here is timed."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from sqlalchemy import Connection, event

from etl.accounts.credentials import Credentials, Keyring
from etl.core.markets import USDM
from etl.core.timeline import DAY, MINUTE
from etl.runs import composition
from etl.runs.ingest import IngestSpec
from etl.runs.spans import SpanText, backfill_planner, nightly_planner
from etl.settings.model import Settings
from etl.settings.secret import SecretStr
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from etl.simulator.orders import orders_from_json
from etl.simulator.scenario import Scenario
from etl.simulator.server import real_time_ms
from etl.store.engine import connection_to, engine_for
from tests.acceptance.lab import Lab, Labs, order_row

COMMIT = "COMMIT"
NAMES = 1
"""A statement in each run that finds something new: it names the symbols."""
SEALED = 1
"""A statement in each run that stores something: it asks which days are sealed."""
ANY_ORDER = 1
"""A statement in each run that reads more than eight days: whether the account has an order at all."""
SEALS = 4
"""Statements in each run that seals a stretch of days: their orders, the last seal, the new ones, the newest."""


@dataclass(frozen=True)
class Cost:
    requests: int
    statements: int
    transactions: int

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(
            self.requests - other.requests,
            self.statements - other.statements,
            self.transactions - other.transactions,
        )


def cost(lab: Lab, since: str | None = None) -> Cost:
    """Of a backfill since then, or of a sync, one window in flight.

    Left out is what is asked of the budget and the ban that processes share: it comes by the weight, not by the window.
    """
    settings = Settings(
        base_url=lab.simulator.url, markets=(USDM,), concurrency=1, weight_budget=1_000_000, retention_days=0
    )
    keys = Keyring([Credentials("main", SecretStr(DEMO_KEY), SecretStr(DEMO_SECRET))])
    planner = nightly_planner if since is None else backfill_planner(SpanText(since), [])
    statements: list[str] = []
    engine = engine_for(lab.database_url)

    @event.listens_for(engine, "before_cursor_execute")
    def _(connection: Connection, cursor: object, statement: str, *rest: object) -> None:
        if not any(shared in statement for shared in ("take_weight", "spent_weight", "pg_advisory_lock(73019943")):
            statements.append(statement)

    @event.listens_for(engine, "commit")
    def _(connection: Connection) -> None:
        if statements and statements[-1] != COMMIT:
            statements.append(COMMIT)

    with connection_to(engine) as connection, composition.reading(settings, keys, connection, Event()) as reader:
        composition.ingest_with(connection, reader, IngestSpec("backfill", keys, planner))
    commits = statements.count(COMMIT)
    return Cost(reader.spent()[0], len(statements) - commits, commits)


def history(lab: Labs, orders: Callable[[int], int]) -> Lab:
    """An exchange that has so many orders in each of the last forty weeks, a minute apart, early in the week."""
    now = int(real_time_ms())
    rows = [
        order_row("BTCUSDT", week * 1_000 + number, now - week * 7 * DAY - 6 * DAY + number * MINUTE)
        for week in range(40)
        for number in range(orders(week))
    ]
    scenario = Scenario(retention_days=0)
    return lab(scenario, histories={"main": orders_from_json(rows)})


def few(week: int) -> int:
    """Pages of less than a fifth of the limit are not in doubt."""
    return 19


def of_ten_windows(one: Lab) -> Cost:
    """What ten windows more cost, the first ten being there already."""
    cost(one, "70d")
    twenty = cost(one, "140d")
    return twenty - cost(one, "140d")


def test_an_empty_window_costs_one_request_three_statements_and_one_transaction(lab: Labs) -> None:
    assert of_ten_windows(history(lab, lambda week: 0)) == Cost(
        requests=10, statements=30 + ANY_ORDER + SEALS, transactions=10
    )


def test_a_window_of_a_page_costs_one_statement_more(lab: Labs) -> None:
    assert of_ten_windows(history(lab, few)) == Cost(
        requests=10, statements=40 + NAMES + SEALED + ANY_ORDER + SEALS, transactions=10
    )


def test_a_full_window_costs_two_requests_more_and_no_row_is_written_twice(lab: Labs) -> None:
    """The full page is written, which proves nothing; its rows once more, which are not; then the rest of them.

    The last page waits for a longer one, which the run requests again at its end.
    """
    assert of_ten_windows(history(lab, lambda week: 150)) == Cost(requests=31, statements=78, transactions=31)


def test_a_night_costs_the_same_after_ten_windows_and_after_hundreds(lab: Labs) -> None:
    one = history(lab, lambda week: 2)
    cost(one, "70d")
    after_ten = cost(one)
    cost(one, "4000d")
    assert cost(one) == after_ten
    assert after_ten.requests == 3, "the clock, the week behind the watermark, and what is new"
