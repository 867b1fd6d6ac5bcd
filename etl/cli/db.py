"""`force-orders db …`: schema, address and queries of the database in use."""

import click

from etl.cli.console import keep_exit_code, print_line, print_stderr, print_tables, show_waits
from etl.cli.db_backup import db_backup, db_restore
from etl.cli.db_check import db_check
from etl.cli.db_move import db_move_to, db_shell
from etl.cli.options import database_location, examples, load_settings
from etl.reporting.table import query_table
from etl.runs import from_settings
from etl.store import migrate
from etl.store.database import address, kept_address, stop_embedded
from etl.store.engine import connection_to, engine_for, store_errors
from etl.store.reading import read_only
from etl.store.rights import grant_reader


@click.group(epilog=examples("force-orders db upgrade", "force-orders db query 'SELECT * FROM watermarks'"))
def db() -> None:
    """Manage the database: schema, address, queries, backups."""


for command in (db_backup, db_check, db_move_to, db_restore, db_shell):
    db.add_command(command)


@db.command("upgrade", epilog=examples("force-orders db upgrade"))
@click.pass_context
def db_upgrade(context: click.Context) -> None:
    """Upgrade the database to the schema of this version."""
    with show_waits(), address(*database_location(context)) as url, connection_to(engine_for(url)) as connection:
        before, after = migrate.upgrade(connection)
    with keep_exit_code():
        print_line(f"the schema is already {after}" if before == after else f"schema {before or 'none'} → {after}")


@db.command("url", epilog=examples("force-orders db url"))
@click.pass_context
def db_url(context: click.Context) -> None:
    """Print the URL of the database in use, with its password.

    An embedded database is started if necessary and runs until 'db stop'.
    """
    with show_waits(), kept_address(*database_location(context)) as url:
        pass
    print_line(url)


@db.command("stop", epilog=examples("force-orders db stop"))
@click.pass_context
def db_stop(context: click.Context) -> None:
    """Stop the embedded Postgres that 'db url' left running."""
    stopped = stop_embedded(*database_location(context))
    with keep_exit_code():
        print_line("stopped" if stopped else "it was not running")


@db.command("revisions", epilog=examples("force-orders db revisions"))
@click.pass_context
def db_revisions(context: click.Context) -> None:
    """List the schema's revisions and mark the database's."""
    with show_waits(), address(*database_location(context)) as url, connection_to(engine_for(url)) as connection:
        current = migrate.current(connection)
    for revision, purpose in migrate.revisions():
        print_line(f"{'→' if revision == current else ' '} {revision}  {purpose}")


@db.command("grant-reader", epilog=examples("force-orders db grant-reader metabase"))
@click.argument("role", metavar="ROLE")
@click.pass_context
def db_grant_reader(context: click.Context, role: str) -> None:
    """Let a database role read the report views.

    Grants nothing else. Only the owner of the tables can do it.
    """
    with show_waits(), from_settings.store(load_settings(context)) as connection, store_errors():
        other_rights = grant_reader(connection, role)
    with keep_exit_code():
        print_line(f"{role} may read the report views")
    if other_rights:
        print_stderr(f"{role} also has other rights, granted elsewhere: {', '.join(other_rights)}")


@db.command(
    "query",
    epilog=examples(
        "force-orders db query 'SELECT * FROM watermarks'",
        "force-orders db query 'SELECT symbol, count(*) FROM force_orders GROUP BY symbol'",
    ),
)
@click.argument("sql", metavar="SQL")
@click.pass_context
def db_query(context: click.Context, sql: str) -> None:
    """Run one read-only SQL query and print its rows."""
    with show_waits(), from_settings.for_queries(load_settings(context)) as connection:
        columns, rows = read_only(connection, sql)
    print_tables([query_table(columns, rows)])
