"""`force-orders accounts …`: which accounts there are, and whether the exchange takes their keys."""

import json
from typing import TYPE_CHECKING

import click

from etl.cli import arguments
from etl.cli.arguments import examples, load_settings
from etl.cli.console import complain, print_tables, say, stop_signals, waits_shown

if TYPE_CHECKING:
    from etl.settings.model import Settings


@click.group("accounts", epilog=examples("force-orders accounts list", "force-orders accounts check"))
def accounts() -> None:
    """Where each account's key comes from, and whether it works."""


@accounts.command("list", epilog=examples("force-orders accounts list", "force-orders accounts list --json"))
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def accounts_list(context: click.Context, as_json: bool) -> None:
    """Each account, its key and how far its history is read.

    Of the key: its kind, where it comes from and what is wrong there; never the key itself.
    """
    from etl.commands.check_accounts import list_accounts
    from etl.core.timeline import SECOND, duration, iso, to_the_second
    from etl.exchange.clock import local_now

    settings = load_settings(context)
    listed = list_accounts(settings)
    marks, now = _watermarks(settings), local_now()
    marked = [(one, marks.get(one.source.account)) for one in listed]
    if as_json:
        rows: list[dict[str, object]] = [
            {
                "account": one.source.account,
                "kind": one.kind,
                "key": one.source.key.shown,
                "secret": one.source.secret.shown,
                "wrong": one.wrong,
                "watermark": None if mark is None else iso(mark),
                "age_seconds": None if mark is None else max(0, now - mark) // SECOND,
            }
            for one, mark in marked
        ]
        say(json.dumps(rows, indent=2))
        return
    from etl.reporting.fitting import Column
    from etl.reporting.terminal import table

    cells = [
        (
            one.source.account,
            one.kind,
            one.source.key.shown,
            one.source.secret.shown,
            one.wrong,
            to_the_second(mark),
            None if mark is None else duration(now - mark),
        )
        for one, mark in marked
    ]
    columns = (
        *(Column("account", least=8), Column("kind", 2), Column("key from", least=12)),
        *(Column("secret from", 1, least=12), Column("what is wrong", least=20, wraps=True)),
        *(Column("watermark", 4), Column("age", 3, is_right=True)),
    )
    print_tables([table(None, columns, cells)])


@accounts.command("check", epilog=examples("force-orders accounts check", "force-orders accounts check --account main"))
@arguments.accounts
@click.pass_context
def accounts_check(context: click.Context, account: tuple[str, ...]) -> None:
    """Ask the exchange with each key: what is wrong, what to do.

    One cheap signed request each; exit 1 where anything is wrong.
    """
    from etl.accounts.key_sources import key_sources
    from etl.commands.check_accounts import check_accounts, exit_code
    from etl.core.text import many
    from etl.reporting.fitting import Column
    from etl.reporting.terminal import table
    from etl.runs import composition

    settings = load_settings(context)
    sources = key_sources(settings, account)
    with stop_signals() as stop, waits_shown(), composition.store(settings) as connection:
        found = check_accounts(settings, sources, connection, stop)
    columns = (
        *(Column("account", least=8), Column("result")),
        *(Column("what is wrong", least=20, wraps=True), Column("what to do", least=20, wraps=True)),
    )
    print_tables([table(None, columns, [(one.account, one.result, one.wrong, one.remedy) for one in found])])
    fine = sum(one.wrong is None for one in found)
    say(f"{many(len(found), 'account')}: {fine} fine, {len(found) - fine} not")
    context.exit(exit_code(found))


def _watermarks(settings: "Settings") -> dict[str, int]:
    """By account, as far as there is a database that can be read: the list is of use without."""
    from etl.commands.check_accounts import has_database, read_account_watermarks
    from etl.core.markets import USDM

    if not has_database(settings):
        return {}
    from etl.errors import StoreError
    from etl.runs import composition

    try:
        with waits_shown(), composition.store(settings) as connection:
            return read_account_watermarks(connection, USDM)
    except StoreError as error:
        complain(f"without watermarks: {error}")
        return {}
