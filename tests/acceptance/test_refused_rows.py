"""A row that Postgres refuses is neither stored nor as before, in no command; and no number breaks one."""

import pytest

from tests.acceptance.judge import Trial, Trials
from tests.acceptance.misbehaving import DAY, Exchange, now, order

SPAN = ("--since", "60d")


def with_odd_value(trial: Trials, value: str) -> Trial:
    """Two orders, of which one has an unknown key of this value."""
    made = trial(Exchange([order("BTCUSDT", 1, now() - 40 * DAY, odd="@odd@"), order("BTCUSDT", 2, now() - 41 * DAY)]))
    made.exchange.texts["@odd@"] = value
    return made


@pytest.mark.parametrize("value", ["1e200000", pytest.param("1e10000000000000000000", marks=pytest.mark.slow)])
def test_what_postgres_refuses_is_never_called_stored_or_as_before(trial: Trials, value: str) -> None:
    refused = with_odd_value(trial, value)
    first = refused("backfill", *SPAN)
    assert first.returncode == 3
    assert "1 order new, 0 changed, 0 as before" in first.stdout
    assert "quarantined: 1" in first.stdout
    repaired = refused("verify", "--repair", *SPAN)
    assert repaired.returncode == 3
    assert "0 of 1 missing or different are stored now; the database did not take: 1" in repaired.stdout
    refused.exchange.texts["@odd@"] = "1"
    assert "what was missing or different is stored now" in refused("verify", "--repair", *SPAN).stdout
    refused.exchange.texts["@odd@"] = value
    later = refused("verify", "--repair", *SPAN)
    assert (later.returncode, len(refused.stored())) == (3, 2)
    assert "missing 0, different 1" in later.stdout
    assert "0 of 1 missing or different are stored now; the database did not take: 1" in later.stdout
    night = refused("sync", FORCE_ORDERS_AUDIT_WINDOWS="20")
    assert (night.returncode, refused.gaps()) == (3, [])


@pytest.mark.parametrize("value", ["9" * 5_000, "0." + "9" * 5_000])
def test_a_number_of_five_thousand_digits_breaks_no_command(trial: Trials, value: str) -> None:
    long = with_odd_value(trial, value)
    assert long("backfill", *SPAN).returncode == 0
    assert long("verify", *SPAN).returncode == 0
    assert long("sync", FORCE_ORDERS_AUDIT_WINDOWS="20").returncode == 0
    shown = long("db", "query", "SELECT raw FROM force_orders WHERE order_id = 1")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "99999" in shown.stdout


def test_a_row_that_is_nested_too_deeply_for_a_comparison_is_set_aside_when_it_comes(trial: Trials) -> None:
    deep = with_odd_value(trial, "[" * 950 + "]" * 950)
    assert deep("backfill", *SPAN).returncode == 3
    assert deep("verify", *SPAN).returncode == 3
    assert deep.sql("SELECT reason FROM quarantined_orders") == [{"reason": "the row is nested too deeply"}]
