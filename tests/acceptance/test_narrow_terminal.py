"""On a terminal of 80 columns no line is longer, and no number is cut or wrapped."""

import re

import psycopg
import pytest
from rich.cells import cell_len

from etl.simulator.accounts import demo_account
from etl.simulator.history import Generated
from tests.acceptance.lab import Lab, Labs
from tests.acceptance.terminal import COLUMNS, on_a_terminal

NUMBER = re.compile(r"\d[\d.,:TZ-]*\d|\d")
LONG = "an-account-with-rather-a-long-name"

NO_TABLE = re.compile(r"━|^(backfill|verify) |^force-orders: | orders? of |^(not )?complete: ")
"""The progress line, and sentences."""

COMMANDS = {
    "status": ["status"],
    "report": ["report"],
    "accounts list": ["accounts", "list"],
    "quarantine list": ["quarantine", "list"],
    "a query": ["db", "query", "SELECT * FROM force_orders ORDER BY order_id, symbol LIMIT 5"],
    "gaps": ["backfill", "--since", "200d", "--beyond-retention"],
    "differences": ["verify", "--sample", "1000"],
}


@pytest.fixture
def crowded(lab: Labs) -> Lab:
    """A database with gaps, differences, a row in quarantine and an account whose name is long."""
    account = demo_account("hedge")
    made = lab(accounts=[account], histories={"hedge": Generated()})
    (made.command.directory / "force-orders.toml").write_text(
        f'[accounts.{LONG}]\napi_key_variable = "HEDGE_KEY"\napi_secret_variable = "HEDGE_SECRET"\n'
    )
    made.command.environment.update(HEDGE_KEY=account.key, HEDGE_SECRET=account.secret)
    made.command.environment.update(BINANCE_API_KEY="", BINANCE_API_SECRET="")
    assert made("backfill", "--since", "60d").returncode == 0
    with psycopg.connect(made.database_url) as owner:
        owner.execute("""
            DELETE FROM force_orders WHERE symbol = 'BTCUSDT';
            UPDATE force_orders SET raw = raw || '{"side": "?", "price": "0"}' WHERE symbol = 'ETHUSDT';
            INSERT INTO quarantined_orders (account, market, raw, reason, run_id)
            SELECT account, market, raw, 'a reason that is explained at some length, 12345678901 times', first_run_id
              FROM force_orders ORDER BY order_time LIMIT 3""")
    return made


def test_every_table_fits_and_keeps_its_numbers_whole(crowded: Lab) -> None:
    for name, words in COMMANDS.items():
        piped = crowded(*words).stdout
        with on_a_terminal(crowded.command, *words) as terminal:
            terminal.read_all()
        lines = [line for line in terminal.lines() if not NO_TABLE.search(line)]
        assert len(lines) > 3, name
        assert max(map(cell_len, lines)) <= COLUMNS, name
        assert long_numbers("\n".join(lines)) <= long_numbers(piped), name
        assert not re.search("…|no room for", piped), name


def long_numbers(text: str) -> set[str]:
    """Without the short ones, which may be seconds of an age and go on between two looks."""
    return {number for number in NUMBER.findall(text) if len(number) > 5}
