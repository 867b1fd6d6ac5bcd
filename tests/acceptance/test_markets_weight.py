"""What a quiet quarter and a quiet night cost in each market: one request for each window, and little around them."""

import pytest

from tests.acceptance.lab import DAY, Labs
from tests.acceptance.market_tables import NAMES, PATHS, assert_is_the_history, market_lab, row_of

PRICES = dict.fromkeys(NAMES, 50) | {"margin": 1, "pm-margin": 1}
LISTS = dict.fromkeys(NAMES, 1) | {"margin": 4}
"""Cross margin and each of three isolated pairs are read by requests of their own."""

FLOWS = dict.fromkeys(NAMES, 0) | {"pm-margin": 100}
"""Weight of the capital flows of a window, of which the market's orders do not show everything."""

AROUND = dict.fromkeys(NAMES, 2) | {"margin": 11}
"""The weight of the clock and of what is listed."""


@pytest.mark.parametrize("market", NAMES)
def test_a_quiet_market_costs_the_least_possible(lab: Labs, market: str) -> None:
    quiet = market_lab(lab, market, of=None)
    now = quiet.now()
    quiet.tell(f"orders?market={market}", [row_of(market, ago, now - ago * DAY) for ago in range(3, 88, 7)])
    for command, windows in (("backfill", 13), ("sync", 2)):
        quiet.tell("reset-stats", {})
        done = quiet(command)
        assert (done.returncode, done.stderr) == (0, "")
        stats, least = quiet.stats(), windows * LISTS[market]
        assert stats["requests_by_path"][PATHS[market]] == least, command
        assert stats["weight"] <= least * PRICES[market] + windows * FLOWS[market] + AROUND[market], command
    assert_is_the_history(quiet, market)
