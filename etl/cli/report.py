"""`force-orders report`: what is stored, as tables or as a page with charts."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.cli import arguments
from etl.cli.arguments import chosen_accounts, examples, load_settings
from etl.cli.console import delivery, print_tables, say, waits_shown
from etl.core.text import printable
from etl.runs.arguments import check_span

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from etl.core.planning import Rules
    from etl.reporting.queries import ReportData
    from etl.runs.spans import SpanText


@click.command(
    epilog=examples(
        "force-orders report",
        "force-orders report --html report.html",
        "force-orders report --since 2026-10-01 --until 2026-10-31",
    )
)
@click.option(
    "--html", metavar="FILE", type=click.Path(), help="Write one page with charts, which needs no network; - is stdout."
)
@arguments.since
@arguments.until
@arguments.accounts
@click.pass_context
def report(
    context: click.Context, html: str | None, since: str | None, until: str | None, account: tuple[str, ...]
) -> None:
    """What is stored, as tables or as a page with charts.

    Totals, symbols, cascades, coverage and the largest orders; by default of all that is stored.
    """
    from etl.core.planning import OPENED
    from etl.core.timeline import iso
    from etl.exchange.clock import local_now
    from etl.runs import composition
    from etl.runs.spans import SpanText

    settings = load_settings(context)
    check_span(settings, SpanText(iso(OPENED) if since is None else since, until))
    rules = composition.rules(settings, local_now())
    with waits_shown(), composition.store(settings) as connection:
        data = _read(connection, SpanText(since, until), account, rules)
    if html is None:
        _print(data)
    else:
        _write(data, html)


def _read(connection: "Connection", typed: "SpanText", names: Sequence[str], rules: "Rules") -> "ReportData":
    """Everything of these accounts, without any of all; without a beginning, from where what is known begins."""
    from etl.core.timeline import iso
    from etl.reporting.queries import beginning, read_report, stored_accounts
    from etl.runs.spans import SpanText

    accounts = chosen_accounts(names, stored_accounts(connection))
    since = typed.since
    if since is None and (first := beginning(connection, accounts)) is not None:
        since = iso(first)
    return read_report(connection, SpanText(since, typed.until).resolve(rules), accounts, rules)


def _print(data: "ReportData") -> None:
    from etl.reporting.tables import headline, report_tables

    say(headline(data))
    print_tables(report_tables(data))


def _write(data: "ReportData", file: str) -> None:
    from etl.core.text import many
    from etl.reporting.files import replacing
    from etl.reporting.html import page

    written = page(data.as_json()).encode()
    if file == "-":
        with delivery():
            if sys.stdout is not None:
                sys.stdout.buffer.write(written)
        return
    with replacing(Path(file)) as replaced:
        replaced.write(written)
    say(f"wrote {printable(file)} ({many(data.orders, 'order')}, {len(written) / 1000:,.0f} kB)")
