"""The main job against a Postgres in a container, as a server of the user's own."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.config import testcontainers_config

from etl.core.timeline import DAY, iso, to_millis
from etl.simulator.history import Profile, generate
from etl.simulator.server import Simulator
from etl.store.engine import connection_to, engine_for
from tests.command import Command

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def server(postgres_image: str) -> Iterator[PostgresContainer]:
    testcontainers_config.ryuk_disabled = True  # this fixture removes what it starts
    with PostgresContainer(postgres_image, password="p@ss:w/rd", driver="psycopg") as started:
        yield started


def test_a_server_in_a_container_ends_with_the_history_of_the_exchange(
    command: Command, exchange: Callable[..., Simulator], server: PostgresContainer
) -> None:
    today = to_millis(datetime.now(UTC)) // DAY * DAY
    since, until = today - 40 * DAY, today - 2 * DAY
    history = generate("docker", since, until, Profile("bursty", orders_a_day=50))
    force_orders = command.against(exchange(histories={"main": history}), server.get_connection_url())

    upgraded = force_orders("db", "upgrade")
    assert upgraded.stdout.startswith("schema none → "), upgraded.stderr
    for tally in (f"{len(history)} orders new", "0 orders new"):
        done = force_orders("backfill", "--since", iso(since), "--until", iso(until))
        assert (done.returncode, done.stderr) == (0, "")
        assert tally in done.stdout

    with connection_to(engine_for(server.get_connection_url())) as connection:
        assert sorted(connection.scalars(text("SELECT raw::text::jsonb::text FROM force_orders"))) == sorted(
            connection.scalars(
                text("SELECT unnest(CAST(:rows AS text[]))::jsonb::text"),
                {"rows": [order.rendered.decode() for order in history]},
            )
        )
        proven = connection.execute(text("SELECT covered_since, watermark FROM watermarks WHERE symbol = '*'")).one()
    assert tuple(map(to_millis, proven)) == (since, until)
