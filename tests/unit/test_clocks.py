"""Three clocks: nothing later than the earliest is proven, and what is said of those that disagree."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.clocks import Clocks
from etl.core.planning import Known, Rules, plan_backfill, plan_everything
from etl.core.timeline import DAY, HOUR, MINUTE, SECOND, Window

NOON = 1_790_000_000_000 // DAY * DAY + DAY // 2
ALIKE = Clocks(NOON, NOON, NOON)
INSTANTS = st.integers(NOON - 100 * DAY, NOON + 100 * DAY)


def test_clocks_that_agree_are_not_spoken_of() -> None:
    assert ALIKE.earliest == NOON
    assert (ALIKE.disagreement(), ALIKE.limit(), ALIKE.lead()) == (None, None, None)


@pytest.mark.parametrize("clock", ["exchange", "database", "machine"])
@pytest.mark.parametrize("by", [1, SECOND, 30 * DAY])
def test_whichever_clock_is_behind_limits_what_is_proven_and_one_that_is_ahead_does_not(clock: str, by: int) -> None:
    assert replace(ALIKE, **{clock: NOON - by}).earliest == NOON - by
    assert replace(ALIKE, **{clock: NOON + by}).earliest == NOON


@pytest.mark.parametrize("by", [-30 * DAY, -DAY - 2 * MINUTE, DAY + 2 * MINUTE, 30 * DAY])
def test_more_than_a_day_between_exchange_and_database_names_all_three_in_one_line(by: int) -> None:
    said = Clocks(NOON + by, NOON, NOON + HOUR).disagreement()
    assert said is not None
    assert "more than a day apart" in said
    assert "2026-09-21T12:00Z in the database" in said
    assert "2026-09-21T13:00Z on this machine" in said
    assert "\n" not in said


@pytest.mark.parametrize("by", [-DAY, DAY])
def test_a_day_between_exchange_and_database_is_borne(by: int) -> None:
    assert Clocks(NOON + by, NOON, NOON).disagreement() is None


def test_a_machine_that_is_days_off_is_no_disagreement_of_the_other_two() -> None:
    assert replace(ALIKE, machine=NOON - 30 * DAY).disagreement() is None


@pytest.mark.parametrize(
    ("clocks", "said"),
    [
        (replace(ALIKE, machine=NOON - MINUTE), None),
        (replace(ALIKE, machine=NOON + 30 * DAY), None),
        (
            replace(ALIKE, machine=NOON - 5 * HOUR + 40),
            "this machine's clock is 5 h behind the exchange's: nothing after 2026-09-21T07:00:00.040Z is proven",
        ),
        (
            Clocks(NOON, NOON - HOUR, NOON - 2 * MINUTE),
            "the database's clock is 1 h behind and this machine's clock is 2 min behind the exchange's: "
            "nothing after 2026-09-21T11:00Z is proven",
        ),
    ],
)
def test_a_clock_that_is_more_than_a_minute_behind_is_named(clocks: Clocks, said: str | None) -> None:
    assert clocks.limit() == said


def test_a_machine_that_is_ahead_is_named_because_it_is_wrong() -> None:
    assert replace(ALIKE, machine=NOON + MINUTE).lead() is None
    assert replace(ALIKE, machine=NOON + 2 * MINUTE).lead() == "this machine's clock is 2 min ahead of the exchange's"


@given(INSTANTS, INSTANTS, INSTANTS, st.integers(0, DAY))
def test_no_plan_ever_proves_what_is_later_than_any_of_the_three(
    exchange: int, database: int, machine: int, settle_lag: int
) -> None:
    clocks = Clocks(exchange, database, machine)
    rules = Rules(exchange, settle_lag, 90 * DAY, 7 * DAY - 2, earliest=clocks.earliest)
    targets = [
        *plan_everything(None, Known(), rules),
        *plan_backfill(Window(exchange - 10 * DAY, exchange), None, Known(), rules),
    ]
    assert all(target.need.end <= min(exchange, database, machine) - settle_lag for target in targets)
