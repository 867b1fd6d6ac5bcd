"""`force-orders accounts …`: list accounts, check their keys against the exchange, end their alarms, delete them."""

import json
from collections.abc import Sequence

import click

from etl.accounts.key_sources import key_sources
from etl.cli import options
from etl.cli.confirmation import confirm
from etl.cli.console import keep_exit_code, print_line, print_stderr, print_tables, show_waits, stop_signals
from etl.cli.options import examples, load_settings
from etl.commands.check_accounts import check_accounts, exit_code_of
from etl.commands.forget_account import forget_account, orders_to_forget
from etl.commands.list_accounts import StoredAccount, list_accounts, read_stored_accounts
from etl.commands.retire_account import retire_account
from etl.core.account_markets import readable
from etl.core.text import many
from etl.core.timeline import SECOND, duration, iso, to_the_second
from etl.errors import StoreError
from etl.exchange.clock import local_now
from etl.reporting.layout import Column
from etl.reporting.table import table
from etl.runs import from_settings
from etl.settings.model import Settings


@click.group(epilog=examples("force-orders accounts list", "force-orders accounts check"))
def accounts() -> None:
    """List, check, retire and forget accounts."""


@accounts.command("list", epilog=examples("force-orders accounts list", "force-orders accounts list --json"))
@options.as_json
@click.pass_context
def accounts_list(context: click.Context, as_json: bool) -> None:
    """List each account, its key and its watermark.

    Shows the kind of the key, where it comes from and what is wrong with it; never the key itself.
    """
    settings = load_settings(context)
    listed = list_accounts(settings)
    stored, now = _stored(settings, [one.source.account for one in listed]), local_now()
    rows = [(one, stored.get(one.source.account, StoredAccount(None, ()))) for one in listed]
    if as_json:
        objects = [
            {
                "account": one.source.account,
                "kind": one.kind,
                "key": one.source.key.shown,
                "secret": one.source.secret.shown,
                "wrong": one.wrong,
                "markets": {market.market: market.state for market in known.markets},
                "watermark": None if known.watermark is None else iso(known.watermark),
                "age_seconds": None if known.watermark is None else max(0, now - known.watermark) // SECOND,
            }
            for one, known in rows
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
            ", ".join(settings.markets_of(one.source.account) or readable(known.markets)) or None,
            to_the_second(known.watermark),
            None if known.watermark is None else duration(now - known.watermark),
        )
        for one, known in rows
    ]
    columns = (
        *(Column("account", min_width=8), Column("kind", 2), Column("key from", min_width=12)),
        *(Column("secret from", 1, min_width=12), Column("what is wrong", min_width=20, wraps=True)),
        Column("markets", 5, min_width=8, wraps=True),
        *(Column("watermark", 4), Column("age", 3, align_right=True)),
    )
    print_tables([table(None, columns, cells)])


@accounts.command("check", epilog=examples("force-orders accounts check", "force-orders accounts check --account main"))
@options.accounts
@click.pass_context
def accounts_check(context: click.Context, account: tuple[str, ...]) -> None:
    """Test each key at the exchange; say what is wrong and what to do.

    Sends a few cheap signed requests for each account, and says which markets it has, and what its key may do beside
    reading. Exit code 1 if anything is wrong.
    """
    settings = load_settings(context)
    sources = key_sources(settings, account)
    with stop_signals() as stop, show_waits(), from_settings.store(settings) as connection:
        found = check_accounts(settings, sources, connection, stop)
    columns = (
        *(Column("account", min_width=8), Column("result")),
        *(Column("what is wrong", min_width=20, wraps=True), Column("what to do", min_width=20, wraps=True)),
        Column("markets", min_width=8, wraps=True),
    )
    rows = [(one.account, one.result, one.wrong, one.remedy, one.markets) for one in found]
    print_tables([table(None, columns, rows)])
    for note in (note for one in found for note in one.notes):
        print_line(note)
    fine = sum(one.wrong is None for one in found)
    print_line(f"{many(len(found), 'account')}: {fine} fine, {len(found) - fine} not")
    context.exit(exit_code_of(found))


@accounts.command("retire", epilog=examples("force-orders accounts retire old --why 'closed in September'"))
@click.argument("name", metavar="NAME")
@options.why
@click.pass_context
def accounts_retire(context: click.Context, name: str, why: str) -> None:
    """End the alarms of an account that is no longer read.

    Take it out of the settings first. Its history stays. A run that reads the account again ends its retirement.
    """
    settings = load_settings(context)
    with show_waits(), from_settings.store(settings) as connection:
        is_new = retire_account(settings, connection, name, why)
    with keep_exit_code():
        print_line(f"account {name} is retired{'' if is_new else ' already'}; its history stays")


@accounts.command("forget", epilog=examples("force-orders accounts forget test --why 'read from a test host' --yes"))
@click.argument("name", metavar="NAME")
@options.why
@options.yes
@click.pass_context
def accounts_forget(context: click.Context, name: str, why: str, yes: bool) -> None:
    """Delete everything that is stored of an account.

    Only the decisions about it stay. Needs the rights of the owner of the tables.
    """
    settings = load_settings(context)
    with show_waits(), from_settings.store(settings) as connection:
        orders = orders_to_forget(connection, name)
    consequence = f"{many(orders, 'order')} of account {name} and all else that is stored of it are deleted for good"
    confirm(consequence, yes=yes)
    with show_waits(), from_settings.store(settings) as connection:
        deleted = forget_account(connection, name, why)
    with keep_exit_code():
        print_line(f"account {name} is forgotten: {many(deleted, 'order')} deleted")


def _stored(settings: Settings, names: Sequence[str]) -> dict[str, StoredAccount]:
    """By account; empty if there is no database or it cannot be read, because the list is useful without it."""
    if not from_settings.has_database(settings):
        return {}
    try:
        with show_waits(), from_settings.store(settings, only_reads=True) as connection:
            return read_stored_accounts(connection, names)
    except StoreError as error:
        print_stderr(f"watermarks are not shown: {error}")
        return {}
