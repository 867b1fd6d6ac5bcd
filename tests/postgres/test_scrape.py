"""A scrape over HTTP: what it tells of the database, and that it tells of the process without it."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from etl.core.timeline import HOUR, SECOND
from etl.exchange.clock import ExchangeClock, local_now
from etl.exchange.outcome_counts import OUTCOMES, Outcomes
from etl.monitoring.address import parse_address
from etl.monitoring.scrape import Scrape
from etl.monitoring.server import serving
from etl.settings.model import Settings
from etl.settings.secret import SecretStr
from etl.store import cooldowns
from etl.store.deadline import deadline
from tests.roles import ROLE_PASSWORD, ROLES
from tests.scraped import Values, scrape, values

OWN = {"force_orders_database_up", "force_orders_request_outcomes_total", "force_orders_disk_free_bytes"}
"""What a scrape tells of the process itself."""

PROMETHEUS_WAITS_S = 10
"""By default: https://prometheus.io/docs/prometheus/latest/configuration/configuration/ (scrape_timeout)."""


MOVING = {"force_orders_snapshot_timestamp_seconds", "force_orders_disk_free_bytes"}


@contextmanager
def scraped(
    url: str, outcomes: Outcomes | None = None, clock: ExchangeClock | None = None, kept_s: float = 0
) -> Iterator[int]:
    """The port of a process that uses this database, and by default reads it at each scrape.

    Its data directory is the working directory.
    """
    settings = Settings(database_url=SecretStr(url), data_dir=Path.cwd())
    counts = (outcomes or Outcomes()).counts
    with serving(parse_address("0"), Scrape(settings, counts, clock=clock, kept_s=kept_s)) as port:
        yield port


def figures(scraped: str) -> list[str]:
    """All but the room on the disk, which is read at each scrape and is not ours alone."""
    return [line for line in scraped.splitlines() if not line.startswith("force_orders_disk_free_bytes")]


@contextmanager
def mute_server() -> Iterator[str]:
    """The URL of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"postgresql://writer:{ROLE_PASSWORD}@127.0.0.1:{listening.getsockname()[1]}/force_orders"


def closed_port() -> str:
    """The URL of a server that is not there."""
    with mute_server() as url:
        return url


def described(port: int) -> Values:
    """A scrape without what differs from moment to moment."""
    return {name: samples for name, samples in values(scrape(port)).items() if name not in MOVING}


def is_up(found: Values) -> bool:
    return bool(found["force_orders_database_up"][()])


def test_a_scrape_tells_what_the_database_holds_at_that_moment(writer_url: str, connection: Connection) -> None:
    with scraped(writer_url) as port:
        before = values(scrape(port))
        cooldowns.start(connection, "frankfurt", HOUR, "banned")
        connection.commit()
        after = values(scrape(port))
    assert is_up(before)
    assert "force_orders_silence_until_timestamp_seconds" not in before
    until = cooldowns.deadlines(connection)["frankfurt"].timestamp()
    assert after["force_orders_silence_until_timestamp_seconds"] == {("frankfurt",): pytest.approx(until, abs=0.001)}


def test_a_scrape_tells_how_the_process_s_own_requests_ended_also_the_kinds_of_which_there_was_none(
    writer_url: str,
) -> None:
    outcomes = Outcomes()
    with scraped(writer_url, outcomes) as port:
        assert values(scrape(port))["force_orders_request_outcomes_total"] == {(one,): 0 for one in OUTCOMES}
        outcomes.add("answered")
        outcomes.add("throttled")
        found = values(scrape(port))["force_orders_request_outcomes_total"]
    assert {outcome: count for (outcome,), count in found.items() if count} == {"answered": 1, "throttled": 1}


def test_the_exchange_s_clock_is_told_once_it_was_read(writer_url: str) -> None:
    clock = ExchangeClock()
    with scraped(writer_url, clock=clock) as port:
        assert "force_orders_exchange_clock_offset_seconds" not in values(scrape(port))
        clock.set(local_now() + 90 * SECOND)
        (offset,) = values(scrape(port))["force_orders_exchange_clock_offset_seconds"].values()
    assert offset == pytest.approx(90, abs=0.1)


def test_without_the_database_the_process_tells_of_itself() -> None:
    outcomes = Outcomes()
    outcomes.add("answered")
    with scraped(closed_port(), outcomes) as port:
        found = values(scrape(port))
    assert found.keys() == OWN
    assert not is_up(found)
    assert found["force_orders_request_outcomes_total"][("answered",)] == 1


def test_a_database_without_our_tables_cannot_be_read_either(empty_database_url: str) -> None:
    with scraped(empty_database_url) as port:
        assert values(scrape(port)).keys() == OWN


def test_a_server_that_never_answers_is_given_up_before_prometheus_gives_up() -> None:
    with mute_server() as url, scraped(f"{url}?connect_timeout=60") as port:
        began = time.monotonic()
        assert not is_up(values(scrape(port)))
    assert time.monotonic() - began < PROMETHEUS_WAITS_S


def test_figures_answer_every_scrape_until_they_are_read_again(writer_url: str, connection: Connection) -> None:
    with scraped(writer_url, kept_s=3600) as port:
        before = figures(scrape(port))
        cooldowns.start(connection, "frankfurt", HOUR, "banned")
        connection.commit()
        assert figures(scrape(port)) == before


def test_a_slow_statement_is_given_up_and_does_not_read_as_a_dead_database(writer_url: str, database_url: str) -> None:
    with psycopg.connect(database_url) as locking, scraped(writer_url) as port:
        locking.execute("LOCK TABLE coverage")
        began = time.monotonic()
        found = values(scrape(port))
        assert time.monotonic() - began < PROMETHEUS_WAITS_S
        assert is_up(found)
        assert found["force_orders_figures_age_seconds"] == {(): float("inf")}, "nothing could be read yet"
        assert found.keys() == OWN | {"force_orders_figures_age_seconds"}
        locking.rollback()
        assert values(scrape(port))["force_orders_figures_age_seconds"] == {(): 0}


def test_while_reading_takes_too_long_older_figures_remain_with_their_age(writer_url: str, database_url: str) -> None:
    with psycopg.connect(database_url) as locking, scraped(writer_url) as port:
        before = values(scrape(port))
        locking.execute("LOCK TABLE runs")
        slow = values(scrape(port))
    assert is_up(slow)
    assert 2 <= slow.pop("force_orders_figures_age_seconds")[()] < PROMETHEUS_WAITS_S
    assert before.keys() - slow.keys() == {"force_orders_figures_age_seconds"}
    moving = {"force_orders_disk_free_bytes"}
    assert {name: slow[name] for name in slow.keys() - moving} == {name: before[name] for name in slow.keys() - moving}


def test_all_statements_of_a_scrape_share_one_deadline(connection: Connection) -> None:
    began = time.monotonic()
    with deadline(connection, 0.3):
        for _ in range(2):
            connection.execute(text("SELECT pg_sleep(0.1)"))
        with pytest.raises(OperationalError, match="statement timeout"):
            connection.execute(text("SELECT pg_sleep(0.2)"))
    assert time.monotonic() - began < 2
    connection.rollback()
    assert connection.scalar(text("SHOW statement_timeout")) == "0"


def test_a_role_without_the_rights_is_told_by_the_age_of_its_figures(database_url: str, writer_url: str) -> None:
    with psycopg.connect(database_url) as admin:
        admin.execute(f"REVOKE SELECT ON runs FROM {ROLES['writer']}")
    with scraped(writer_url) as port:
        found = values(scrape(port))
    assert is_up(found)
    assert found["force_orders_figures_age_seconds"] == {(): float("inf")}


def test_scrapes_at_once_tell_the_same(writer_url: str) -> None:
    with scraped(writer_url) as port, ThreadPoolExecutor(6) as scrapers:
        alone = described(port)
        assert [*scrapers.map(lambda _: described(port), range(18))] == [alone] * 18


def test_a_scrape_holds_neither_password_nor_address(writer_url: str) -> None:
    for url in (writer_url, closed_port()):
        with scraped(url) as port:
            said = scrape(port)
        assert ROLE_PASSWORD not in said
        assert "postgresql" not in said
