"""Nights of an exchange that misbehaves now and then, through HTTP and Postgres, stated as one sentence.

After each night, what is stored equals what the exchange had by then, or the difference lies in an interval that is
named or not yet proven; and where something is missing the run says so.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from etl.accounts.credentials import Credentials, Keyring
from etl.accounts.key_sources import MAIN
from etl.core.markets import USDM
from etl.core.planning import Known, Rules
from etl.core.timeline import to_millis
from etl.core.walking import Target
from etl.errors import ExitCode
from etl.runs import composition
from etl.runs.ingest import IngestSpec
from etl.runs.spans import nightly_planner
from etl.settings.model import Settings
from etl.settings.secret import SecretStr
from etl.store import coverage
from tests.acceptance.misbehaving import DAY, HOUR, SYMBOLS, Asked, Exchange, Row, now, order
from tests.databases import empty

NOW = now()
REREAD = 7 * DAY
KEYS = Keyring([Credentials(MAIN, SecretStr("k" * 64), SecretStr("s" * 64))])


@dataclass(frozen=True)
class Night:
    """A night so many days ago, and how the exchange behaves in it."""

    days_ago: float
    behaves: str
    by: int
    """Days that a replica lags behind, or one of so many requests that gets another answer."""

    @property
    def at(self) -> int:
        return NOW - int(self.days_ago * DAY)


BEHAVIOURS = ("honestly", "honestly", "lags", "lacks a symbol", "answers for another window", "adds a stray", "caps")


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[Row, int]]:
    """Orders of the last 40 days, each with the instant from which it can be read: some appear days late."""
    rows: list[tuple[Row, int]] = []
    for _ in range(draw(st.integers(1, 5))):
        start, spread = NOW - draw(st.integers(1, 40 * DAY)), draw(st.sampled_from([HOUR, DAY, 20 * DAY]))
        late = draw(st.sampled_from([0, 0, DAY, 6 * DAY]))
        for _ in range(draw(st.sampled_from([1, 3, 15, 60, 130]))):
            at = min(start + draw(st.integers(0, spread)), NOW - HOUR)
            rows.append((order(SYMBOLS[len(rows) % 4], len(rows) + 1, at), at + late))
    return rows


one_night = st.builds(
    Night, st.sampled_from([21, 20, 12, 11, 10, 3, 2, 1.5, 0]), st.sampled_from(BEHAVIOURS), st.integers(1, 5)
)
nights = st.lists(one_night, min_size=2, max_size=4, unique_by=lambda night: night.days_ago).map(
    lambda drawn: sorted(drawn, key=lambda night: night.at)
)


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    with Exchange([]) as running:
        yield running


def behave(exchange: Exchange, night: Night, stored: list[tuple[str, int]], watermark: int) -> None:
    """Make the exchange answer as it does in that night.

    A replica that lacks only what was never stored, or what is not read again, cannot be told from a quiet market:
    then it is honest.
    """
    seen = [(symbol, at) for symbol, at in stored if watermark - REREAD < at < watermark]
    lags_until = night.at - night.by * DAY
    answers: dict[str, Callable[[Asked], list[Row]]] = {
        "lags": lambda asked: without(exchange, asked, lambda row: row["time"] > lags_until),
        "lacks a symbol": lambda asked: without(exchange, asked, lambda row: row["symbol"] == SYMBOLS[0]),
        "answers for another window": lambda asked: shifted(exchange, asked, every=night.by + 1),
        "adds a stray": lambda asked: [*exchange.page(asked), *([STRAY] if asked.number % night.by == 0 else [])],
        "caps": lambda asked: exchange.page(asked, most=30 + 10 * night.by),
    }
    is_noticed = {
        "lags": any(at > lags_until for _, at in seen),
        "lacks a symbol": any(symbol == SYMBOLS[0] for symbol, _ in seen),
    }
    is_honest = not is_noticed.get(night.behaves, True)
    exchange.answer = exchange.page if is_honest else answers.get(night.behaves, exchange.page)


STRAY = order("OLDUSDT", 999_999, NOW - 300 * DAY)


def without(exchange: Exchange, asked: Asked, lacks: Callable[[Row], bool]) -> list[Row]:
    return exchange.cut([row for row in exchange.matching(asked) if not lacks(row)], asked.limit)


def shifted(exchange: Exchange, asked: Asked, every: int) -> list[Row]:
    """Now and then the answer to the question of a month earlier, if it has rows: an empty page shows nothing."""
    if asked.number % every:
        return exchange.page(asked)
    earlier = replace(asked, start=asked.start - 30 * DAY, end=asked.end - 30 * DAY)
    return exchange.cut(exchange.matching(earlier), asked.limit) or exchange.page(asked)


def run(connection: Connection, exchange: Exchange, night: Night, directory: Path) -> ExitCode:
    """The nightly run as it was then: by the exchange's clock of that night."""

    def planner(known: dict[str | None, Known], rules: Rules) -> list[Target]:
        return nightly_planner(known, replace(rules, now=night.at, earliest=None))

    own = Settings(base_url=exchange.url, markets=(USDM,), data_dir=directory, weight_budget=1_000_000)
    with composition.reading(own, KEYS, connection, Event()) as reader:
        return composition.ingest_with(connection, reader, IngestSpec("sync", KEYS, planner)).exit_code


@settings(
    max_examples=max(10, settings().max_examples // 10),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=histories(), nights=nights)
def test_after_every_night_what_is_stored_is_the_history_or_the_difference_is_named(
    connection: Connection, exchange: Exchange, tmp_path: Path, history: list[tuple[Row, int]], nights: list[Night]
) -> None:
    empty(connection)
    watermark = 0
    for night in nights:
        exchange.rows = [row for row, appears in history if appears <= night.at]
        behave(exchange, night, read_stored(connection), watermark)
        exit_code = run(connection, exchange, night, tmp_path)
        given_up = {row["orderId"] for row, appears in history if appears > row["time"] < watermark - REREAD}
        missing = [row for row in missing_rows(connection, exchange) if row["orderId"] not in given_up]
        assert silently_lost(connection, missing) == []
        assert exit_code is not ExitCode.DONE or not [row for row in missing if row["time"] < night.at - HOUR]
        marks = {mark.symbol: mark.watermark for mark in coverage.read_watermarks(connection)}
        watermark = max(watermark, marks.get("*") or 0)
        connection.rollback()


def read_stored(connection: Connection) -> list[tuple[str, int]]:
    """Symbol and time of each stored order."""
    rows = connection.execute(text("SELECT symbol, order_time FROM force_orders")).all()
    connection.rollback()
    return [(row.symbol, to_millis(row.order_time)) for row in rows]


def missing_rows(connection: Connection, exchange: Exchange) -> list[Row]:
    keys = {tuple(row) for row in connection.execute(text("SELECT symbol, order_id FROM force_orders"))}
    return [row for row in exchange.rows if (row["symbol"], row["orderId"]) not in keys]


def silently_lost(connection: Connection, missing: list[Row]) -> list[Row]:
    """Those that lie neither in a gap nor behind the watermark."""
    marks = {mark.symbol: mark.watermark or 0 for mark in coverage.read_watermarks(connection)}
    gaps = coverage.read_gaps(connection)

    def is_named(row: Row) -> bool:
        scope = row["symbol"] if row["symbol"] in marks else "*"
        return row["time"] >= marks.get(scope, 0) or any(
            gap.symbol == scope and gap.window.contains(row["time"]) for gap in gaps
        )

    return [row for row in missing if not is_named(row)]
