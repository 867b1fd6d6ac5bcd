"""`config show`: every setting, its value and its origin. Shows no key, no secret and no password."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import quote, urlencode

from etl.accounts.key_sources import KeyLocation, KeySource, SecretFile, Variable, key_sources
from etl.errors import ConfigError
from etl.settings.model import AccountKeys, Settings
from etl.settings.secret import SecretStr
from etl.store.engine import parse_url

MASK = "***"
DEFAULT = "default"

Value = str | int | float | list[str] | None


@dataclass(frozen=True)
class ShownSetting:
    """One setting without its secrets."""

    setting: str
    value: Value
    """None: the setting is not set."""
    origin: str
    """`default`, `file PATH` or `variable NAME`."""


def show_settings(settings: Settings, origins: Mapping[str, str]) -> list[ShownSetting]:
    """All settings in the order of the example file, then each account's; `origins`: see `load_with_origins`."""
    plain = [one.name for one in fields(Settings) if one.name != "accounts"]
    shown = [ShownSetting(name, _value(getattr(settings, name)), origins.get(name, DEFAULT)) for name in plain]
    return [*shown, *(row for source in _sources(settings) for row in _of_account(source, settings, origins))]


def masked_url(url: str) -> str:
    """A database URL without its passwords; an invalid one is masked as a whole."""
    try:
        parameters = parse_url(url)
    except ConfigError:
        return MASK
    query = {name: MASK if _is_secret(name) else value for name, value in parameters.items()}
    login = ":".join(quote(query.pop(name), safe="*") for name in ("user", "password") if name in query)
    database = quote(query.pop("dbname", ""), safe="")
    is_one_host = re.fullmatch(r"[\w.-]+", query.get("host", "")) and "," not in query.get("port", "")
    location = ":".join(query.pop(name) for name in ("host", "port") if name in query) if is_one_host else ""
    rest = f"?{urlencode(query, safe='/,*:')}" if query else ""
    return f"postgresql://{f'{login}@' if login else ''}{location}/{database}{rest}"


def _is_secret(parameter: str) -> bool:
    """Whether a libpq parameter holds a secret itself; `sslkey` and `passfile` hold paths."""
    return any(word in parameter for word in ("password", "secret", "client_key", "server_key"))


def _value(value: object) -> Value:
    match value:
        case SecretStr():
            return masked_url(value.get_secret_value())
        case Path():
            return str(value)
        case tuple():
            return [str(one) for one in value]
        case str() | int() | float():
            return value
    return None


def _sources(settings: Settings) -> list[KeySource]:
    try:
        return key_sources(settings)
    except ConfigError:
        return []


def _of_account(source: KeySource, settings: Settings, origins: Mapping[str, str]) -> list[ShownSetting]:
    """Where its key and its secret are stored. For `main` the variables win over the file."""
    table = f"accounts.{source.account}"
    origin = origins.get(table, DEFAULT)
    locations = {f"{table}.api_key": source.key, f"{table}.api_secret": source.secret}
    rows = [_of_location(setting, location, origin) for setting, location in locations.items()]
    keys = settings.accounts.get(source.account)
    if isinstance(keys, AccountKeys) and keys.queue is not None:
        rows.append(ShownSetting(f"{table}.queue", keys.queue, origin))
    return rows


def _of_location(setting: str, location: KeyLocation, origin: str) -> ShownSetting:
    match location:
        case Variable(name, None):
            return ShownSetting(setting, MASK, f"variable {name}")
        case Variable(_, named):
            return ShownSetting(str(named), location.shown, origin)
        case SecretFile(_, named):
            if named.startswith("accounts."):
                return ShownSetting(named, location.shown, origin)
            return ShownSetting(f"{setting}_file", location.shown, f"variable {named}")
        case _:
            return ShownSetting(setting, None, origin)
