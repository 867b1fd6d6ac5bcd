"""A wallet: an account in one of its markets. Keys, coverage and gaps belong to a wallet."""

from typing import NamedTuple

from etl.core.markets import USDM


class Wallet(NamedTuple):
    """The account's name in the settings, and the market's name."""

    account: str
    market: str

    def __str__(self) -> str:
        """For messages: the market is named unless it is USDⓈ-M, as it was when there was no other."""
        return self.account if self.market == USDM else f"{self.account} ({self.market})"
