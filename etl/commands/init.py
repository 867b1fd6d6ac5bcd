"""`init`: a settings file and key files with which every command works, without any variable of the environment.

Everything is looked at before anything is written: the settings, the places to write to, the database, and the key, by
one signed request. Where the exchange does not take the key, nothing is written.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from etl.accounts.credentials import Credentials, Keyring, read_keys
from etl.accounts.key_sources import Entered, KeySource, Nowhere, Place, PrivateKeyFile, SecretFile, source_of_variables
from etl.commands import toml_text
from etl.commands.check_accounts import Verdict, ask, has_database, hasty_reader
from etl.commands.directories import fault_of
from etl.core.egress import Egress, OwnEgress
from etl.embedded.programs import binaries
from etl.errors import ConfigError
from etl.reporting.files import replacing
from etl.runs import composition
from etl.settings.loading import ACCOUNT_NAMES, is_account_name, values_without_file
from etl.settings.model import Settings
from etl.settings.secret import SecretStr
from etl.store import migrate
from etl.store.egress import shared_egress
from etl.store.engine import connection_to, engine_for, parse_url

PATIENCE_S = 10
"""Seconds to wait for the database."""

Enter = Callable[[str], str | None]
"""Gives what somebody enters when asked for something by name; None: nobody can be asked."""


@dataclass(frozen=True)
class KeyFiles:
    """The options that name files which hold a key or a secret; None: not given."""

    api_key: Path | None = None
    api_secret: Path | None = None
    private_key: Path | None = None


@dataclass(frozen=True)
class KeyFile:
    """A file that the settings file names; `text` is what is to be written into it, None where it is there already."""

    setting: str
    path: Path
    text: SecretStr | None


@dataclass(frozen=True)
class Draft:
    """What is to be written once the exchange took the key. All paths are absolute."""

    file: Path
    account: str
    values: Mapping[str, Any]
    """Of the settings, by name: those that are not left to their default."""
    credentials: Credentials
    key_files: tuple[KeyFile, KeyFile]

    @property
    def settings(self) -> Settings:
        return Settings(**self.values)

    @property
    def new_files(self) -> list[tuple[Path, str]]:
        """What is to be written, the settings file last."""
        keys = [(one.path, f"{one.text.get_secret_value()}\n") for one in self.key_files if one.text is not None]
        return [*keys, (self.file, settings_text(self))]


@dataclass(frozen=True)
class Checked:
    """What the exchange says of the key, and how the database stands."""

    verdict: Verdict
    lacks_tables: bool
    """Whether `db upgrade` is to come next."""


def key_source(account: str, files: KeyFiles, handed: Enter, asked: Enter) -> KeySource:
    """Where the key comes from: a file that an option names, else `handed`, else a variable, else `asked`.

    Raises ConfigError for options that exclude each other.
    """
    if files.api_secret and files.private_key:
        raise ConfigError("--api-secret-file and --private-key-file exclude each other: a key has one of the two")
    own = source_of_variables() or KeySource(account, Nowhere(""), Nowhere(""))
    key = SecretFile(files.api_key.absolute(), "--api-key-file") if files.api_key else None
    secret = SecretFile(files.api_secret.absolute(), "--api-secret-file") if files.api_secret else None
    if files.private_key:
        secret = PrivateKeyFile(files.private_key.absolute(), "--private-key-file")
    return KeySource(
        account,
        key or _place("API key", own.key, handed, asked),
        secret or _place("API secret", own.secret, handed, asked),
    )


def draft(file: Path, source: KeySource, options: Mapping[str, str], *, force: bool) -> Draft:
    """All that can be known before anybody is asked; raises ConfigError for whatever is wrong with it.

    `options` are settings by name. What variables set is written down too, since cron will not have them.
    """
    if not is_account_name(source.account):
        raise ConfigError(f"--account: {ACCOUNT_NAMES}")
    keys = read_keys([source])
    if keys.faults:
        raise ConfigError("; ".join(keys.faults.values()))
    (credentials,) = keys.usable
    file = file.absolute()
    made = Draft(file, source.account, _values(options), credentials, _key_files(file, source, credentials))
    refuse_existing(*(path for path, _ in made.new_files), force=force)
    _check_directories(made)
    return made


def check(made: Draft, stop: Event) -> Checked:
    """Look at the database, and ask the exchange once with the key; raises StoreError and StoppedError.

    A ban that the database knows of is kept.
    """
    with _egress(made.settings) as (egress, lacks_tables):
        (found,) = ask(hasty_reader(made.settings, Keyring([made.credentials]), egress, stop))
    return Checked(found, lacks_tables)


def write(made: Draft) -> list[Path]:
    """Write the files, for nobody else's eyes; raises OutputError, and then leaves none of the new ones."""
    with ExitStack() as undo:
        for path, text in made.new_files:
            if not path.exists():
                undo.callback(path.unlink, missing_ok=True)
            if path != made.file:
                _make_private_directory(path.parent)
            with replacing(path, 0o600) as opened:
                opened.write(text.encode())
        undo.pop_all()
    return [path for path, _ in made.new_files]


def settings_text(made: Draft) -> str:
    """The settings file."""
    head = "# Written by 'force-orders init'; 'force-orders config example' explains every setting.\n"
    values = {name: _plain(value) for name, value in made.values.items()}
    keys = {one.setting: str(one.path) for one in made.key_files}
    return f"{head}{toml_text.table(values)}\n[accounts.{toml_text.key(made.account)}]\n{toml_text.table(keys)}"


def _place(name: str, own: Place, handed: Enter, asked: Enter) -> Place:
    """Of a key or a secret that no option names; `own` is where variables say it is."""
    text = handed(name)
    if text is None and not isinstance(own, Nowhere):
        return own
    if text is None and (text := asked(name)) is None:
        words = name.upper().split()
        option, variable = "-".join(["-", *words, "file"]).lower(), "_".join(["BINANCE", *words])
        return Nowhere(f"no {name}: name its file with {option}, set {variable}, or hand it in with --stdin")
    return Entered(SecretStr(text), f"the {name}")


def _values(options: Mapping[str, str]) -> dict[str, Any]:
    """The settings to be written, with absolute paths; the data directory always, as its default depends on HOME."""
    found = values_without_file(options)
    if (written := options.get("database_url")) and "password" in parse_url(written):
        raise ConfigError(
            "--database-url: everybody on this machine can read a password on the command line; put it into a password "
            "file (…?passfile=/absolute/path) or the URL into FORCE_ORDERS_DATABASE_URL"
        )
    if (url := found.get("database_url")) is not None:
        passfile = parse_url(url.get_secret_value()).get("passfile")
        if passfile is not None and not Path(passfile).is_absolute():
            raise ConfigError("the database URL: passfile must be an absolute path")
    values = {"data_dir": Settings().data_dir} | found
    return {name: value.absolute() if isinstance(value, Path) else value for name, value in values.items()}


def _key_files(file: Path, source: KeySource, credentials: Credentials) -> tuple[KeyFile, KeyFile]:
    """A file that there is stays where it is; what is none goes into a directory beside the settings file."""
    directory = file.with_name(f"{file.stem}.keys")

    def key_file(setting: str, place: Place, name: str, text: SecretStr | None) -> KeyFile:
        if isinstance(place, SecretFile):
            return KeyFile(setting, place.path.absolute(), None)
        return KeyFile(setting, directory / f"{source.account}.{name}", text)

    secret = "private_key_file" if isinstance(source.secret, PrivateKeyFile) else "api_secret_file"
    return (
        key_file("api_key_file", source.key, "key", credentials.api_key),
        key_file(secret, source.secret, "secret", credentials.api_secret),
    )


def refuse_existing(*files: Path, force: bool) -> None:
    """Raises ConfigError where one of the files is there already, unless `force` says that it may be replaced."""
    there = [str(file) for file in files if os.path.lexists(file)]
    if there and not force:
        raise ConfigError(f"{', '.join(there)}: there already, nothing was written; --force replaces what is there")


def _check_directories(made: Draft) -> None:
    """Raises ConfigError where the settings file, or the embedded Postgres, could not be made."""
    home = made.file.parent
    places = [home] if made.settings.database_url else [home, made.settings.data_dir]
    faults = [] if home.is_dir() else [f"there is no directory {home}"]
    faults += [f"{place} cannot be used: {fault}" for place in places if (fault := fault_of(place))]
    if faults:
        raise ConfigError(faults[0])


@contextmanager
def _egress(settings: Settings) -> Iterator[tuple[Egress, bool]]:
    """What the request goes through, and whether the database has no tables of ours, or old ones.

    An embedded Postgres that was never used is not made for this: whoever has none yet knows of no ban.
    """
    if settings.database_url is None and not has_database(settings):
        binaries()
        yield OwnEgress(), False
    elif settings.database_url is None:
        with composition.store(settings) as connection, shared_egress(connection.engine, settings.egress) as egress:
            yield egress, False
    else:
        with connection_to(engine_for(settings.database_url.get_secret_value(), PATIENCE_S)) as connection:
            if migrate.needs_upgrade(connection):
                yield OwnEgress(), True
                return
            with shared_egress(connection.engine, settings.egress) as egress:
                yield egress, False


def _make_private_directory(directory: Path) -> None:
    """Where it is not there yet; what is in it stays out of a repository around it."""
    if not directory.exists():
        directory.mkdir(mode=0o700)
        (directory / ".gitignore").write_text("*\n", encoding="utf-8")


def _plain(value: Any) -> toml_text.Plain:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case Path():
            return str(value)
        case _:
            plain: toml_text.Plain = value
            return plain
