"""`force-orders init`: from a key to a settings file that works, and the line for crontab."""

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.cli.arguments import examples
from etl.cli.console import complain, say, stop_signals

if TYPE_CHECKING:
    from etl.commands.init import Draft
    from etl.commands.key_checks import KeyCheck

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
"""What a run obeys besides our own variables."""

path = click.Path(path_type=Path)


@click.command(
    epilog=examples(
        "force-orders init",
        "force-orders init --api-key-file main.key --api-secret-file main.secret",
        "force-orders init --stdin --database-url postgresql://etl@db/orders",
    )
)
@click.option("--account", metavar="NAME", default="main", show_default=True, help="What to call the account.")
@click.option("--api-key-file", metavar="FILE", type=path, help="A file with the API key, which stays where it is.")
@click.option("--api-secret-file", metavar="FILE", type=path, help="The same for the secret.")
@click.option("--private-key-file", metavar="FILE", type=path, help="An RSA or Ed25519 key (PEM) in place of a secret.")
@click.option(
    "--stdin", "reads_stdin", is_flag=True, help="Read the key, and the secret below it, from standard input."
)
@click.option("--database-url", metavar="URL", help="A Postgres, without a password; an embedded one by default.")
@click.option("--data-dir", metavar="DIR", help="Where the embedded Postgres lives.")
@click.option("--base-url", metavar="URL", help="The exchange.")
@click.option("--force", is_flag=True, help="Replace files that are there already.")
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
    The key is looked for in the files named, then on standard input with --stdin, then in BINANCE_API_KEY and
    BINANCE_API_SECRET or their companions, and is asked for on a terminal. What FORCE_ORDERS_… variables set now is
    written down as well. Nothing is written where anything is wrong.
    """
    from etl.commands import init as command
    from etl.commands.crontab import crontab_line, own_command
    from etl.commands.output_paths import refuse_existing

    file = context.obj or Path(os.environ.get("FORCE_ORDERS_CONFIG") or "force-orders.toml")
    options = {"database_url": database_url, "data_dir": data_dir, "base_url": base_url}
    given = {name: value for name, value in options.items() if value is not None}
    files = command.KeyFiles(api_key_file, api_secret_file, private_key_file)
    refuse_existing(file, force=force)
    draft = command.draft(file, command.key_source(account, files, _lines(reads_stdin), _question), given, force=force)
    words = [*own_command(), "--config", str(draft.file)]
    nightly = crontab_line([*words, "sync"])
    with stop_signals() as stop:
        checked = command.check(draft, stop)
    if checked.key.wrong is not None:
        _print_refusal(checked.key)
        context.exit(checked.key.exit_code)
    for written in command.write(draft):
        say(f"wrote     {written}")
    _warn(draft)
    database = "a server" if draft.settings.database_url else f"an embedded Postgres in {draft.settings.data_dir}"
    following = ["db", "upgrade"] if checked.lacks_tables else ["backfill"]
    say(f"account   {account}: the exchange takes its key")
    say(f"database  {database}")
    say(f"next      {shlex.join([*words, *following])}")
    say(f"nightly   this line in your crontab (crontab -e):\n{nightly}")


def _lines(reads: bool) -> Callable[[str], str | None]:
    """Gives the lines of standard input, one for each question, where it is to be read."""
    if not reads:
        return lambda name: None
    lines = iter(sys.stdin.read().splitlines())
    return lambda name: next(lines, "")


def _question(name: str) -> str | None:
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    typed: str = click.prompt(f"{name} (not shown)", hide_input=True, err=True)
    return typed.strip()


def _print_refusal(key: "KeyCheck") -> None:
    complain(f"account {key.account}, {key.result}: {key.wrong}")
    complain(f"what to do: {key.remedy}")
    complain("nothing was written")


def _warn(draft: "Draft") -> None:
    """Of what holds in this environment and will not in cron's, or the other way round."""
    names = HTTP_VARIABLES + (POSTGRES_VARIABLES if draft.settings.database_url else ())
    if there := [name for name in names if os.environ.get(name)]:
        complain(f"warning: cron does not have {', '.join(there)}; set it in the crontab, above the line")
    if draft.account != "main" and (own := [name for name in os.environ if name.startswith("BINANCE_API_")]):
        complain(f"warning: with {', '.join(sorted(own))} set, commands here read an account main as well; unset it")
