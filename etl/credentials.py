"""The keys of the accounts: read from variables and files, looked at, and not shown."""

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from etl.core.printable import printable
from etl.errors import ConfigError
from etl.private import private_file, private_text
from etl.secret import SecretStr
from etl.settings import AccountKeys, Settings

MAIN = "main"
"""The account whose key stands in BINANCE_API_KEY and its companions."""

_MAIN_KEY, _MAIN_SECRET, _MAIN_PRIVATE = "BINANCE_API_KEY", "BINANCE_API_SECRET", "BINANCE_API_PRIVATE_KEY_FILE"

NO_KEY = (
    "no key: set BINANCE_API_KEY and BINANCE_API_SECRET (or BINANCE_API_PRIVATE_KEY_FILE), or name accounts in "
    "a settings file; 'force-orders demo' needs none"
)


@dataclass(frozen=True)
class Credentials:
    """One account's key, with either a secret or a private key. Its repr shows neither."""

    account: str
    api_key: SecretStr
    api_secret: SecretStr | None = None
    private_key_file: Path | None = None


def credentials(settings: Settings, only: tuple[str, ...] = ()) -> list[Credentials]:
    """The keys of the accounts named, or of all; raises ConfigError where one is missing, malformed or unknown."""
    main = _from_environment() if _wanted(MAIN, only) else None
    sources = {MAIN: main} if main is not None else {}
    for name, keys in settings.accounts.items():
        if _wanted(name, only) and name not in sources:
            sources[name] = _from_file_settings(name, keys)
    unknown = [name for name in only if name not in sources]
    if MAIN in unknown or not (sources or unknown):
        raise ConfigError(NO_KEY)
    if unknown:
        raise _no_account(unknown[0], {*settings.accounts, *sources})
    return list(sources.values())


@dataclass(frozen=True)
class KeySource:
    """Where an account's key and its secret, or its private key, are looked for; None: nowhere. Never what is there."""

    account: str
    key: str | None
    secret: str | None
    private_key_file: Path | None = None


def key_sources(settings: Settings, only: Sequence[str] = ()) -> list[KeySource]:
    """Of the accounts named, or of all, whether their keys can be read or not; `main` first, then by the settings.

    Raises ConfigError where there is no account, or none of a name.
    """
    sources = {name: _named_source(name, keys) for name, keys in settings.accounts.items()}
    if any(os.environ.get(name) for name in (*_either(_MAIN_KEY), *_either(_MAIN_SECRET), _MAIN_PRIVATE)):
        sources = {MAIN: _main_source()} | {name: one for name, one in sources.items() if name != MAIN}
    if not sources:
        raise ConfigError(NO_KEY)
    for name in only:
        if name not in sources:
            raise _no_account(name, sources)
    return [source for name, source in sources.items() if _wanted(name, only)]


def _no_account(name: str, known: Collection[str]) -> ConfigError:
    return ConfigError(f"there is no account {name!r}; known: {', '.join(sorted(known)) or 'none'}")


def _main_source() -> KeySource:
    named = os.environ.get(_MAIN_PRIVATE)
    private = Path(named) if named else None
    return KeySource(MAIN, _shown_main(_MAIN_KEY), _shown_file(private) or _shown_main(_MAIN_SECRET), private)


def _shown_main(variable: str) -> str | None:
    file = os.environ.get(f"{variable}_FILE")
    if os.environ.get(variable) or not file:
        return _shown_variable(variable) if os.environ.get(variable) else None
    return _shown_file(Path(file))


def _named_source(name: str, keys: AccountKeys) -> KeySource:
    secret = _shown_variable(keys.api_secret_variable) or _shown_file(keys.api_secret_file)
    return KeySource(
        name,
        _shown_variable(keys.api_key_variable) or _shown_file(keys.api_key_file),
        _shown_file(keys.private_key_file) or secret,
        keys.private_key_file,
    )


def _either(variable: str) -> tuple[str, str]:
    return variable, f"{variable}_FILE"


def _shown_variable(variable: str | None) -> str | None:
    if variable is None or variable in os.environ:
        return variable
    return f"{variable} (not set)" if _is_a_variable(variable) else "a variable that is not set"


def _shown_file(file: Path | None) -> str | None:
    if file is None or os.path.isfile(file):  # noqa: PTH113 - the one that answers False for whatever is no path
        return None if file is None else printable(str(file))
    return f"{printable(str(file))} (not there)" if file.is_absolute() else "a file that is not there"


def _is_a_variable(name: str) -> bool:
    """What does not look like the name of a variable is not shown: it may be the secret itself."""
    return bool(re.fullmatch(r"[A-Z][A-Z0-9_]{0,40}", name))


def _wanted(name: str, only: Collection[str]) -> bool:
    return not only or name in only


def _from_environment() -> Credentials | None:
    key = _secret("BINANCE_API_KEY")
    secret = _secret("BINANCE_API_SECRET")
    named = os.environ.get("BINANCE_API_PRIVATE_KEY_FILE")
    private = private_file("BINANCE_API_PRIVATE_KEY_FILE", Path(named)) if named else None
    if key is None and secret is None and private is None:
        return None
    if key is None:
        raise ConfigError("no key: BINANCE_API_KEY (or BINANCE_API_KEY_FILE) is not set")
    if secret is None and private is None:
        raise ConfigError("no secret: set BINANCE_API_SECRET, BINANCE_API_SECRET_FILE or BINANCE_API_PRIVATE_KEY_FILE")
    return Credentials(MAIN, key, secret, private)


def _from_file_settings(name: str, keys: AccountKeys) -> Credentials:
    where = f"accounts.{name}"
    key = _secret_of(f"{where}.api_key", keys.api_key_file, keys.api_key_variable)
    secret = _secret_of(f"{where}.api_secret", keys.api_secret_file, keys.api_secret_variable)
    named = keys.private_key_file
    private = private_file(f"{where}.private_key_file", named) if named else None
    if key is None:
        raise ConfigError(f"{where}: set api_key_file or api_key_variable")
    if secret is None and private is None:
        raise ConfigError(f"{where}: set api_secret_file, api_secret_variable or private_key_file")
    return Credentials(name, key, secret, private)


def _secret(variable: str) -> SecretStr | None:
    """The secret in a variable, else in the file that its companion names."""
    file = os.environ.get(f"{variable}_FILE")
    if os.environ.get(variable) or not file:
        return _checked(variable, os.environ.get(variable, ""))
    return _checked(variable, private_text(f"{variable}_FILE", Path(file)))


def _secret_of(name: str, file: Path | None, variable: str | None) -> SecretStr | None:
    """An account's secret, from the variable or the file that its settings name."""
    if variable is not None:
        text = os.environ.get(variable)
        if text is None:
            which = variable if _is_a_variable(variable) else "that it names"
            raise ConfigError(f"{name}_variable: the variable {which} is not set")
        return _checked(variable, text)
    return _checked(name, private_text(f"{name}_file", file)) if file is not None else None


def _checked(name: str, text: str) -> SecretStr | None:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(f"{name} holds spaces or other characters that no key has; copy it again")
    return SecretStr(text) if text else None
