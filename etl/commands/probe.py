"""`probe`: asks the exchange what nobody has published about its endpoints."""

from collections.abc import Sequence
from dataclasses import dataclass

from etl.accounts.credentials import Keyring, keyring
from etl.core.probing.notebook import MOST_WEIGHT
from etl.settings.model import Settings


@dataclass(frozen=True)
class ProbeSpec:
    """With which keys a run of `probe` asks, and of which markets; none named: those of each account."""

    keys: Keyring
    markets: Sequence[str]

    @property
    def cost(self) -> str:
        """One line about what it may cost. Which markets an account has may still have to be asked."""
        per_market = f"at most {MOST_WEIGHT:,} weight"
        accounts = [one.account for one in self.keys.usable]
        if len(accounts) == 1 and len(self.markets) == 1:
            return f"probing account {accounts[0]} in {self.markets[0]} with {per_market}"
        where = f"account {accounts[0]}" if len(accounts) == 1 else f"{len(accounts)} accounts"
        return f"probing {where} with {per_market} in each market"


def probe_spec(settings: Settings, accounts: Sequence[str], markets: Sequence[str]) -> ProbeSpec:
    """Raises ConfigError before anything is requested or opened."""
    return ProbeSpec(keyring(settings, accounts), markets)
