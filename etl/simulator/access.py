"""Who may read what: the permissions of a key, the wallets of an account, and its switch to Portfolio Margin."""

from typing import Any

from etl.simulator.accounts import PERMISSIONS, Account
from etl.simulator.book import Book
from etl.simulator.markets import Market
from etl.simulator.messages import RefusedError
from etl.simulator.scenario import Scenario


def check_reading(account: Account) -> None:
    """Refuse a key that may not read."""
    if "enableReading" not in account.permissions:
        raise _not_permitted()


def check_market(account: Account, market: Market, ip: str, scenario: Scenario, now_ms: int) -> None:
    """Refuse an account that does not have this market, or whose key may not read it."""
    check_reading(account)
    if market.portfolio_margin:
        _check_papi(account, ip, scenario, now_ms)
    elif market.wallet == "margin":
        check_margin(account, now_ms)
    elif account.in_portfolio_margin(now_ms):
        raise _not_permitted()
    elif market.wallet not in account.wallets:
        raise _no_wallet(scenario)
    elif not scenario.reading_suffices and "enableFutures" not in account.permissions:
        raise _not_permitted()


def check_margin(account: Account, now_ms: int) -> None:
    """Refuse an account without margin trading at sapi."""
    if not has_margin(account, now_ms):
        raise RefusedError(400, -3003, "Margin account does not exist.")


def has_margin(account: Account, now_ms: int) -> bool:
    """Whether margin trading is open; Portfolio Margin includes it."""
    return "margin" in account.wallets or account.in_portfolio_margin(now_ms)


def check_pair(book: Book, isolated_symbol: str | None, scenario: Scenario) -> None:
    """Refuse a pair in which the account has no isolated margin, where the scenario says so."""
    if isolated_symbol is None or scenario.unopened_pairs == "empty":
        return
    if not any(one.is_isolated and one.symbol == isolated_symbol for one in book.all()):
        raise RefusedError(400, -11001, "Isolated margin account does not exist.")


def account_info(account: Account, now_ms: int) -> dict[str, Any]:
    """The document of /sapi/v1/account/info."""
    return {
        "vipLevel": 0,
        "isMarginEnabled": has_margin(account, now_ms),
        "isFutureEnabled": bool({"usdm", "coinm"} & {*account.wallets}) or account.in_portfolio_margin(now_ms),
        "isOptionsEnabled": False,
        "isPortfolioMarginRetailEnabled": account.in_portfolio_margin(now_ms),
    }


def api_restrictions(account: Account, now_ms: int) -> dict[str, Any]:
    """The document of /sapi/v1/account/apiRestrictions."""
    lost = set()
    if account.in_portfolio_margin(now_ms):
        lost.add("enableFutures")  # the switch takes it from every key, for ever
    if not _may_use_papi(account, now_ms):
        lost.add("enablePortfolioMarginTrading")
    may = {name: name in account.permissions and name not in lost for name in PERMISSIONS}
    return {"ipRestrict": False, "createTime": account.key_made_at(now_ms), **may}


def _check_papi(account: Account, ip: str, scenario: Scenario, now_ms: int) -> None:
    trades = "enablePortfolioMarginTrading" in account.permissions
    if not _may_use_papi(account, now_ms) or not (scenario.reading_suffices or trades):
        message = f"Invalid API-key, IP, or permissions for action, request ip: {ip}"
        raise RefusedError(401, -2015, message)


def _may_use_papi(account: Account, now_ms: int) -> bool:
    """Only in Portfolio Margin, and only with a key that was made there."""
    switched_ms = account.portfolio_margin_from_ms
    return switched_ms is not None and now_ms >= switched_ms and account.key_made_at(now_ms) >= switched_ms


def _no_wallet(scenario: Scenario) -> RefusedError:
    if scenario.no_wallet == "-2015":
        return _not_permitted()
    message = "Inactive account. Transfer any amount of asset to future wallet to reactive"
    return RefusedError(400, -4109, message)


def _not_permitted() -> RefusedError:
    return RefusedError(401, -2015, "Invalid API-key, IP, or permissions for action")
