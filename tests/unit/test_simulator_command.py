"""The options of the command, and how it says that it cannot start."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET, demo_account, demo_accounts
from etl.simulator.command import announcement, option_parser, run, simulator_from
from etl.simulator.exchange import Exchange
from etl.simulator.markets import COINM, MARGIN, MARKETS, USDM
from etl.simulator.scenario import DAY_MS, SWITCHES, Scenario, changed, switches


def test_every_switch_is_an_option_with_the_scenarios_default() -> None:
    options = option_parser().parse_args([])
    assert {name: getattr(options, name) for name in SWITCHES} == switches(Scenario())


def test_options_set_switches() -> None:
    line = "--kept newest --no-end-inclusive --strays 3 --clock-speed 2.5 --clock-at 2024-08-19T00:00Z"
    options = option_parser().parse_args(line.split())
    scenario = changed(Scenario(), {name: getattr(options, name) for name in SWITCHES})
    assert scenario == Scenario(
        kept="newest", end_inclusive=False, strays=3, clock_speed=2.5, clock_at_ms=1_724_025_600_000
    )


def test_a_switch_can_be_a_text() -> None:
    options = option_parser().parse_args(["--closed-symbols", "ETHUSDT,BTCUSD_PERP", "--closed-symbol-code", "-1121"])
    assert (options.closed_symbols, options.closed_symbol_code) == ("ETHUSDT,BTCUSD_PERP", "-1121")
    with pytest.raises(ValueError, match="closed_symbols must be a text, not 5"):
        changed(Scenario(), {"closed_symbols": 5})


def test_an_instant_is_milliseconds_or_iso_in_utc() -> None:
    for text in ("1724025600000", "2024-08-19", "2024-08-19T00:00Z", "2024-08-19T02:00+02:00"):
        assert option_parser().parse_args(["--clock-at", text]).clock_at_ms == 1_724_025_600_000


def test_the_key_comes_from_the_environment_unless_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_KEY", "e" * 64)
    assert made("--profile", "empty").accounts["main"].key == "e" * 64
    assert made("--profile", "empty", "--api-key", "o" * 64).accounts["main"].key == "o" * 64


def test_the_help_shows_no_secret_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BINANCE_API_SECRET", "a real one")
    assert run(["--help"]) == 0
    assert "a real one" not in capsys.readouterr().out


def made(*line: str) -> Exchange:
    """The exchange of a command line; its socket is closed again."""
    simulator = simulator_from(option_parser().parse_args(line))
    simulator.stop()
    return simulator.exchange


def test_a_replay_stands_at_the_day_after_its_last_row(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_text('{"other": [{"symbol": "BTCUSDT", "orderId": 1, "time": 1724000000000}]}')
    exchange = made("--history", str(path))
    assert list(exchange.accounts) == ["main", "other"]
    assert exchange.scenario.clock_at_ms == 1_724_000_000_000 + DAY_MS
    assert made("--history", str(path), "--clock-at", "2024-09-01").scenario.clock_at_ms == 1_725_148_800_000


def test_further_accounts_have_histories_of_their_own() -> None:
    exchange = made("--accounts", "3")
    assert list(exchange.accounts) == ["main", "account2", "account3"]
    now_ms = exchange.now_ms(time.time() * 1000)
    books = [exchange.books.of(name, USDM) for name in exchange.accounts]
    histories = [[one.rendered for one in book.readable(now_ms)] for book in books]
    assert all(histories)
    assert histories[0] != histories[1] != histories[2]


def test_accounts_have_the_markets_that_were_asked_for() -> None:
    exchange = made("--markets", "usdm,coinm,margin", "--sub-account", "coinm", "--clock-at", "2026-09-01")
    now_ms = exchange.now_ms(time.time() * 1000)
    shown = {
        (name, market)
        for name in exchange.accounts
        for market in MARKETS.values()
        if exchange.books.of(name, market).readable(now_ms)
    }
    assert shown == {("main", USDM), ("main", COINM), ("main", MARGIN), ("sub", COINM)}
    assert [one.wallets for one in exchange.accounts.values()] == [("usdm", "coinm", "margin"), ("coinm",)]


def test_an_account_can_switch_to_portfolio_margin_and_its_key_be_restricted() -> None:
    line = "--portfolio-margin-from 2026-08-01 --key-created 2026-08-02 --permissions enableReading,enableMargin"
    main = made(*line.split(), "--profile", "empty").accounts["main"]
    assert (main.portfolio_margin_from_ms, main.key_created_ms) == (1_785_542_400_000, 1_785_628_800_000)
    assert main.permissions == ("enableReading", "enableMargin")
    always = made("--portfolio-margin-from", "always", "--profile", "empty").accounts["main"]
    assert (always.portfolio_margin_from_ms, always.permissions) == (0, ("enableReading",))


def test_a_given_key_is_the_one_of_main(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BINANCE_API_KEY", raising=False)
    main = made("--api-key", "k" * 64, "--api-secret", "s", "--profile", "empty").accounts["main"]
    assert (main.key, main.secret) == ("k" * 64, "s")
    assert made("--profile", "empty").accounts["main"].key == DEMO_KEY


@pytest.mark.parametrize(
    "line",
    [
        "--port x",
        "--port 70000",
        "--kept best",
        "--strays -1",
        "--clock-speed 0",
        "--clock-at noon",
        "--accounts 0",
        "--days 0",
        "--api-key schlüssel",
        "--no-such-option",
        "--markets usdm,spot",
        "--sub-account everything",
        "--permissions all",
        "--portfolio-margin-from never",
        "--history missing.csv",
        "--faults missing.json",
    ],
)
def test_a_wrong_option_is_one_line_on_stderr_and_exit_2(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("simulator: ")
    assert err.count("\n") == 1


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "faults.json"
    path.write_text("[{]")
    assert run(["--faults", str(path)]) == 2
    assert "faults.json" in capsys.readouterr().err


def test_help_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    assert "--beyond-retention" in capsys.readouterr().out


def test_the_keys_of_every_account_are_announced() -> None:
    _, other = accounts = demo_accounts(2)
    assert announcement("http://127.0.0.1:8000", accounts) == [
        "# force-orders simulator on http://127.0.0.1:8000 (loopback only, until SIGINT)",
        "export FORCE_ORDERS_BASE_URL=http://127.0.0.1:8000",
        f"export BINANCE_API_KEY={DEMO_KEY}",
        f"export BINANCE_API_SECRET={DEMO_SECRET}",
        f"export ACCOUNT2_API_KEY={other.key}",
        f"export ACCOUNT2_API_SECRET={other.secret}",
        "# for force-orders.toml, without the '# ' before each line:",
        '# [accounts."account2"]',
        '# api_key_variable = "ACCOUNT2_API_KEY"',
        '# api_secret_variable = "ACCOUNT2_API_SECRET"',
    ]


def test_a_secret_that_may_be_a_real_one_is_not_announced() -> None:
    main, other = replace(demo_account("main"), secret="a real one"), demo_account("desk")
    said = "\n".join(announcement("http://127.0.0.1:8000", [main, other]))
    assert "a real one" not in said
    assert '[accounts."desk"]' in said


def test_a_code_is_a_negative_number_on_the_command_line() -> None:
    options = option_parser().parse_args(["--export-quota-code", "-1015", "--export-span-code", "-1130"])
    assert (options.export_quota_code, options.export_span_code) == (-1015, "-1130")
