"""The keys of the accounts: read from where they are looked for, and not shown."""

import os
from dataclasses import dataclass

from etl.errors import ConfigError
from etl.exchange.signing import PrivateKey
from etl.keysources import KeySource, Nowhere, Place, PrivateKeyFile, SecretFile, Variable, key_sources
from etl.private import private_bytes, private_text
from etl.secret import SecretStr
from etl.settings import Settings


@dataclass(frozen=True)
class Credentials:
    """One account's key, with either a secret or a private key. Its repr shows neither."""

    account: str
    api_key: SecretStr
    api_secret: SecretStr | None = None
    private_key: PrivateKey | None = None


def credentials(settings: Settings, only: tuple[str, ...] = ()) -> list[Credentials]:
    """The keys of the accounts named, or of all; raises ConfigError where one is missing, malformed or unknown."""
    return [_read(source) for source in key_sources(settings, only)]


def _read(source: KeySource) -> Credentials:
    """Raises ConfigError with a sentence that shows no secret."""
    api_key = _secret(source.key)
    if isinstance(source.secret, PrivateKeyFile):
        return Credentials(source.account, api_key, private_key=_private_key(source.secret))
    return Credentials(source.account, api_key, _secret(source.secret))


def _secret(place: Place) -> SecretStr:
    text = _text(place)
    if not text:
        raise ConfigError(f"{place} is empty")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(f"{place} holds spaces or other characters that no key has; copy it again")
    return SecretStr(text)


def _text(place: Place) -> str:
    match place:
        case Nowhere(fault):
            raise ConfigError(fault)
        case Variable(name):
            if name not in os.environ:
                raise ConfigError(f"{place} is not set")
            return os.environ[name]
        case SecretFile(path, setting):
            return private_text(setting, path)


def _private_key(file: PrivateKeyFile) -> PrivateKey:
    try:
        return PrivateKey.from_pem(private_bytes(file.setting, file.path))
    except ValueError as error:
        raise ConfigError(f"{file} {error}") from None
