"""What the exchange asked for is remembered until its end, by everyone who shares the address."""

import pytest
from sqlalchemy import Connection, text

from etl.store import cooldowns
from etl.store.egress import shared_egress

HOUR = 3_600_000
SECOND = 1_000
"""A test takes less than that."""


def left(connection: Connection, egress: str) -> int:
    """Milliseconds that a silence still lasts, as whoever wants to send is told."""
    connection.commit()
    with shared_egress(connection.engine, egress) as shared:
        return shared.take(1, 0, 1_000_000).cooldown


@pytest.fixture
def silent(connection: Connection) -> Connection:
    cooldowns.keep(connection, "default", HOUR, "banned")
    connection.commit()
    return connection


def test_nobody_asked_for_silence_yet(connection: Connection) -> None:
    assert left(connection, "default") == 0


def test_what_is_left_of_it_is_told(silent: Connection) -> None:
    assert HOUR - 10 * SECOND < left(silent, "default") <= HOUR


def test_it_is_over_when_its_time_is(silent: Connection) -> None:
    silent.execute(text("UPDATE silences SET until = clock_timestamp() - interval '1 millisecond'"))
    assert left(silent, "default") == 0


@pytest.mark.parametrize("another", [HOUR // 2, 2 * HOUR])
def test_of_two_the_longer_one_is_kept(silent: Connection, another: int) -> None:
    cooldowns.keep(silent, "default", another, "throttled")
    longer = max(HOUR, another)
    assert longer - 10 * SECOND < left(silent, "default") <= longer


def test_another_address_is_not_silenced(silent: Connection) -> None:
    assert left(silent, "frankfurt") == 0
    cooldowns.keep(silent, "frankfurt", 2 * HOUR, "throttled")
    assert left(silent, "default") <= HOUR


def test_the_reason_belongs_to_the_one_that_is_kept(silent: Connection) -> None:
    cooldowns.keep(silent, "default", HOUR // 2, "throttled")
    assert silent.scalar(text("SELECT reason FROM silences")) == "banned"
