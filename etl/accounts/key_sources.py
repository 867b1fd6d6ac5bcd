"""Where the keys of the accounts are stored: which variable, which file. Does not read them.

A name is shown only if it cannot be the secret itself, written where its variable or its file should be named.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from etl.accounts.secret_files import describe_file
from etl.core.text import printable
from etl.errors import ConfigError
from etl.settings.checks import expanded
from etl.settings.model import AccountKeys, InvalidAccount, Settings
from etl.settings.secret import SecretStr

MAIN = "main"
"""The account of BINANCE_API_KEY and the related variables."""

NO_KEY = (
    "no key: run 'force-orders init', or set BINANCE_API_KEY and BINANCE_API_SECRET (or BINANCE_API_PRIVATE_KEY_FILE), "
    "or add accounts to a settings file; 'force-orders demo' needs no key"
)


@dataclass(frozen=True)
class Variable:
    """A variable that holds a key or a secret. Its text begins a sentence about what is wrong with it."""

    name: str
    setting: str | None = None
    """The setting that names the variable; None: the variable is a setting itself."""

    @property
    def shown(self) -> str:
        if self.name in os.environ:
            return self.name
        return f"{self.name} (not set)" if self._looks_like_one() else "a variable that is not set"

    def __str__(self) -> str:
        if self.setting is None:
            return self.name
        return f"{self.setting}: the variable {self.name if self._looks_like_one() else 'that it names'}"

    def _looks_like_one(self) -> bool:
        return bool(re.fullmatch(r"[A-Z][A-Z0-9_]{0,40}", self.name))


@dataclass(frozen=True)
class SecretFile:
    """A file that holds a key or a secret. Its text begins a sentence about what is wrong with it."""

    path: Path
    setting: str
    """The setting that names the file."""

    @property
    def shown(self) -> str:
        if os.path.isfile(self.path):  # noqa: PTH113 - it returns False for an invalid path
            return printable(str(self.path))
        return f"{printable(str(self.path))} (not there)" if self.path.is_absolute() else "a file that is not there"

    def __str__(self) -> str:
        return describe_file(self.setting, self.path)


@dataclass(frozen=True)
class PrivateKeyFile(SecretFile):
    """A file with an RSA or Ed25519 key (PEM), which is used in place of a secret."""


@dataclass(frozen=True)
class Entered:
    """A key or a secret that a user entered. Its text begins a sentence about what is wrong with it."""

    text: SecretStr
    name: str

    @property
    def shown(self) -> str:
        return self.name

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Missing:
    """There is no key or no secret, and why."""

    fault: str

    @property
    def shown(self) -> None:
        return None


KeyLocation = Variable | SecretFile | Entered | Missing


@dataclass(frozen=True)
class KeySource:
    """Where an account's key and its secret, or its private key, are stored."""

    account: str
    key: KeyLocation
    secret: KeyLocation


def key_sources(settings: Settings, only: Sequence[str] = ()) -> list[KeySource]:
    """The sources of the accounts named, or of all: `main` first, then in the order of the settings.

    For `main` the variables win over the settings. Raises ConfigError if there is no account, or none of a name.
    """
    sources = {name: _of_settings(name, keys) for name, keys in settings.accounts.items()}
    if (main := source_of_variables()) is not None:
        sources = {MAIN: main} | {name: one for name, one in sources.items() if name != MAIN}
    if not sources:
        raise ConfigError(NO_KEY)
    for name in only:
        if name not in sources:
            raise ConfigError(f"there is no account {name!r}; known: {printable(', '.join(sorted(sources)))}")
    return [source for name, source in sources.items() if not only or name in only]


def account_names(settings: Settings) -> frozenset[str]:
    """The accounts of the settings, `main` of the variables among them; empty if there is none."""
    return frozenset(settings.accounts) | ({MAIN} if source_of_variables() else frozenset())


def configured_markets(settings: Settings) -> dict[str, Sequence[str]]:
    """The accounts of the settings with the markets that they name; none named: see `Settings.markets_of`."""
    return {name: settings.markets_of(name) for name in sorted(account_names(settings))}


def source_of_variables() -> KeySource | None:
    """The account `main` if one of its variables is set. An empty variable counts as unset."""
    key = _variable_or_file("BINANCE_API_KEY")
    private_key = os.environ.get("BINANCE_API_PRIVATE_KEY_FILE")
    secret = (
        PrivateKeyFile(expanded(Path(private_key)), "BINANCE_API_PRIVATE_KEY_FILE")
        if private_key
        else _variable_or_file("BINANCE_API_SECRET")
    )
    if key is None and secret is None:
        return None
    return KeySource(
        MAIN,
        key or Missing("no key: BINANCE_API_KEY (or BINANCE_API_KEY_FILE) is not set"),
        secret or Missing("no secret: set BINANCE_API_SECRET, BINANCE_API_SECRET_FILE or BINANCE_API_PRIVATE_KEY_FILE"),
    )


def _variable_or_file(variable: str) -> KeyLocation | None:
    """The variable itself, else the file that VARIABLE_FILE names."""
    file = f"{variable}_FILE"
    if os.environ.get(variable):
        return Variable(variable)
    return SecretFile(expanded(Path(os.environ[file])), file) if os.environ.get(file) else None


def _of_settings(account: str, keys: AccountKeys | InvalidAccount) -> KeySource:
    if isinstance(keys, InvalidAccount):
        return KeySource(account, Missing(keys.fault), Missing(keys.fault))
    where = f"accounts.{account}"
    key = _named(f"{where}.api_key", keys.api_key_variable, keys.api_key_file)
    secret = (
        PrivateKeyFile(keys.private_key_file, f"{where}.private_key_file")
        if keys.private_key_file
        else _named(f"{where}.api_secret", keys.api_secret_variable, keys.api_secret_file)
    )
    return KeySource(
        account,
        key or Missing(f"{where}: set api_key_file or api_key_variable"),
        secret or Missing(f"{where}: set api_secret_file, api_secret_variable or private_key_file"),
    )


def _named(setting: str, variable: str | None, file: Path | None) -> KeyLocation | None:
    if variable is not None:
        return Variable(variable, f"{setting}_variable")
    return SecretFile(file, f"{setting}_file") if file is not None else None
