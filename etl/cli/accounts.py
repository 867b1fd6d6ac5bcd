"""`force-orders accounts …`: list accounts, and check their keys against the exchange."""

import json

import click

from etl.accounts.key_sources import key_sources
from etl.cli import options
from etl.cli.console import print_line, print_stderr, print_tables, show_waits, stop_signals
from etl.cli.options import examples, load_settings
from etl.commands.check_accounts import check_accounts, exit_code_of
from etl.commands.list_accounts import list_accounts, read_account_watermarks
from etl.core.markets import USDM
from etl.core.text import many
from etl.core.timeline import SECOND, duration, iso, to_the_second
from etl.errors import StoreError
from etl.exchange.clock import local_now
from etl.reporting.layout import Column
from etl.reporting.table import table
from etl.runs import composition
from etl.settings.model import Settings


@click.group(epilog=examples("force-orders accounts list", "force-orders accounts check"))
def accounts() -> None:
    """List accounts and check their keys."""


@accounts.command("list", epilog=examples("force-orders accounts list", "force-orders accounts list --json"))
@options.as_json
@click.pass_context
def accounts_list(context: click.Context, as_json: bool) -> None:
    """List each account, its key and its watermark.

    Shows the kind of the key, where it comes from and what is wrong with it; never the key itself.
    """
    settings = load_settings(context)
    listed = list_accounts(settings)
    watermarks, now = _watermarks(settings), local_now()
    rows = [(one, watermarks.get(one.source.account)) for one in listed]
    if as_json:
        objects = [
            {
                "account": one.source.account,
                "kind": one.kind,
                "key": one.source.key.shown,
                "secret": one.source.secret.shown,
                "wrong": one.wrong,
                "watermark": None if watermark is None else iso(watermark),
                "age_seconds": None if watermark is None else max(0, now - watermark) // SECOND,
            }
            for one, watermark in rows
        ]
        print_line(json.dumps(objects, indent=2))
        return
    cells = [
        (
            one.source.account,
            one.kind,
            one.source.key.shown,
            one.source.secret.shown,
            one.wrong,
            to_the_second(watermark),
            None if watermark is None else duration(now - watermark),
        )
        for one, watermark in rows
    ]
    columns = (
        *(Column("account", min_width=8), Column("kind", 2), Column("key from", min_width=12)),
        *(Column("secret from", 1, min_width=12), Column("what is wrong", min_width=20, wraps=True)),
        *(Column("watermark", 4), Column("age", 3, align_right=True)),
    )
    print_tables([table(None, columns, cells)])


@accounts.command("check", epilog=examples("force-orders accounts check", "force-orders accounts check --account main"))
@options.accounts
@click.pass_context
def accounts_check(context: click.Context, account: tuple[str, ...]) -> None:
    """Test each key at the exchange; say what is wrong and what to do.

    Sends one cheap signed request for each account. Exit code 1 if anything is wrong.
    """
    settings = load_settings(context)
    sources = key_sources(settings, account)
    with stop_signals() as stop, show_waits(), composition.store(settings) as connection:
        found = check_accounts(settings, sources, connection, stop)
    columns = (
        *(Column("account", min_width=8), Column("result")),
        *(Column("what is wrong", min_width=20, wraps=True), Column("what to do", min_width=20, wraps=True)),
    )
    print_tables([table(None, columns, [(one.account, one.result, one.wrong, one.remedy) for one in found])])
    fine = sum(one.wrong is None for one in found)
    print_line(f"{many(len(found), 'account')}: {fine} fine, {len(found) - fine} not")
    context.exit(exit_code_of(found))


def _watermarks(settings: Settings) -> dict[str, int]:
    """By account; empty if there is no database or it cannot be read, because the list is useful without it."""
    if not composition.has_database(settings):
        return {}
    try:
        with show_waits(), composition.store(settings) as connection:
            return read_account_watermarks(connection, USDM)
    except StoreError as error:
        print_stderr(f"watermarks are not shown: {error}")
        return {}
