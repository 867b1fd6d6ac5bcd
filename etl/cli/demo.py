"""`force-orders demo`: the job itself, what can be done with its result, and how to be rid of it."""

import shlex
import shutil
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from etl.cli.arguments import examples, load_settings
from etl.cli.console import print_tables, say, waits_shown
from etl.cli.history import store

if TYPE_CHECKING:
    from etl.settings.model import Settings


@click.command(epilog=examples("force-orders demo"))
@click.pass_context
def demo(context: click.Context) -> None:
    """The main job against a simulated exchange; needs no key.

    It has an embedded Postgres of its own, which a second demo finds again.
    """
    from etl.commands.demo import command_for, prepare_demo
    from etl.commands.history import Work
    from etl.embedded.cluster import closed_parents
    from etl.store.database import address

    settings = load_settings(context)
    with prepare_demo(settings) as prepared, ExitStack() as until_the_end:
        say(f"exchange  the simulator on {prepared.settings.base_url}, 90 days of force orders")
        say(f"database  an embedded Postgres in {prepared.settings.data_dir}")
        closed = closed_parents(prepared.settings.data_dir)
        with waits_shown():
            until_the_end.enter_context(address(None, prepared.settings.data_dir))
        summary = store(prepared.settings, Work("demo", prepared.keys, prepared.planner))
        _print_orders(prepared.settings)
        opened = sorted(map(str, closed - closed_parents(prepared.settings.data_dir)))
        _print_commands(prepared.settings, command_for(settings, sys.argv[0]), opened)
    context.exit(summary.exit_code)


def _print_orders(settings: "Settings") -> None:
    from etl.reporting.fitting import Column
    from etl.reporting.terminal import SYMBOL, table
    from etl.runs import composition
    from etl.store.coverage import count_orders

    with waits_shown(), composition.store(settings) as connection:
        counts = count_orders(connection)
    columns = Column("symbol", least=SYMBOL), Column("orders", is_right=True)
    print_tables([table("orders", columns, [(name, n) for (_, _, name), n in sorted(counts.items())])])


def _print_commands(settings: "Settings", command: str, opened: list[str]) -> None:
    """Lines for a shell, as they are: what is no command is a comment."""
    from etl.commands.demo import QUERY
    from etl.embedded.cluster import user_of
    from etl.embedded.programs import binaries

    psql = shlex.quote(shutil.which("psql") or str(binaries() / "psql"))
    directory, user = shlex.quote(str(settings.data_dir)), user_of(settings.data_dir)
    say(
        f"""
# The report: in the terminal, and as a page with charts.
{command} report
{command} report --html force-orders.html

# SQL. 'db url' leaves the Postgres running until 'db stop'.
{command} db query {shlex.quote(QUERY)}
{psql} "$({command} db url)"

# A second demo asks only for what is new.
# All of it is in the directory {directory}. To remove it:
{command} db stop
rm -r {directory}"""
    )
    if user:
        say(f"# Its Postgres runs as the system user {user}, like every embedded one of root. If there is no other:")
        say(f"userdel {user}")
    if opened:
        say(f"# For {user} to pass through, others may now enter these directories, not list them. To close them:")
        say(f"chmod o-x {shlex.join(opened)}")
