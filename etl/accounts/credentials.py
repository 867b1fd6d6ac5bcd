"""Reads the keys of the accounts, and never shows them."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from etl.accounts.key_sources import (
    Entered,
    KeyLocation,
    KeySource,
    Missing,
    PrivateKeyFile,
    SecretFile,
    Variable,
    key_sources,
)
from etl.accounts.secret_files import read_secret_bytes, read_secret_text
from etl.core.text import printable
from etl.errors import ConfigError
from etl.exchange.signing import PrivateKey
from etl.settings.model import Settings
from etl.settings.secret import SecretStr


@dataclass(frozen=True)
class Credentials:
    """One account's key, with either a secret or a private key. The repr shows none of them."""

    account: str
    api_key: SecretStr
    api_secret: SecretStr | None = None
    private_key: PrivateKey | None = None


@dataclass(frozen=True)
class Keyring:
    """The usable keys, and what is wrong with the others."""

    usable: Sequence[Credentials]
    faults: Mapping[str, str] = field(default_factory=dict)
    """By account: a sentence without any secret."""

    @property
    def fault_lines(self) -> list[str]:
        """A line for each account whose key cannot be used."""
        return [f"account {printable(name)}: {fault}" for name, fault in self.faults.items()]


def keyring(settings: Settings, only: Sequence[str] = ()) -> Keyring:
    """The keys of the accounts named, or of all.

    Raises ConfigError if there is no account, no account of a name, or no usable key among them.
    """
    keys = read_keys(key_sources(settings, only))
    if not keys.usable:
        raise ConfigError("; ".join(keys.faults.values()))
    return keys


def read_keys(sources: Iterable[KeySource]) -> Keyring:
    """Never raises: a fault of one key does not stop the others."""
    usable, faults = [], {}
    for source in sources:
        try:
            usable.append(_read(source))
        except ConfigError as error:
            faults[source.account] = str(error)
    return Keyring(usable, faults)


def _read(source: KeySource) -> Credentials:
    """Raises ConfigError with a sentence without any secret."""
    api_key = _secret(source.key)
    if isinstance(source.secret, PrivateKeyFile):
        return Credentials(source.account, api_key, private_key=_private_key(source.secret))
    return Credentials(source.account, api_key, _secret(source.secret))


def _secret(location: KeyLocation) -> SecretStr:
    text = _text(location)
    if not text:
        raise ConfigError(f"{location} is empty")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(f"{location} contains spaces or other characters that no key has; copy it again")
    return SecretStr(text)


def _text(location: KeyLocation) -> str:
    match location:
        case Missing(fault):
            raise ConfigError(fault)
        case Variable(name):
            if name not in os.environ:
                raise ConfigError(f"{location} is not set")
            return os.environ[name]
        case Entered(text):
            return text.get_secret_value()
        case SecretFile(path, setting):
            return read_secret_text(setting, path)


def _private_key(file: PrivateKeyFile) -> PrivateKey:
    try:
        return PrivateKey.from_pem(read_secret_bytes(file.setting, file.path))
    except ValueError as error:
        raise ConfigError(f"{file} {error}") from None
