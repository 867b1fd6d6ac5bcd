"""What the exchange asked for is remembered until its end, by everyone who shares the address."""

import pytest
from sqlalchemy import Connection, text

from etl.store import silences

NOON = 1_600_000_000_001


@pytest.fixture
def silent(connection: Connection) -> Connection:
    silences.keep(connection, "default", NOON, "banned")
    connection.commit()
    return connection


def test_nobody_asked_for_silence_yet(connection: Connection) -> None:
    assert silences.until(connection, "default") == 0


def test_a_deadline_is_kept_to_the_millisecond(silent: Connection) -> None:
    assert silences.until(silent, "default") == NOON


@pytest.mark.parametrize(("deadline", "kept"), [(NOON + 1, NOON + 1), (NOON, NOON), (NOON - 1, NOON)])
def test_of_two_deadlines_the_later_one_is_kept(silent: Connection, deadline: int, kept: int) -> None:
    silences.keep(silent, "default", deadline, "throttled")
    assert silences.until(silent, "default") == kept


def test_another_address_is_not_silenced(silent: Connection) -> None:
    assert silences.until(silent, "frankfurt") == 0
    silences.keep(silent, "frankfurt", NOON + 5, "throttled")
    assert silences.until(silent, "default") == NOON


def test_the_reason_belongs_to_the_deadline(connection: Connection) -> None:
    silences.keep(connection, "egress", 1_000, "banned")
    silences.keep(connection, "egress", 500, "throttled")
    assert connection.scalar(text("SELECT reason FROM silences")) == "banned"
