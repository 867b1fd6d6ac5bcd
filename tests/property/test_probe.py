"""The probe under random combinations of all switches: what is settled is right, always, and the weight is bounded."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from etl.core.probing.notebook import MOST_WEIGHT
from etl.simulator.scenario import DAY_MS, Scenario
from tests.probed import probed, wrong
from tests.unit.desk import START, Desk, row

MINUTE_MS = 60_000

NEARLY_A_WEEK = (7 * DAY_MS - 1, 7 * DAY_MS, 7 * DAY_MS + 1)

MOST = settings().max_examples
probes = settings(max_examples=MOST if MOST > 1_000 else min(MOST, 100))

scenarios = st.fixed_dictionaries(
    {
        "kept": st.sampled_from(["oldest", "newest", "by_symbol", "random"]),
        "order": st.sampled_from(["ascending", "descending", "shuffled"]),
        "start_inclusive": st.booleans(),
        "end_inclusive": st.booleans(),
        "filter_field": st.sampled_from(["time", "updateTime"]),
        "equal_ends": st.sampled_from(["accepted", "refused"]),
        "window_rule": st.sampled_from(["lt", "le", "none", "cut"]),
        "longest_window_ms": st.sampled_from([DAY_MS, 3 * DAY_MS, *NEARLY_A_WEEK, 30 * DAY_MS]),
        "limit_above_max": st.sampled_from(["cut", "refused"]),
        "page_limit_cap": st.sampled_from([1, 2, 7, 50, 100]),
        "retention_days": st.sampled_from([0, 30, 90, 100]),
        "beyond_retention": st.sampled_from(["error", "empty"]),
        "visibility_delay_ms": st.sampled_from([0, MINUTE_MS, 60 * MINUTE_MS]),
        "duplicates": st.sampled_from([0, 0, 0, 2]),
        "seed": st.integers(1, 1_000),
    }
)


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Orders around a few instants, some in one millisecond, their two times up to a minute apart."""
    centres = draw(st.lists(st.integers(0, 100 * DAY_MS), min_size=1, max_size=4))
    spread = draw(st.sampled_from([1, 50, 10_000, DAY_MS, 3 * DAY_MS]))
    symbols = draw(st.sampled_from(["A", "AB", "ABCDEFG"]))
    size = draw(st.sampled_from([0, 1, 2, 3, 5, 20, 60, 150]))
    random = draw(st.randoms(use_true_random=False))
    rows = []
    for number in range(size):
        at = START - max(0, random.choice(centres) - random.randrange(spread))
        update = at + random.choice((0, 0, 1, 2, 7, 50, MINUTE_MS))
        rows.append(row(at, f"{random.choice(symbols)}USDT", number + 1, updateTime=update))
    return rows


@probes
@given(rows=histories(), switches=scenarios, knows_stored=st.booleans(), allowance=st.sampled_from([MOST_WEIGHT, 400]))
def test_what_is_settled_is_right_within_the_weight(
    rows: list[dict[str, Any]], switches: dict[str, Any], knows_stored: bool, allowance: int
) -> None:
    stored = [one["time"] for one in rows] if knows_stored else []
    done = probed(Desk(*rows, weight_limit=100_000, **switches), stored=stored, allowance=allowance)
    assert wrong(done, Scenario(**switches)) == []
    assert done.weight <= allowance
