"""`force-orders init`: check a key, then write the settings file and print a crontab line."""

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import click

from etl.cli.console import print_line, print_stderr, show_waits, stop_signals
from etl.cli.options import examples
from etl.commands import init as command
from etl.commands.crontab import crontab_line, own_command
from etl.commands.init import Draft
from etl.commands.key_checks import KeyCheck
from etl.commands.output_paths import refuse_existing
from etl.errors import ConfigError

HTTP_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
POSTGRES_VARIABLES = (
    "PGPASSWORD",
    "PGPASSFILE",
    "PGUSER",
    "PGHOST",
    "PGPORT",
    "PGSERVICE",
    "PGSSLMODE",
    "PGSSLROOTCERT",
)
"""Variables that requests and libpq read, and that cron does not pass on."""

path = click.Path(path_type=Path)


@click.command(
    epilog=examples(
        "force-orders init",
        "force-orders init --api-key-file main.key --api-secret-file main.secret",
        "force-orders init --stdin --database-url postgresql://etl@db/orders",
    )
)
@click.option("--account", metavar="NAME", default="main", show_default=True, help="Name of the account.")
@click.option("--api-key-file", metavar="FILE", type=path, help="File with the API key; it stays where it is.")
@click.option("--api-secret-file", metavar="FILE", type=path, help="The same for the API secret.")
@click.option("--private-key-file", metavar="FILE", type=path, help="RSA or Ed25519 key (PEM) instead of a secret.")
@click.option(
    "--stdin", "reads_stdin", is_flag=True, help="Read the key and then the secret from standard input, a line each."
)
@click.option("--database-url", metavar="URL", help="A Postgres server, without a password. Default: embedded.")
@click.option("--data-dir", metavar="DIR", help="Directory of the embedded Postgres.")
@click.option("--base-url", metavar="URL", help="Base URL of the exchange.")
@click.option("--force", is_flag=True, help="Replace existing files.")
@click.pass_context
def init(
    context: click.Context,
    account: str,
    api_key_file: Path | None,
    api_secret_file: Path | None,
    private_key_file: Path | None,
    reads_stdin: bool,
    database_url: str | None,
    data_dir: str | None,
    base_url: str | None,
    force: bool,
) -> None:
    """Check a key, write the settings file, print a crontab line.

    The settings file is force-orders.toml in the working directory, or what --config or FORCE_ORDERS_CONFIG names.
    The key comes from the files named, else from standard input with --stdin, else from BINANCE_API_KEY and
    BINANCE_API_SECRET or their _FILE variants, else from a prompt on the terminal. The values of FORCE_ORDERS_…
    variables are written to the file as well. Nothing is written if anything is wrong.
    """
    file = context.obj or Path(os.environ.get("FORCE_ORDERS_CONFIG") or "force-orders.toml")
    options = {"database_url": database_url, "data_dir": data_dir, "base_url": base_url}
    given = {name: value for name, value in options.items() if value is not None}
    files = command.KeyFiles(api_key_file, api_secret_file, private_key_file)
    refuse_existing(file, force=force)
    if file.is_dir():
        raise ConfigError(f"{file} is a directory; let --config name the settings file")
    draft = command.draft(
        file, command.key_source(account, files, _stdin_lines(reads_stdin), _prompt), given, force=force
    )
    words = [*own_command(), "--config", str(draft.file)]
    nightly = crontab_line([*words, "sync"])
    with stop_signals() as stop, show_waits():
        checked = command.check(draft, stop)
    if checked.key.wrong is not None:
        _print_refusal(checked.key)
        context.exit(checked.key.exit_code)
    for written in command.write(draft):
        print_line(f"wrote     {written}")
    _warn(draft)
    database = "a server" if draft.settings.database_url else f"an embedded Postgres in {draft.settings.data_dir}"
    following = ["db", "upgrade"] if checked.lacks_tables else ["backfill"]
    print_line(f"account   {account}: the exchange accepts its key")
    print_line(f"database  {database}")
    print_line(f"next      {shlex.join([*words, *following])}")
    print_line(f"nightly   this line in your crontab (crontab -e):\n{nightly}")


def _stdin_lines(reads: bool) -> Callable[[str], str | None]:
    """The lines of standard input, one for each call; None for each call if it is not to be read."""
    if not reads:
        return lambda name: None
    lines = (line.strip() for line in sys.stdin.read().splitlines())
    return lambda name: next(lines, "")


def _prompt(name: str) -> str | None:
    if not sys.stdin.isatty():
        return None
    typed: str = click.prompt(f"{name} (not shown)", hide_input=True, err=True)
    return typed.strip()


def _print_refusal(verdict: KeyCheck) -> None:
    print_stderr(f"account {verdict.account}, {verdict.result}: {verdict.wrong}")
    print_stderr(f"what to do: {verdict.remedy}")
    print_stderr("nothing was written")


def _warn(draft: Draft) -> None:
    """Warn about variables that work here but not in cron, or the other way round."""
    names = HTTP_VARIABLES + (POSTGRES_VARIABLES if draft.settings.database_url else ())
    if there := [name for name in names if os.environ.get(name)]:
        print_stderr(f"warning: cron does not have {', '.join(there)}; set it in the crontab, above the line")
    if draft.account != "main" and (own := [name for name in os.environ if name.startswith("BINANCE_API_")]):
        print_stderr(f"warning: with {', '.join(sorted(own))} set, commands here also read an account main; unset it")
