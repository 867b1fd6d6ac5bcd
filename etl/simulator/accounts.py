"""Accounts of the simulated exchange. Their keys are public and open nothing anywhere else."""

from dataclasses import dataclass

KEY_LENGTH = 64  # like Binance's HMAC keys: letters and digits


@dataclass(frozen=True, slots=True)
class Account:
    """One account. With `public_key` (PEM, RSA or Ed25519) signatures are checked against it, not the secret."""

    name: str
    key: str
    secret: str
    public_key: str | None = None


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
