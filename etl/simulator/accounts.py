"""Accounts of the simulated exchange. Their keys are public and open nothing anywhere else."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from etl.simulator.markets import Wallet

KEY_LENGTH = 64  # like Binance's HMAC keys: letters and digits
KEY_CREATED_MS = 1_577_836_800_000  # 2020-01-01
PERMISSIONS = (
    "enableReading",
    "enableWithdrawals",
    "enableInternalTransfer",
    "enableMargin",
    "enableFutures",
    "permitsUniversalTransfer",
    "enableVanillaOptions",
    "enableFixApiTrade",
    "enableFixReadOnly",
    "enableSpotAndMarginTrading",
    "enablePortfolioMarginTrading",
)
WALLETS: tuple[Wallet, ...] = get_args(Wallet)


@dataclass(frozen=True, slots=True)
class Account:
    """One account. With `public_key` (PEM, RSA or Ed25519) signatures are checked against it, not the secret.

    `wallets`: what was ever opened; a sub-account may have fewer. `portfolio_margin_from_ms`: the instant at which it
    switches from classic to Portfolio Margin; 0: it always was, None: it never does. `permissions`: what its key may
    do, and may have lost by the switch. `key_created_ms`: None stands for an owner who makes a new key at the switch,
    with the same letters.
    """

    name: str
    key: str
    secret: str
    public_key: str | None = None
    wallets: tuple[Wallet, ...] = ("usdm", "coinm")
    portfolio_margin_from_ms: int | None = None
    permissions: tuple[str, ...] = ("enableReading",)
    key_created_ms: int | None = None

    def in_portfolio_margin(self, at_ms: int) -> bool:
        """Whether it is a Portfolio Margin account at an instant."""
        return self.portfolio_margin_from_ms is not None and at_ms >= self.portfolio_margin_from_ms

    def key_made_at(self, now_ms: int) -> int:
        """When its key was created, epoch milliseconds."""
        if self.key_created_ms is not None:
            return self.key_created_ms
        switched_ms = self.portfolio_margin_from_ms if self.in_portfolio_margin(now_ms) else None
        return max(KEY_CREATED_MS, switched_ms or 0)


def changed_account(account: Account, changes: Any) -> Account:
    """The account with some of its own values set, not its name or keys. Raises ValueError, one line."""
    if not isinstance(changes, Mapping):
        raise ValueError("an account is changed by a JSON object")
    for name, value in changes.items():
        match name, value:
            case ("wallets", list() | tuple()) if all(one in WALLETS for one in value):
                pass
            case ("permissions", list() | tuple()) if all(one in PERMISSIONS for one in value):
                pass
            case ("portfolio_margin_from_ms" | "key_created_ms", int() | None) if not isinstance(value, bool):
                pass
            case _:
                raise ValueError(f"an account cannot have {name} {value!r}")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()
    }
    return replace(account, **values)


def demo_account(name: str) -> Account:
    """The account of that name with a key and a secret that cannot be mistaken for real ones."""
    label = "".join(sign for sign in name.title() if sign.isalnum() and sign.isascii())
    return Account(name, _repeated(f"DemoKey{label}"), _repeated(f"DemoSecret{label}"))


def demo_accounts(count: int) -> tuple[Account, ...]:
    """`main`, `account2`, `account3`, …"""
    return tuple(demo_account("main" if number == 1 else f"account{number}") for number in range(1, count + 1))


def _repeated(words: str) -> str:
    return (words * KEY_LENGTH)[:KEY_LENGTH]


MAIN = demo_account("main")
DEMO_KEY = MAIN.key
DEMO_SECRET = MAIN.secret
