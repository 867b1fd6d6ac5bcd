"""What a host allows per minute is remembered, for a day without another question."""

import pytest
from sqlalchemy import Connection, text

from etl.store import weight_limits
from etl.store.weight_limits import WeightLimit

HOST = "fapi.binance.com"


def test_nothing_is_known_of_a_host_that_told_nothing(connection: Connection) -> None:
    weight_limits.remember(connection, "127.0.0.1:1", 700, "exchangeInfo")
    assert weight_limits.read(connection, HOST) is None


def test_the_latest_word_counts_whoever_said_it(connection: Connection) -> None:
    weight_limits.remember(connection, HOST, 2_400, "exchangeInfo")
    assert weight_limits.read(connection, HOST) == WeightLimit(2_400, is_recent=True)
    weight_limits.remember(connection, HOST, 700, "429")
    assert weight_limits.read(connection, HOST) == WeightLimit(700, is_recent=True)
    weight_limits.remember(connection, HOST, 6_000, "exchangeInfo")
    assert weight_limits.read(connection, HOST) == WeightLimit(6_000, is_recent=True)


@pytest.mark.parametrize(
    ("seen_at", "is_recent"),
    [("- interval '23 hours'", True), ("- interval '25 hours'", False), ("+ interval '1 hour'", False)],
)
def test_it_is_asked_for_again_after_a_day(connection: Connection, seen_at: str, is_recent: bool) -> None:
    weight_limits.remember(connection, HOST, 2_400, "exchangeInfo")
    connection.execute(text(f"UPDATE weight_limits SET seen_at = now() {seen_at}"))
    assert weight_limits.read(connection, HOST) == WeightLimit(2_400, is_recent)
