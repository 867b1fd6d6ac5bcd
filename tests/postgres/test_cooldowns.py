"""A cooldown holds until its end, for every process that shares the address."""

import pytest
from sqlalchemy import Connection, text

from etl.core.markets.apis import FUTURES_POOL
from etl.store import cooldowns
from etl.store.egress import shared_egress

HOUR = 3_600_000
SECOND = 1_000
"""A test takes less than that."""


def left(connection: Connection, egress: str) -> int:
    """Milliseconds that a cooldown still lasts, as a process that wants to send sees it."""
    connection.commit()
    with shared_egress(connection.engine, egress) as shared:
        return shared.of_pool(FUTURES_POOL).take(1, 0, 1_000_000).cooldown


@pytest.fixture
def banned(connection: Connection) -> Connection:
    cooldowns.start(connection, "default", HOUR, "banned")
    connection.commit()
    return connection


def test_a_new_database_has_no_cooldown(connection: Connection) -> None:
    assert left(connection, "default") == 0


def test_the_rest_of_a_cooldown_is_known(banned: Connection) -> None:
    assert HOUR - 10 * SECOND < left(banned, "default") <= HOUR


def test_a_cooldown_is_over_at_its_end(banned: Connection) -> None:
    banned.execute(text("UPDATE cooldowns SET until = clock_timestamp() - interval '1 millisecond'"))
    assert left(banned, "default") == 0


@pytest.mark.parametrize("another", [HOUR // 2, 2 * HOUR])
def test_the_longer_of_two_cooldowns_holds(banned: Connection, another: int) -> None:
    cooldowns.start(banned, "default", another, "throttled")
    longer = max(HOUR, another)
    assert longer - 10 * SECOND < left(banned, "default") <= longer


def test_a_cooldown_is_of_one_address(banned: Connection) -> None:
    assert left(banned, "frankfurt") == 0
    cooldowns.start(banned, "frankfurt", 2 * HOUR, "throttled")
    assert left(banned, "default") <= HOUR


def test_the_reason_is_that_of_the_longer_cooldown(banned: Connection) -> None:
    cooldowns.start(banned, "default", HOUR // 2, "throttled")
    assert banned.scalar(text("SELECT reason FROM cooldowns")) == "banned"
