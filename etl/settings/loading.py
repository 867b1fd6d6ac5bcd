"""Loads the settings: a TOML file, and environment variables that win over it. Done once, before anything else."""

import os
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from etl.core.text import printable
from etl.errors import ConfigError
from etl.file_access import why_untrusted, why_untrusted_directory
from etl.settings.checks import Check, expanded
from etl.settings.model import AccountKeys, InvalidAccount, Settings

PREFIX = "FORCE_ORDERS_"

OTHER_VARIABLES = frozenset(PREFIX + name for name in ("CONFIG", "COMMAND", "IMAGE", "SECRETS", "USER"))
"""Variables with our prefix that are not settings: the settings file, and those of `config/deploy` and Compose."""


def load(config_file: Path | None = None) -> Settings:
    """Read the settings file, if there is one, and the environment; raises ConfigError with one line for all faults."""
    return load_with_origins(config_file)[0]


def load_with_origins(config_file: Path | None = None) -> tuple[Settings, dict[str, str]]:
    """The settings, and the origin of each that is set, by name: `file PATH` or `variable NAME`.

    The name of an account is `accounts.NAME`. Raises ConfigError as `load` does.
    """
    file = settings_file(config_file)
    faults: list[str] = []
    from_file = _from_file(file, faults) if file else {}
    from_environment = _from_environment(faults)
    values = from_file | from_environment
    in_file, named = from_file.get("accounts", {}), f"file {file.absolute()}" if file else ""
    origins = dict.fromkeys([*(from_file.keys() - {"accounts"}), *(f"accounts.{name}" for name in in_file)], named)
    origins |= {name: f"variable {variable_of(name)}" for name in from_environment}
    if directory := values.get("accounts_dir"):
        values["accounts"] = _with_directory(in_file, directory, file, faults)
        own = values["accounts"].keys() - in_file.keys()
        origins |= {f"accounts.{name}": f"file {directory.absolute() / name}.toml" for name in own}
    if faults:
        raise ConfigError("; ".join(faults))
    return Settings(**values), origins


def values_without_file(named: Mapping[str, str]) -> dict[str, Any]:
    """The values that command-line options and variables set, by setting. `named` are the options, which win.

    Raises ConfigError with one line for all faults.
    """
    faults: list[str] = []
    options = _checked(named, _checks(Settings), faults, lambda name: f"--{name.replace('_', '-')}")
    values = {name: value for name, value in _from_environment(faults).items() if name not in named}
    if faults:
        raise ConfigError("; ".join(faults))
    return values | options


def checked_by_name(values: Mapping[str, object], allowed: Collection[str]) -> dict[str, Any]:
    """The values of settings that a program gives by name; raises ConfigError with one line for all faults."""
    faults: list[str] = []
    accepted = {name: check for name, check in _checks(Settings).items() if name in allowed}
    found = _checked(values, accepted, faults, str)
    if faults:
        raise ConfigError("; ".join(faults))
    return found


def variable_of(setting: str) -> str:
    """The environment variable that wins over the settings file."""
    return PREFIX + setting.upper()


def unknown_variables(names: Iterable[str]) -> list[str]:
    """A line for each unknown variable with our prefix, with the name that may have been meant.

    Variables of the tests are known: after the prefix they begin with TEST_.
    """
    settings = {variable_of(name) for name in _checks(Settings)} | {f"{PREFIX}CONFIG"}
    known = settings | OTHER_VARIABLES | {f"{PREFIX}ACCOUNTS"}  # which has an error message of its own
    return [
        f"nothing reads the variable {_quoted(name)}{_did_you_mean(name, settings, PREFIX)}"
        for name in sorted(names)
        if name.startswith(PREFIX) and name not in known and not name.startswith(f"{PREFIX}TEST_")
    ]


def _did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """The most similar known name as the end of a sentence; empty if none is similar."""
    endings = sorted(one.removeprefix(prefix) for one in known)
    from difflib import get_close_matches  # only here: a nightly job has no use for it

    near = get_close_matches(name.removeprefix(prefix), endings, 1)
    return f"; did you mean {prefix}{near[0]}?" if near else ""


def _from_environment(faults: list[str]) -> dict[str, Any]:
    """The values that variables set. An empty variable counts as unset."""
    if os.environ.get(f"{PREFIX}ACCOUNTS"):
        faults.append(f"{PREFIX}ACCOUNTS: accounts belong in a settings file, as [accounts.NAME]")
    accepted = _checks(Settings)
    written = {name: text for name in accepted if (text := os.environ.get(variable_of(name)))}
    return _checked(written, accepted, faults, variable_of)


def _from_file(file: Path, faults: list[str]) -> dict[str, Any]:
    """The values that the file sets, except those that a variable sets too."""
    _check_directories(file)
    written = _read_toml(file)
    accounts = written.pop("accounts", {})
    overridden = {name for name in written if os.environ.get(variable_of(name))}
    values = {name: value for name, value in written.items() if name not in overridden}
    found = _checked(values, _checks(Settings), faults, lambda name: f"{name} in {file}", file)
    if not isinstance(accounts, dict):
        faults.append(f"accounts in {file}: must be tables, [accounts.NAME]")
        return found
    found["accounts"] = {name: _account(name, keys, file, faults) for name, keys in accounts.items()}
    return found


def _with_directory(
    in_file: Mapping[str, AccountKeys], directory: Path, file: Path | None, faults: list[str]
) -> dict[str, AccountKeys | InvalidAccount]:
    """The accounts of the settings file and, for each NAME.toml of the directory, the account NAME."""
    accounts: dict[str, AccountKeys | InvalidAccount] = dict(in_file)
    for own in _account_files(directory, faults):
        name = own.name.removesuffix(".toml")
        if name in in_file:
            faults.append(f"accounts.{printable(name)} is defined twice: in {file} and in {printable(str(own))}")
        else:
            accounts[name] = _account_of_file(name, own)
    return accounts


def _account_of_file(name: str, file: Path) -> AccountKeys | InvalidAccount:
    faults: list[str] = []
    try:
        keys = _account(name, _read_toml(file), file, faults)
    except ConfigError as error:
        return InvalidAccount(printable(str(error)))
    return InvalidAccount(printable("; ".join(faults))) if faults else keys


def _account_files(directory: Path, faults: list[str]) -> list[Path]:
    """Sorted, without hidden files, which editors and Kubernetes create."""
    try:
        found = [one for one in directory.iterdir() if one.name.endswith(".toml") and not one.name.startswith(".")]
        fault = why_untrusted_directory(directory)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "invalid path"
        faults.append(f"accounts_dir: the directory {printable(str(directory))} cannot be read: {reason}")
        return []
    if fault:
        faults.append(
            f"accounts_dir: the directory {printable(str(directory))} is not used, because {printable(fault)}"
        )
        return []
    return sorted(found)


ACCOUNT_NAMES = "a name has 1 to 64 letters, digits or any of _ . @ -"


def is_account_name(name: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z0-9_.@-]{1,64}", name))


def _account(name: str, written: Any, file: Path, faults: list[str]) -> AccountKeys:
    where = f"accounts.{printable(name)}"
    if not is_account_name(name):
        faults.append(f"{where} in {file}: {ACCOUNT_NAMES}")
    if not isinstance(written, dict):
        faults.append(f"{where} in {file}: must be a table, [accounts.NAME]")
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
    label: Callable[[str], str],
    file: Path | None = None,
) -> dict[str, Any]:
    """The parsed values. `label` gives the name in error messages, which never contain the value."""
    found = {}
    for name, value in written.items():
        if name not in accepted:
            where = "" if file is None else f"{file}: "
            faults.append(f"{where}there is no setting {_quoted(name)!r}{_suggestion(name, accepted)}")
            continue
        try:
            found[name] = accepted[name](value)
        except ValueError as error:
            faults.append(f"{label(name)}: {error}")
    return found


def _suggestion(name: str, accepted: Iterable[str]) -> str:
    """The setting of the same table that may have been meant, else where to find all settings."""
    table = f"{name.rpartition('.')[0]}."
    prefix = table if any(one.startswith(table) for one in accepted) else ""
    return _did_you_mean(name, accepted, prefix) or "; 'force-orders config example' lists them all"


def _quoted(text: str) -> str:
    """Text of a file in one line. Words longer than any setting's name are left out, because they may be keys."""
    return re.sub(r"[^\s.,()']{41,}", "…", printable(text))


def settings_file(named: Path | None) -> Path | None:
    """The settings file, if there is one; raises ConfigError if a named one does not exist."""
    path = named or (Path(variable) if (variable := os.environ.get(f"{PREFIX}CONFIG")) else None)
    if path is None:
        here = Path("force-orders.toml")
        with suppress(OSError):  # this user may not look into the working directory, as under sudo
            return here if here.is_file() else None
        return None
    path = expanded(path)
    try:
        is_there = path.is_file()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    if not is_there:
        raise ConfigError(f"there is no settings file {path}")
    return path


def _check_directories(file: Path) -> None:
    """Raise ConfigError if somebody else may have put the file where it is: as it is named, or where links lead."""
    try:
        for directory in dict.fromkeys((file.absolute().parent, file.resolve().parent)):
            if fault := why_untrusted_directory(directory):
                raise ConfigError(f"{file} is not used, because of its directory: {fault}")
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None


def _read_toml(path: Path) -> dict[str, Any]:
    """Raises ConfigError if it cannot be read, or if somebody else may have written it: it says who gets the key."""
    try:
        with path.open("rb") as opened:
            fault = why_untrusted(path, os.fstat(opened.fileno()))
            written = opened.read()
        if fault:
            raise ConfigError(f"{path} is not used, because {fault}")
        return tomllib.loads(written.decode())
    except ValueError as error:  # not only TOMLDecodeError: invalid UTF-8, a number of 5000 digits
        raise ConfigError(f"{path} is not valid TOML: {_quoted(str(error))}") from None
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
