"""What the exchange says of an account and of its key: two signed requests of weight 1 to the API for wallets.

Pure but for its caller. Sources: the pages "Account Info" and "Get API Key Permission".
"""

from dataclasses import dataclass
from typing import Any

from etl.core.account_markets import ACCOUNT_INFO, AccountInfo
from etl.core.markets.apis import SAPI
from etl.core.markets.market import Endpoint
from etl.errors import ContractError

INFO = Endpoint(SAPI, ACCOUNT_INFO)
RESTRICTIONS = Endpoint(SAPI, "/sapi/v1/account/apiRestrictions")

_MORE_THAN_READING = {
    "enableWithdrawals": "withdraw",
    "enableInternalTransfer": "transfer between accounts",
    "permitsUniversalTransfer": "transfer between wallets",
    "enableMargin": "borrow on margin",
    "enableFutures": "trade futures",
    "enableSpotAndMarginTrading": "trade spot and margin",
    "enableVanillaOptions": "trade options",
    "enablePortfolioMarginTrading": "trade in Portfolio Margin",
    "enableFixApiTrade": "trade over FIX",
}


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What a key may do beside reading, in words; `created_at` in epoch milliseconds, None where it is not said."""

    more_than_reading: tuple[str, ...]
    is_bound_to_addresses: bool
    created_at: int | None


def read_account_info(answer: dict[str, Any]) -> AccountInfo:
    """Raises ContractError where a word of it is missing: what is not said must not count as no."""
    said = [answer.get(name) for name in ("isFutureEnabled", "isMarginEnabled", "isPortfolioMarginRetailEnabled")]
    has_futures, has_margin, is_portfolio_margin = said
    if not all(isinstance(word, bool) for word in said):
        raise ContractError("the exchange does not say which markets the account has")
    return AccountInfo(has_futures is True, has_margin is True, is_portfolio_margin is True)


def read_key_limits(answer: dict[str, Any]) -> KeyLimits:
    """Never raises: what is not said is not warned of."""
    more = tuple(words for name, words in _MORE_THAN_READING.items() if answer.get(name) is True)
    created = str(answer.get("createTime", ""))
    is_moment = created.isdigit() and len(created) == len("1700000000000")
    return KeyLimits(more, answer.get("ipRestrict") is True, int(created) if is_moment else None)
