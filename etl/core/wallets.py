"""A wallet: an account in one of its markets. Keys, coverage and gaps belong to a wallet."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from etl.core.markets import USDM


def has_others(markets: Iterable[str]) -> bool:
    """Whether there is another market than USDⓈ-M among these. Then people are told of which each line speaks."""
    return any(market != USDM for market in markets)


class Wallet(NamedTuple):
    """The account's name in the settings, and the market's name."""

    account: str
    market: str

    def options(self, among: Collection[str] = ()) -> list[str]:
        """The options that name it on the command line; the market is left out if all is USDⓈ-M, `among` too."""
        is_named = has_others({self.market, *among})
        return ["--account", self.account, *(["--market", self.market] if is_named else [])]

    def __str__(self) -> str:
        """For messages: the market is named unless it is USDⓈ-M, as it was when there was no other."""
        return self.account if self.market == USDM else f"{self.account} ({self.market})"
