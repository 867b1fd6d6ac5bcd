"""Which markets of an account a command reads."""

from collections.abc import Sequence

import click
import pytest

from etl.cli import options
from etl.core.market_choice import WITHOUT_SYMBOLS, markets_to_read, sort_markets
from etl.core.markets import NAMES
from etl.core.wallets import Wallet, has_others
from etl.errors import ConfigError
from etl.runs.arguments import check_markets
from etl.settings.model import AccountKeys, Settings

CLASSIC, PORTFOLIO = ("usdm", "coinm", "margin"), ("pm-usdm", "pm-coinm", "pm-margin")


@pytest.mark.parametrize(
    ("named", "own", "symbols", "read"),
    [
        ((), CLASSIC, (), CLASSIC),
        (("coinm",), CLASSIC, (), ("coinm",)),
        (("margin", "coinm", "margin"), (), (), ("coinm", "margin")),
        ((), CLASSIC, ("BTCUSDT",), ("usdm",)),
        ((), PORTFOLIO, ("BTCUSDT",), ("pm-usdm",)),
        (("coinm",), CLASSIC, ("BTCUSD_PERP",), ("coinm",)),
        ((), ("coinm",), ("BTCUSDT",), ()),
    ],
    ids=["its own", "one by name", "several by name", "a symbol", "a symbol in pm", "a symbol by market", "none"],
)
def test_markets_are_those_by_name_else_the_accounts_own_and_for_a_symbol_its_usdm_market(
    named: Sequence[str], own: Sequence[str], symbols: Sequence[str], read: Sequence[str]
) -> None:
    assert markets_to_read(named, own, symbols) == read


def test_markets_are_shown_in_one_order_each_once() -> None:
    assert sort_markets(iter(["margin", "usdm", "margin"])) == ("usdm", "margin")


def test_a_symbol_is_refused_where_requests_take_none() -> None:
    assert WITHOUT_SYMBOLS == ("pm-margin",)
    with pytest.raises(ConfigError, match="--market pm-margin is never read by symbol"):
        check_markets(Settings(), ["main"], ["BTCUSDT"], ["pm-usdm", "pm-margin"])
    check_markets(Settings(), ["main"], [], ["pm-margin"])


def test_a_symbol_without_a_market_is_refused_where_no_account_has_its_market() -> None:
    settings = Settings(accounts={"coins": AccountKeys(markets=("coinm",)), "all": AccountKeys(markets=CLASSIC)})
    with pytest.raises(ConfigError, match="name the market of the symbol with --market"):
        check_markets(settings, ["coins"], ["BTCUSDT"], [])
    check_markets(settings, ["coins"], ["BTCUSD_PERP"], ["coinm"])
    check_markets(settings, ["coins", "all"], ["BTCUSDT"], [])


def test_a_wallet_names_usdm_on_the_command_line_only_among_others() -> None:
    assert Wallet("main", "usdm").options() == ["--account", "main"]
    assert Wallet("main", "usdm").options({"usdm", "coinm"}) == ["--account", "main", "--market", "usdm"]
    assert Wallet("main", "coinm").options() == ["--account", "main", "--market", "coinm"]
    assert not has_others(["usdm"])


def test_the_option_says_and_completes_every_name_and_refuses_any_other() -> None:
    @click.command()
    @options.markets
    def command(market: tuple[str, ...]) -> tuple[str, ...]:
        return market

    (option,) = command.params
    assert isinstance(option, click.Option)
    assert all(name in (option.help or "") for name in NAMES)
    context = click.Context(command)
    assert [one.value for one in option.shell_complete(context, "pm")] == ["pm-usdm", "pm-coinm", "pm-margin"]
    words = ["--market", "coinm", "--market", "usdm"]
    assert command.main(words, standalone_mode=False) == ("coinm", "usdm")
    with pytest.raises(click.BadParameter, match="'spot' is not one of 'usdm'"):
        command.main(["--market", "spot"], standalone_mode=False)
