"""`force-orders demo`: run against the simulator, then print the commands to look at the result and to remove it."""

import shlex
import shutil
import sys
from contextlib import ExitStack

import click

from etl.cli.console import print_line, print_tables, show_waits
from etl.cli.options import examples, load_settings
from etl.cli.runs import store
from etl.commands.demo import QUERY, command_for, prepare_demo
from etl.embedded.cluster import user_of
from etl.embedded.programs import binaries
from etl.file_access import server_home
from etl.reporting.layout import Column
from etl.reporting.table import SYMBOL_WIDTH, table
from etl.runs import from_settings
from etl.settings.model import Settings
from etl.store.coverage import count_orders
from etl.store.database import address


@click.command(epilog=examples("force-orders demo"))
@click.pass_context
def demo(context: click.Context) -> None:
    """Run the main job against a simulated exchange; needs no key.

    Uses an embedded Postgres of its own, which later demos continue to use.
    """
    settings = load_settings(context)
    with prepare_demo(settings) as prepared, ExitStack() as until_the_end:
        print_line(f"exchange  the simulator on {prepared.settings.base_url}, 90 days of force orders")
        print_line(f"database  an embedded Postgres in {prepared.settings.data_dir}")
        with show_waits():
            until_the_end.enter_context(address(None, prepared.settings.data_dir))
        summary = store(prepared.settings, prepared.spec)
        _print_orders(prepared.settings)
        _print_commands(prepared.settings, command_for(settings, sys.argv[0]))
    context.exit(summary.exit_code)


def _print_orders(settings: Settings) -> None:
    with show_waits(), from_settings.store(settings) as connection:
        counts = count_orders(connection)
    columns = Column("symbol", min_width=SYMBOL_WIDTH), Column("orders", align_right=True)
    print_tables([table("orders", columns, [(name, n) for (_, _, name), n in sorted(counts.items())])])


def _print_commands(settings: Settings, command: str) -> None:
    """Print lines that can be pasted into a shell: every line that is no command is a comment."""
    psql = shlex.quote(shutil.which("psql") or str(binaries() / "psql"))
    places = dict.fromkeys((settings.data_dir, server_home(settings.data_dir)))
    directory, user = shlex.join(str(place) for place in places), user_of(settings.data_dir)
    print_line(
        f"""
# The report: in the terminal, and as a page with charts.
{command} report
{command} report --html force-orders.html

# SQL. 'db url' leaves the Postgres running until 'db stop'.
{command} db query {shlex.quote(QUERY)}
{psql} "$({command} db url)"

# A second demo reads only what is new.
# All data is in {directory}. To remove it:
{command} db stop
rm -r {directory}"""
    )
    if user:
        print_line(f"# Its Postgres runs as the system user {user}, which all embedded ones of root share.")
        print_line("# If there is no other:")
        print_line(f"userdel {user}")
