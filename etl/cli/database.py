"""`force-orders db …`: schema, address and queries of the database in use."""

import click

from etl.cli.arguments import database_of, examples, load_settings
from etl.cli.console import best_effort, complain, print_tables, say, waits_shown


@click.group("db", epilog=examples("force-orders db upgrade", "force-orders db query 'SELECT * FROM watermarks'"))
def database() -> None:
    """The database: schema, address, queries."""


@database.command("upgrade", epilog=examples("force-orders db upgrade"))
@click.pass_context
def db_upgrade(context: click.Context) -> None:
    """Bring the database to the schema of this version."""
    from etl.store import migrate
    from etl.store.database import address
    from etl.store.engine import connection_to, engine_for

    with waits_shown(), address(*database_of(context)) as url, connection_to(engine_for(url)) as connection:
        before, after = migrate.upgrade(connection)
    with best_effort():
        say(f"the schema is {after} already" if before == after else f"schema {before or 'none'} → {after}")


@database.command("url", epilog=examples("force-orders db url"))
@click.pass_context
def db_url(context: click.Context) -> None:
    """Print the address of the database in use.

    With its password. An embedded database stays up until 'db stop'.
    """
    from etl.store.database import kept_address

    with waits_shown(), kept_address(*database_of(context)) as url:
        pass
    say(url)


@database.command("stop", epilog=examples("force-orders db stop"))
@click.pass_context
def db_stop(context: click.Context) -> None:
    """Stop the embedded Postgres that 'db url' left running."""
    from etl.store.database import stop_embedded

    stopped = stop_embedded(*database_of(context))
    with best_effort():
        say("stopped" if stopped else "it did not run")


@database.command("revisions", epilog=examples("force-orders db revisions"))
@click.pass_context
def db_revisions(context: click.Context) -> None:
    """List the schema's revisions and mark the database's."""
    from etl.store import migrate
    from etl.store.database import address
    from etl.store.engine import connection_to, engine_for

    with waits_shown(), address(*database_of(context)) as url, connection_to(engine_for(url)) as connection:
        current = migrate.current(connection)
    for revision, purpose in migrate.revisions():
        say(f"{'→' if revision == current else ' '} {revision}  {purpose}")


@database.command("grant-reader", epilog=examples("force-orders db grant-reader metabase"))
@click.argument("role", metavar="ROLE")
@click.pass_context
def db_grant_reader(context: click.Context, role: str) -> None:
    """Let a database role read the report views.

    Nothing else, and only the tables' owner can do it.
    """
    from etl.runs import composition
    from etl.store.engine import store_errors
    from etl.store.rights import grant_reader

    with waits_shown(), composition.store(load_settings(context)) as connection, store_errors():
        beyond = grant_reader(connection, role)
    with best_effort():
        say(f"{role} may read the report views")
    if beyond:
        complain(f"{role} may use more than these, by rights given elsewhere: {', '.join(beyond)}")


@database.command(
    "query",
    epilog=examples(
        "force-orders db query 'SELECT * FROM watermarks'",
        "force-orders db query 'SELECT symbol, count(*) FROM force_orders GROUP BY symbol'",
    ),
)
@click.argument("sql", metavar="SQL")
@click.pass_context
def db_query(context: click.Context, sql: str) -> None:
    """Run one SQL query, reading only, and print its rows."""
    from etl.reporting.terminal import query_table
    from etl.runs import composition
    from etl.store.reading import read_only

    with waits_shown(), composition.store(load_settings(context)) as connection:
        columns, rows = read_only(connection, sql)
    print_tables([query_table(columns, rows)])
