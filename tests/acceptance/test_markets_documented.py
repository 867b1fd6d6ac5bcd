"""The rows that the exchange documents for each market, from a file by way of the simulator into the table."""

import json
from pathlib import Path

import pytest

from etl.simulator.accounts import Account
from etl.simulator.replay import replayed
from etl.simulator.scenario import Scenario
from etl.simulator.server import real_time_ms
from tests.acceptance.lab import DAY, Labs
from tests.acceptance.market_tables import CLASSIC, UNIFIED, assert_is_the_history, history, row_of, table
from tests.documented import ROWS

OF_ACCOUNTS = [
    (CLASSIC, {"usdm": ["usdm", "usdm of 2025"], "coinm": ["coinm", "coinm of 2025"], "margin": ["margin"]}),
    (UNIFIED, {name: [name] for name in ("pm-usdm", "pm-coinm", "pm-margin")}),
]


@pytest.mark.parametrize(("account", "kinds"), OF_ACCOUNTS, ids=["classic", "Portfolio Margin"])
def test_the_documented_rows_are_stored_to_the_digit(
    lab: Labs, tmp_path: Path, account: Account, kinds: dict[str, list[str]]
) -> None:
    at, histories = int(real_time_ms()) - DAY, {}
    for market, names in kinds.items():
        rows = [row_of(name, ROWS[name]["orderId"] + number, at + number) for number, name in enumerate(names)]
        file = tmp_path / f"{market}.json"
        file.write_text(json.dumps(rows))
        histories[market] = replayed(file)["main"]
    documented = lab(Scenario(), (account,), histories={"main": histories})
    done = documented("backfill", "--since", "5d", FORCE_ORDERS_MARKETS=",".join(kinds))
    assert (done.returncode, done.stderr) == (0, "")
    assert_is_the_history(documented, *kinds)
    for market, names in kinds.items():
        kept = [set(row["raw"]) for _, row in sorted(table(documented, market).items())]
        assert kept == [{*ROWS[name]} for name in names]
        assert len(history(documented, market)) == len(names)
