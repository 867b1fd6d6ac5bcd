"""Settings: a TOML file, and environment variables that win over it. Parsed once, before anything else happens."""

import ipaddress
import os
import re
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import platformdirs
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from etl.core.printable import printable
from etl.errors import ConfigError
from etl.logs import logger

MAIN = "main"
"""The account whose key stands in BINANCE_API_KEY and its companions."""

PREFIX = "FORCE_ORDERS_"

_log = logger(__name__)


def _base_url(value: str) -> str:
    scheme, host = _scheme_and_host(value)
    if scheme not in ("http", "https") or not host:
        raise ValueError("must be the address of the exchange, such as https://fapi.binance.com")
    if scheme == "http" and not _is_loopback(host):
        raise ValueError("must begin with https://; plain http is for a loopback address only")
    return value.rstrip("/")


def _scheme_and_host(value: str) -> tuple[str, str | None]:
    """Nothing of what is no plain URL: what the library says of it would quote a password in it."""
    if not re.fullmatch(r"[\w.:/%\[\]~-]+", value, re.ASCII) or value.endswith(":"):
        return "", None
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises ValueError where it is none
    except ValueError:
        return "", None
    return parts.scheme, parts.hostname


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _database_url(value: SecretStr) -> SecretStr:
    scheme = value.get_secret_value().partition("://")[0]
    if scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise ValueError("must be the URL of a Postgres, such as postgresql://user:password@host:5432/database")
    return value


class AccountKeys(BaseModel):
    """`[accounts.NAME]`: where the key of an account is found, never the secret itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_key_file: Path | None = None
    api_key_variable: str | None = None
    api_secret_file: Path | None = None
    api_secret_variable: str | None = None
    private_key_file: Path | None = None


class Settings(BaseModel):
    """Everything that can be set; `config/force-orders.toml` explains each."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    database_url: Annotated[SecretStr, AfterValidator(_database_url)] | None = None
    data_dir: Path = Field(default_factory=lambda: platformdirs.user_data_path("force-orders", appauthor=False))
    base_url: Annotated[str, AfterValidator(_base_url)] = "https://fapi.binance.com"
    weight_budget: int = Field(1_200, ge=50, le=10_000_000)
    retention_days: int = Field(90, ge=0, le=36_500)
    settle_seconds: int = Field(600, ge=0, le=86_400)
    window_days: float = Field(7, gt=0.001, le=7)
    page_limit: int = Field(100, ge=1, le=100)
    concurrency: int = Field(4, ge=1, le=32)
    attempts: int = Field(6, ge=1, le=20)
    connect_timeout_seconds: float = Field(5, gt=0, le=300)
    read_timeout_seconds: float = Field(30, gt=0, le=300)
    recv_window_ms: int = Field(5_000, ge=100, le=60_000)
    patience_seconds: int = Field(90, ge=0, le=86_400)
    warn_after_days: float = Field(3, gt=0, le=36_500)
    egress: str = Field("default", min_length=1, max_length=200)
    accounts: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@-]{1,64}$")], AccountKeys] = {}


@dataclass(frozen=True)
class Credentials:
    """One account's key, with either a secret or a private key. Its repr shows neither."""

    account: str
    api_key: SecretStr
    api_secret: SecretStr | None = None
    private_key_file: Path | None = None


def load(config_file: Path | None = None) -> Settings:
    """Read the settings file, if there is one, and the environment; raises ConfigError with one line for each fault."""
    path = _settings_file(config_file)
    try:
        return Settings(**(_read_toml(path) if path else {}) | _variables())
    except ValidationError as error:
        faults = [_explain(dict(fault), path) for fault in error.errors(include_input=False)]
        raise ConfigError("; ".join(faults)) from None


def _variables() -> dict[str, str]:
    """What the environment sets; an empty variable is none."""
    found = {name: value for name in Settings.model_fields if (value := os.environ.get(PREFIX + name.upper()))}
    if "accounts" in found:
        raise ConfigError("FORCE_ORDERS_ACCOUNTS: accounts stand in a settings file, as [accounts.NAME]")
    return found


def _settings_file(named: Path | None) -> Path | None:
    path = named or (Path(variable) if (variable := os.environ.get(f"{PREFIX}CONFIG")) else None)
    if path is None:
        here = Path("force-orders.toml")
        return here if here.is_file() else None
    if not path.is_file():
        raise ConfigError(f"there is no settings file {path}")
    return path


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no valid TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None


def _explain(fault: dict[str, Any], path: Path | None) -> str:
    """One line about one fault, named as the user wrote it, without the value (it may be a secret)."""
    where = ".".join(printable(str(part)) for part in fault["loc"] if part != "[key]")
    if fault["type"] == "extra_forbidden":
        return f"{path}: there is no setting {where!r}; config/force-orders.toml lists them all"
    variable = PREFIX + where.upper()
    name = variable if os.environ.get(variable) else f"{where} in {path}" if path else variable
    return f"{name}: {fault['msg'].removeprefix('Value error, ')}"


def credentials(settings: Settings, only: tuple[str, ...] = ()) -> list[Credentials]:
    """The keys of the accounts named, or of all; raises ConfigError where one is missing, malformed or unknown."""
    main = _from_environment() if _wanted(MAIN, only) else None
    sources = {MAIN: main} if main is not None else {}
    for name, keys in settings.accounts.items():
        if _wanted(name, only) and name not in sources:
            sources[name] = _from_file_settings(name, keys)
    unknown = [name for name in only if name not in sources]
    if MAIN in unknown or not (sources or unknown):
        raise ConfigError(
            "no key: set BINANCE_API_KEY and BINANCE_API_SECRET (or BINANCE_API_PRIVATE_KEY_FILE), or name accounts in "
            "a settings file; 'force-orders demo' needs none"
        )
    if unknown:
        there = ", ".join(sorted({*settings.accounts, *sources})) or "none"
        raise ConfigError(f"there is no account {unknown[0]!r}; known: {there}")
    return list(sources.values())


def _wanted(name: str, only: tuple[str, ...]) -> bool:
    return not only or name in only


def _from_environment() -> Credentials | None:
    key = _secret("BINANCE_API_KEY")
    secret = _secret("BINANCE_API_SECRET")
    named = os.environ.get("BINANCE_API_PRIVATE_KEY_FILE")
    private = _private_file("BINANCE_API_PRIVATE_KEY_FILE", Path(named)) if named else None
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
    private = _private_file(f"{where}.private_key_file", named) if named else None
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
    return _checked(variable, _content(f"{variable}_FILE", Path(file)))


def _secret_of(name: str, file: Path | None, variable: str | None) -> SecretStr | None:
    """An account's secret, from the variable or the file that its settings name."""
    if variable is not None:
        text = os.environ.get(variable)
        if text is None:
            # What does not look like the name of a variable is not shown: it may be the secret itself.
            which = variable if re.fullmatch(r"[A-Z][A-Z0-9_]{0,40}", variable) else "that it names"
            raise ConfigError(f"{name}_variable: the variable {which} is not set")
        return _checked(variable, text)
    return _checked(name, _content(f"{name}_file", file)) if file is not None else None


def _checked(name: str, text: str) -> SecretStr | None:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(f"{name} holds spaces or other characters that no key has; copy it again")
    return SecretStr(text) if text else None


def _content(setting: str, file: Path) -> str:
    """The secret in a file, without the line end that editors leave."""
    return _private_file(setting, file).read_text(encoding="utf-8", errors="replace").rstrip("\r\n")


def _private_file(setting: str, file: Path) -> Path:
    """The file, after a look at whether it can be read by us and by nobody else."""
    try:
        with file.open("rb"):
            mode = file.stat().st_mode
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "that is no path"
        # A relative path is not shown: it may be the secret itself, put where its file should be named.
        which = printable(str(file)) if file.is_absolute() else "that it names"
        raise ConfigError(f"{setting}: the file {which} cannot be read: {reason}") from None
    if mode & (stat.S_IRGRP | stat.S_IROTH) and os.name == "posix":
        _log.warning("%s can be read by others; make it private: chmod 600 %s", file, file)
    return file
