"""`force-orders db move-to` and `db shell`."""

import shlex

import click

from etl.cli.console import keep_exit_code, print_line, print_stderr, show_waits
from etl.cli.db_backup import contents_line
from etl.cli.options import database_location, examples, load_settings
from etl.commands.database_shell import run_shell
from etl.commands.move_database import move_database
from etl.errors import ConfigError
from etl.file_access import server_home
from etl.settings.checks import database_url
from etl.settings.model import Settings
from etl.store.connection_parameters import SECRETS, url_without_secrets
from etl.store.engine import parse_url


@click.command(
    "move-to",
    epilog=examples("force-orders db move-to 'postgresql://owner@host/force_orders?passfile=/etc/force-orders/pgpass'"),
)
@click.argument("url", metavar="URL")
@click.pass_context
def db_move_to(context: click.Context, url: str) -> None:
    """Copy everything into an empty database on a server.

    Checks both databases and compares them. The database in use stays as it is. No run works meanwhile: exit code 1
    while one does.
    """
    settings = load_settings(context)
    try:
        target = database_url(url).get_secret_value()
    except ValueError as error:
        raise ConfigError(f"URL {error}") from None
    if any(name in parse_url(target) for name in SECRETS):
        print_stderr("warning: others on this machine can see a password on a command line; better ?passfile=FILE")
    with show_waits():
        moved = move_database(settings, target)
    with keep_exit_code():
        print_line(f"copied {contents_line(moved)}; both databases are fine and hold the same")
        for line in _what_to_do(settings, url_without_secrets(target)):
            print_line(line)


def _what_to_do(settings: Settings, address: str) -> list[str]:
    data = server_home(settings.data_dir) / "postgres"
    old = "the database used so far" if settings.database_url else f"the data in {data}"
    remove = "" if settings.database_url else f": rm -r {shlex.quote(str(data))}"
    return [
        f"use it from now on, and name its password: FORCE_ORDERS_DATABASE_URL={shlex.quote(address)}",
        "grant the rights of other roles: docs/operations.md, 'Roles and rights'",
        f"after a good 'force-orders sync', remove {old}{remove}",
    ]


@click.command("shell", epilog=examples("force-orders db shell", "force-orders db shell --read-only"))
@click.option("--read-only", is_flag=True, help="Refuse statements that write, unless they allow it themselves.")
@click.pass_context
def db_shell(context: click.Context, read_only: bool) -> None:
    """Open psql, connected to the database in use.

    It may change everything that the role may. 'db query' is safer for a single question.
    """
    url, data_dir = database_location(context)
    context.exit(run_shell(url, data_dir, read_only=read_only))
