"""`init`: writes a settings file and key files with which every command works without environment variables.

It checks everything before it writes anything: the settings, the directories, the database, and the key, with one
signed request. If the exchange does not accept the key, nothing is written.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from etl.accounts.credentials import Credentials, Keyring, read_keys
from etl.accounts.key_sources import (
    Entered,
    KeyLocation,
    KeySource,
    Missing,
    PrivateKeyFile,
    SecretFile,
    source_of_variables,
)
from etl.commands import toml_text
from etl.commands.key_checks import KeyCheck, check_keys, interactive_reader
from etl.commands.output_paths import fault_of, refuse_existing
from etl.embedded.programs import binaries
from etl.errors import ConfigError
from etl.exchange.access import Access
from etl.reporting.files import atomic_write
from etl.runs import composition, from_settings
from etl.settings.loading import ACCOUNT_NAMES, is_account_name, values_without_file
from etl.settings.model import Settings
from etl.settings.secret import SecretStr
from etl.store import migrate
from etl.store.engine import connection_to, engine_for, parse_url

DATABASE_TIMEOUT_S = 10
"""Seconds to wait for the database."""

Prompt = Callable[[str], str | None]
"""Returns what the user enters for a name such as `API key`; None: there is no input."""


@dataclass(frozen=True)
class KeyFiles:
    """The options that name files with a key or a secret; None: not given."""

    api_key: Path | None = None
    api_secret: Path | None = None
    private_key: Path | None = None


@dataclass(frozen=True)
class KeyFile:
    """A file that the settings file names. `text`: what to write into it; None: it exists already."""

    setting: str
    path: Path
    text: SecretStr | None


@dataclass(frozen=True)
class Draft:
    """What is written once the exchange has accepted the key. All paths are absolute."""

    file: Path
    account: str
    values: Mapping[str, Any]
    """The settings that differ from their default, by name."""
    credentials: Credentials
    key_files: tuple[KeyFile, KeyFile]

    @property
    def settings(self) -> Settings:
        return Settings(**self.values)

    @property
    def new_files(self) -> list[tuple[Path, str]]:
        """Each file to write with its text, the settings file last."""
        keys = [(one.path, f"{one.text.get_secret_value()}\n") for one in self.key_files if one.text is not None]
        return [*keys, (self.file, settings_text(self))]


@dataclass(frozen=True)
class Checked:
    """The results of the checks of the key and of the database."""

    key: KeyCheck
    lacks_tables: bool
    """Whether `db upgrade` has to run next."""


def key_source(account: str, files: KeyFiles, from_stdin: Prompt, from_terminal: Prompt) -> KeySource:
    """Where the key comes from: the file of an option, else standard input, else a variable, else the terminal.

    Raises ConfigError for options that exclude each other.
    """
    if files.api_secret and files.private_key:
        raise ConfigError("--api-secret-file and --private-key-file exclude each other: a key has one of the two")
    own = source_of_variables() or KeySource(account, Missing(""), Missing(""))
    key = SecretFile(files.api_key.absolute(), "--api-key-file") if files.api_key else None
    secret = SecretFile(files.api_secret.absolute(), "--api-secret-file") if files.api_secret else None
    if files.private_key:
        secret = PrivateKeyFile(files.private_key.absolute(), "--private-key-file")
    return KeySource(
        account,
        key or _location("API key", own.key, from_stdin, from_terminal),
        secret or _location("API secret", own.secret, from_stdin, from_terminal),
    )


def draft(file: Path, source: KeySource, options: Mapping[str, str], *, force: bool) -> Draft:
    """Everything that can be checked without a request; raises ConfigError for what is wrong.

    `options` are settings by name. Settings of variables are written to the file too, because cron has no variables.
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
    """Check the database, and the key with one request; raises StoreError and StoppedError.

    Nothing is sent during a ban that the database knows of.
    """
    with _access(made.settings, stop) as (access, lacks_tables):
        (key,) = check_keys(interactive_reader(made.settings, Keyring([made.credentials]), access, stop))
    return Checked(key, lacks_tables)


def write(made: Draft) -> list[Path]:
    """Write the files, readable by their owner only; raises OutputError, and then removes the new ones."""
    with ExitStack() as undo:
        for path, text in made.new_files:
            if not path.exists():
                undo.callback(path.unlink, missing_ok=True)
            if path != made.file:
                _make_private_directory(path.parent)
            with atomic_write(path, 0o600) as opened:
                opened.write(text.encode())
        undo.pop_all()
    return [path for path, _ in made.new_files]


def settings_text(made: Draft) -> str:
    """The text of the settings file."""
    head = "# Written by 'force-orders init'; 'force-orders config example' explains every setting.\n"
    values = {name: _plain(value) for name, value in made.values.items()}
    keys = {one.setting: str(one.path) for one in made.key_files}
    return f"{head}{toml_text.table(values)}\n[accounts.{toml_text.key(made.account)}]\n{toml_text.table(keys)}"


def _location(name: str, own: KeyLocation, from_stdin: Prompt, from_terminal: Prompt) -> KeyLocation:
    """Where a key or a secret comes from if no option names its file; `own`: where variables say it is."""
    text = from_stdin(name)
    if text is None and not isinstance(own, Missing):
        return own
    if text is None and (text := from_terminal(name)) is None:
        words = name.upper().split()
        option, variable = "-".join(["-", *words, "file"]).lower(), "_".join(["BINANCE", *words])
        return Missing(f"no {name}: name its file with {option}, set {variable}, or pass it with --stdin")
    return Entered(SecretStr(text), f"the {name}")


def _values(options: Mapping[str, str]) -> dict[str, Any]:
    """The settings to write, with absolute paths; always the data directory, because its default depends on HOME."""
    found = values_without_file(options)
    if (written := options.get("database_url")) and "password" in parse_url(written):
        raise ConfigError(
            "--database-url: all users of this machine can read a password on the command line; put it into a password "
            "file (…?passfile=/absolute/path), or set FORCE_ORDERS_DATABASE_URL to the URL"
        )
    if (url := found.get("database_url")) is not None:
        passfile = parse_url(url.get_secret_value()).get("passfile")
        if passfile is not None and not Path(passfile).is_absolute():
            raise ConfigError("the database URL: passfile must be an absolute path")
    values = {"data_dir": Settings().data_dir} | found
    return {name: value.absolute() if isinstance(value, Path) else value for name, value in values.items()}


def _key_files(file: Path, source: KeySource, credentials: Credentials) -> tuple[KeyFile, KeyFile]:
    """An existing file stays where it is; anything else goes into a directory beside the settings file."""
    directory = file.with_name(f"{file.stem}.keys")

    def key_file(setting: str, location: KeyLocation, name: str, text: SecretStr | None) -> KeyFile:
        if isinstance(location, SecretFile):
            return KeyFile(setting, location.path.absolute(), None)
        return KeyFile(setting, directory / f"{source.account}.{name}", text)

    secret = "private_key_file" if isinstance(source.secret, PrivateKeyFile) else "api_secret_file"
    return (
        key_file("api_key_file", source.key, "key", credentials.api_key),
        key_file(secret, source.secret, "secret", credentials.api_secret),
    )


def _check_directories(made: Draft) -> None:
    """Raises ConfigError if the settings file or the embedded Postgres could not be created."""
    home = made.file.parent
    directories = [home] if made.settings.database_url else [home, made.settings.data_dir]
    faults = [] if home.is_dir() else [f"the directory {home} does not exist"]
    faults += [f"{one} cannot be used: {fault}" for one in directories if (fault := fault_of(one))]
    if faults:
        raise ConfigError(faults[0])


@contextmanager
def _access(settings: Settings, stop: Event) -> Iterator[tuple[Access, bool]]:
    """The access for the request, and whether the database lacks tables of ours or has old ones.

    Does not create an embedded Postgres: one that does not exist yet knows of no ban, but the data directory may.
    """
    if settings.database_url is None and not from_settings.has_database(settings):
        binaries()
        with composition.access(settings, None, stop) as access:
            yield access, False
    elif settings.database_url is None:
        with (
            from_settings.store(settings) as connection,
            composition.access(settings, connection.engine, stop) as access,
        ):
            yield access, False
    else:
        with connection_to(engine_for(settings.database_url.get_secret_value(), DATABASE_TIMEOUT_S)) as connection:
            lacks_tables = migrate.needs_upgrade(connection)
            with composition.access(settings, None if lacks_tables else connection.engine, stop) as access:
                yield access, lacks_tables


def _make_private_directory(directory: Path) -> None:
    """If it does not exist yet. A .gitignore keeps its files out of a surrounding repository."""
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
