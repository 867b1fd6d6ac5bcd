"""Settings: a TOML file, and environment variables that win over it. Parsed once, before anything else happens."""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import platformdirs

from etl import checks
from etl.checks import Check
from etl.core.printable import printable
from etl.errors import ConfigError
from etl.secret import SecretStr

PREFIX = "FORCE_ORDERS_"


@dataclass(frozen=True)
class AccountKeys:
    """`[accounts.NAME]`: where the key of an account is found, never the secret itself."""

    api_key_file: Annotated[Path | None, checks.path] = None
    api_key_variable: Annotated[str | None, checks.text(200)] = None
    api_secret_file: Annotated[Path | None, checks.path] = None
    api_secret_variable: Annotated[str | None, checks.text(200)] = None
    private_key_file: Annotated[Path | None, checks.path] = None
    queue: Annotated[str | None, checks.text(100)] = None


@dataclass(frozen=True)
class BrokenAccount:
    """An account whose own file cannot be read or understood: no reason to go without the others."""

    fault: str


def _user_data_path() -> Path:
    return platformdirs.user_data_path("force-orders", appauthor=False)


@dataclass(frozen=True)
class Settings:
    """Everything that can be set, and what each setting accepts; `config/force-orders.toml` explains them."""

    database_url: Annotated[SecretStr | None, checks.database_url] = None
    data_dir: Annotated[Path, checks.path] = field(default_factory=_user_data_path)
    base_url: Annotated[str, checks.base_url] = "https://fapi.binance.com"
    weight_budget: Annotated[int, checks.whole(50, 10_000_000)] = 1_200
    retention_days: Annotated[int, checks.whole(0, 36_500)] = 90
    settle_seconds: Annotated[int, checks.whole(0, 86_400)] = 600
    window_days: Annotated[float, checks.number(0.001, 7)] = 7
    page_limit: Annotated[int, checks.whole(1, 100)] = 100
    concurrency: Annotated[int, checks.whole(1, 32)] = 8
    attempts: Annotated[int, checks.whole(1, 20)] = 6
    connect_timeout_seconds: Annotated[float, checks.number(0, 300)] = 5
    read_timeout_seconds: Annotated[float, checks.number(0, 300)] = 30
    recv_window_ms: Annotated[int, checks.whole(100, 60_000)] = 5_000
    patience_seconds: Annotated[int, checks.whole(0, 86_400)] = 90
    warn_after_days: Annotated[float, checks.number(0, 36_500)] = 3
    notify_urls_file: Annotated[Path | None, checks.path] = None
    notify_about: Annotated[tuple[str, ...], checks.some_of("failure", "gap", "orders")] = ("failure", "gap")
    notify_gap_days: Annotated[float, checks.number(0, 36_500)] = 14
    notify_timeout_seconds: Annotated[float, checks.number(0, 300)] = 20
    egress: Annotated[str | None, checks.text(200)] = None
    queue: Annotated[str, checks.text(100)] = "default"
    accounts_dir: Annotated[Path | None, checks.path] = None
    accounts: Mapping[str, AccountKeys | BrokenAccount] = field(default_factory=dict)
    """Those of the settings file and those of `accounts_dir`."""

    def queue_of(self, account: str) -> str:
        """Where the jobs of an account wait for a worker."""
        keys = self.accounts.get(account)
        return (keys.queue if isinstance(keys, AccountKeys) else None) or self.queue


def load(config_file: Path | None = None) -> Settings:
    """Read the settings file, if there is one, and the environment; raises ConfigError with one line for all faults."""
    file = _settings_file(config_file)
    faults: list[str] = []
    values = _from_file(file, faults) if file else {}
    values |= _from_environment(faults)
    if directory := values.get("accounts_dir"):
        values["accounts"] = _with_directory(values.get("accounts", {}), directory, file, faults)
    if faults:
        raise ConfigError("; ".join(faults))
    return Settings(**values)


def _from_environment(faults: list[str]) -> dict[str, Any]:
    """What variables set; an empty one is none."""
    if os.environ.get(f"{PREFIX}ACCOUNTS"):
        faults.append(f"{PREFIX}ACCOUNTS: accounts stand in a settings file, as [accounts.NAME]")
    accepted = _checks(Settings)
    written = {name: text for name in accepted if (text := os.environ.get(PREFIX + name.upper()))}
    return _checked(written, accepted, faults, lambda name: PREFIX + name.upper())


def _from_file(file: Path, faults: list[str]) -> dict[str, Any]:
    """What the file sets and no variable does."""
    written = _read_toml(file)
    accounts = written.pop("accounts", {})
    overruled = {name for name in written if os.environ.get(PREFIX + name.upper())}
    values = {name: value for name, value in written.items() if name not in overruled}
    found = _checked(values, _checks(Settings), faults, lambda name: f"{name} in {file}", file)
    if not isinstance(accounts, dict):
        faults.append(f"accounts in {file}: they are tables, [accounts.NAME]")
        return found
    found["accounts"] = {name: _account(name, keys, file, faults) for name, keys in accounts.items()}
    return found


def _with_directory(
    in_file: Mapping[str, AccountKeys], directory: Path, file: Path | None, faults: list[str]
) -> dict[str, AccountKeys | BrokenAccount]:
    """The accounts of the settings file and, for each NAME.toml of the directory, the account NAME."""
    accounts: dict[str, AccountKeys | BrokenAccount] = dict(in_file)
    for own in _account_files(directory, faults):
        name = own.name.removesuffix(".toml")
        if name in in_file:
            faults.append(f"accounts.{printable(name)} stands twice: in {file} and in {printable(str(own))}")
        else:
            accounts[name] = _account_of_file(name, own)
    return accounts


def _account_of_file(name: str, file: Path) -> AccountKeys | BrokenAccount:
    faults: list[str] = []
    try:
        keys = _account(name, _read_toml(file), file, faults)
    except ConfigError as error:
        return BrokenAccount(printable(str(error)))
    return BrokenAccount(printable("; ".join(faults))) if faults else keys


def _account_files(directory: Path, faults: list[str]) -> list[Path]:
    """Sorted; hidden ones are left out, as editors and Kubernetes make them."""
    try:
        found = [one for one in directory.iterdir() if one.name.endswith(".toml") and not one.name.startswith(".")]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "that is no path"
        faults.append(f"accounts_dir: the directory {printable(str(directory))} cannot be read: {reason}")
        return []
    return sorted(found)


def _account(name: str, written: Any, file: Path, faults: list[str]) -> AccountKeys:
    where = f"accounts.{printable(name)}"
    if not re.fullmatch(r"[A-Za-z0-9_.@-]{1,64}", name):
        faults.append(f"{where} in {file}: a name has 1 to 64 letters, digits or any of _ . @ -")
    if not isinstance(written, dict):
        faults.append(f"{where} in {file}: it is a table, [accounts.NAME]")
        return AccountKeys()
    values = {f"{where}.{key}": value for key, value in written.items()}
    accepted = {f"{where}.{key}": check for key, check in _checks(AccountKeys).items()}
    found = _checked(values, accepted, faults, lambda full: f"{full} in {file}", file)
    return AccountKeys(**{full.removeprefix(f"{where}."): value for full, value in found.items()})


def _checks(kind: type[Any]) -> dict[str, Check]:
    return {name: hint.__metadata__[0] for name, hint in kind.__annotations__.items() if hasattr(hint, "__metadata__")}


def _checked(
    written: Mapping[str, Any],
    accepted: Mapping[str, Check],
    faults: list[str],
    called: Callable[[str], str],
    file: Path | None = None,
) -> dict[str, Any]:
    """What the values mean; each fault is told by the name that the user wrote, never with the value."""
    found = {}
    for name, value in written.items():
        if name not in accepted:
            faults.append(f"{file}: there is no setting {_quoted(name)!r}; config/force-orders.toml lists them all")
            continue
        try:
            found[name] = accepted[name](value)
        except ValueError as error:
            faults.append(f"{called(name)}: {error}")
    return found


def _quoted(text: str) -> str:
    """What is written in a file, in one line. Longer words than any setting's name are left out: they may be keys."""
    return re.sub(r"[^\s.,()']{41,}", "…", printable(text))


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
    except ValueError as error:  # not only TOMLDecodeError: bytes that are no UTF-8, a number of 5000 digits
        raise ConfigError(f"{path} is no valid TOML: {_quoted(str(error))}") from None
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
