"""Several markets of one account in one run: which are read, what is shown of each, and what that costs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from etl.simulator.accounts import demo_accounts
from etl.simulator.history import Generated, Profile
from tests.acceptance.lab import DAY, Lab, Labs, order_row

BOTH = {"FORCE_ORDERS_MARKETS": "usdm,coinm"}
USDM, COINM = "/fapi/v1/forceOrders", "/dapi/v1/forceOrders"


@pytest.fixture
def one(lab: Labs) -> Lab:
    """An account without COIN-M orders."""
    return lab(histories={"main": Generated(Profile("quiet"))})


def read(lab: Lab) -> dict[str, int]:
    """How many requests for force orders each endpoint got."""
    counted = lab.stats()["requests_by_path"]
    return {path: int(counted[path]) for path in (USDM, COINM) if path in counted}


def markets_of(lab: Lab) -> list[str]:
    return [row["market"] for row in lab.sql("SELECT DISTINCT market FROM coverage ORDER BY market")]


def test_the_markets_of_the_settings_are_read_in_one_run_and_each_has_its_own_watermark(one: Lab) -> None:
    done = one("backfill", **BOTH)
    assert (done.returncode, done.stderr) == (0, "")
    assert "; markets: usdm, coinm" in done.stdout
    assert read(one) == {USDM: 13, COINM: 13}
    marks = one.sql("SELECT market FROM watermarks WHERE symbol = '*' ORDER BY market")
    assert [mark["market"] for mark in marks] == ["coinm", "usdm"]
    night = one("sync", **BOTH)
    assert (night.returncode, night.stderr) == (0, "")
    assert read(one) == {USDM: 15, COINM: 15}


def test_market_reads_what_it_names_and_nothing_else(one: Lab) -> None:
    assert one("backfill", "--market", "coinm").returncode == 0
    assert one("sync", "--market", "coinm", **BOTH).returncode == 0
    assert one("verify", "--market", "coinm", **BOTH).returncode == 0
    assert USDM not in read(one)
    assert markets_of(one) == ["coinm"]


def test_a_symbol_is_asked_for_in_the_usdm_market_and_elsewhere_only_by_name(one: Lab) -> None:
    assert one("backfill", "--symbol", "BTCUSDT", **BOTH).returncode == 0
    assert read(one) == {USDM: 13}
    assert one("backfill", "--symbol", "BTCUSD_PERP", "--market", "coinm", **BOTH).returncode == 0
    assert read(one) == {USDM: 13, COINM: 13}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sync", "--market", "spot"), "'spot' is not one of 'usdm', 'coinm'"),
        (("backfill", "--symbol", "BTCUSDT", "--market", "pm-margin"), "pm-margin is never read by symbol"),
        (("backfill", "--symbol", "BTCUSD_PERP"), "name the market of the symbol with --market"),
        (("backfill", "--distributed", "--symbol", "BTCUSD_PERP"), "name the market of the symbol with --market"),
    ],
    ids=["unknown", "takes no symbol", "no market of symbols", "the same for workers"],
)
def test_a_wrong_market_ends_with_exit_code_2_and_one_line(one: Lab, words: tuple[str, ...], said: str) -> None:
    done = one(*words, FORCE_ORDERS_MARKETS="coinm")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert said in line
    assert one.stats()["requests"] == 0


def test_the_plan_says_what_each_market_costs_and_the_run_then_costs_that(one: Lab) -> None:
    planned = one("backfill", "--plan", **BOTH)
    assert (planned.returncode, planned.stderr) == (0, "")
    assert "market usdm: 13 windows, 14 requests, weight 651\n" in planned.stdout
    assert "market coinm: 13 windows, 14 requests, weight 651\n" in planned.stdout
    assert "28 requests, weight 1302, under a minute at 100000 weight a minute\n" in planned.stdout
    assert one.stats()["requests"] == 0
    assert one("backfill", **BOTH).returncode == 0
    assert (one.last_run()["requests"], one.last_run()["weight"]) == (28, 1302)


def test_an_account_in_portfolio_margin_is_read_there_and_costs_what_the_plan_says(lab: Labs) -> None:
    (account,) = (replace(one, portfolio_margin_from_ms=0) for one in demo_accounts(1))
    unified = lab(None, [account], histories={"main": []})
    markets = {"FORCE_ORDERS_MARKETS": "pm-usdm,pm-coinm"}
    planned = unified("backfill", "--plan", **markets).stdout
    assert "pool futures: 2 requests, weight 2, " in planned, "its clocks"
    assert "pool portfolio: 26 requests, weight 1300, " in planned
    assert unified("backfill", "--symbol", "BTCUSDT", **markets).returncode == 0
    assert markets_of(unified) == ["pm-usdm"]
    by_symbol = unified.last_run()
    assert (by_symbol["requests"], by_symbol["weight"]) == (14, 261)
    assert unified("backfill", **markets).returncode == 0
    whole = unified.last_run()
    assert (whole["requests"], whole["weight"]) == (28, 1302)
    assert markets_of(unified) == ["pm-coinm", "pm-usdm"]


def test_what_is_shown_names_the_market_once_there_are_several(one: Lab) -> None:
    assert one("backfill").returncode == 0
    for command in ("status", "report"):
        assert "market" not in one(command).stdout.replace("account  market  day", ""), "the seals always say it"
    since = str(one.now() - 30 * DAY)
    assert one("backfill", "--market", "coinm", "--since", since, "--until", str(one.now() - 20 * DAY)).returncode == 0
    assert one("backfill", "--market", "coinm", "--since", str(one.now() - 10 * DAY)).returncode == 0
    status = one("status").stdout
    assert "account  market  symbol" in status
    (closing,) = [line for line in status.splitlines() if line.startswith("to close the gap: ")]
    assert closing.endswith("--account main --market coinm")
    assert "market" in one("report").stdout
    assert {scope["market"] for scope in json.loads(one("status", "--json").stdout)["scopes"]} == {"usdm", "coinm"}


def test_status_report_and_export_can_be_of_one_market(one: Lab) -> None:
    assert one("backfill", **BOTH).returncode == 0
    scopes = json.loads(one("status", "--json", "--market", "coinm").stdout)
    assert {scope["market"] for scope in scopes["scopes"]} == {"coinm"}
    assert scopes["orders"] == 0
    assert one("report", "--market", "coinm").stdout.startswith("no order of main from ")
    assert one("export", "--out", "all.csv").returncode == 0
    assert one("export", "--market", "usdm", "--out", "usdm.csv").returncode == 0
    assert one("export", "--market", "coinm", "--out", "coinm.csv").returncode == 0
    every, usdm, coinm = (
        Path(one.command.directory, f"{name}.csv").read_text(encoding="utf-8") for name in ("all", "usdm", "coinm")
    )
    assert every == usdm
    assert len(coinm.splitlines()) == 1, "the header"


def test_coverage_is_taken_back_by_market(one: Lab) -> None:
    assert one("backfill", **BOTH).returncode == 0
    reset = one("coverage", "reset", "--account", "main", "--market", "coinm", "--why", "a wrong proxy", "--yes")
    assert reset.returncode == 0
    assert "of account main (coinm)" in reset.stdout
    assert "--account main --market coinm" in reset.stdout
    left = one.sql("SELECT market, isempty(proven) AS is_empty FROM coverage WHERE symbol = '*' ORDER BY market")
    assert [(row["market"], row["is_empty"]) for row in left] == [("coinm", True), ("usdm", False)]


def test_orders_of_another_market_are_stored_shown_and_exported(lab: Labs) -> None:
    coins = lab(histories={"main": []})
    at = coins.now() - DAY
    coins.tell("orders", [order_row("BTCUSDT", 1, at)])
    coin = order_row("BTCUSD_PERP", 2**53 + 1, at, pair="BTCUSD", cumBase="0.00882854", cumQuote="100")
    coins.tell("orders?market=coinm", [coin])
    assert coins("backfill", **BOTH).returncode == 0
    stored = coins.sql("SELECT market, symbol, order_id FROM force_orders ORDER BY market")
    assert [tuple(row.values()) for row in stored] == [("coinm", "BTCUSD_PERP", 2**53 + 1), ("usdm", "BTCUSDT", 1)]
    report = coins("report", "--market", "coinm").stdout
    assert str(2**53 + 1) in report
    assert "BTCUSDT" not in report
    verified = coins("verify", "--market", "coinm", "--json")
    assert verified.returncode == 0
    assert [scope["market"] for scope in json.loads(verified.stdout)["scopes"]] == ["coinm"]


def test_jobs_are_made_for_each_market_and_week(one: Lab) -> None:
    enqueued = one("backfill", "--distributed", **BOTH)
    assert enqueued.returncode == 0
    assert enqueued.stdout.startswith("enqueued 26 jobs for 1 account, ")
    jobs = one.sql("SELECT market, count(*) AS jobs FROM jobs GROUP BY market ORDER BY market")
    assert [tuple(row.values()) for row in jobs] == [("coinm", 13), ("usdm", 13)]


def test_an_account_that_a_file_gives_other_markets_is_read_in_these(lab: Labs) -> None:
    accounts = demo_accounts(2)
    made = lab(None, accounts, histories={account.name: [] for account in accounts})
    folder = made.command.directory
    for name, text in (("key", accounts[1].key), ("secret", accounts[1].secret)):
        (folder / name).write_text(f"{text}\n")
        (folder / name).chmod(0o600)
    (folder / "force-orders.toml").write_text(
        f'[accounts.account2]\napi_key_file = "{folder}/key"\napi_secret_file = "{folder}/secret"\n'
        'markets = ["coinm"]\n'
    )
    assert made("backfill", FORCE_ORDERS_MARKETS="usdm").returncode == 0
    wallets = made.sql("SELECT DISTINCT account, market FROM coverage ORDER BY account")
    assert [tuple(row.values()) for row in wallets] == [("account2", "coinm"), ("main", "usdm")]
