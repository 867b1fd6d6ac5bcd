"""`force-orders report`: the stored orders as tables or as a page with charts."""

import sys
from pathlib import Path

import click

from etl.accounts.key_sources import account_names
from etl.cli import options
from etl.cli.console import keep_exit_code, print_line, print_tables, show_waits, stdout_errors
from etl.cli.options import examples, load_settings
from etl.core.planning import OPENED
from etl.core.text import many, printable
from etl.core.timeline import iso
from etl.exchange.clock import local_now
from etl.reporting.completeness import known_accounts
from etl.reporting.cost_tables import cost_lines, cost_tables
from etl.reporting.files import atomic_write
from etl.reporting.html import page
from etl.reporting.queries import first_day, read_report, select_accounts
from etl.reporting.report_data import ReportData
from etl.reporting.report_tables import (
    completeness_lines,
    headline,
    quarantine_lines,
    reconciliation_lines,
    report_tables,
)
from etl.runs import from_settings
from etl.runs.arguments import check_span
from etl.runs.spans import SpanText


@click.command(
    epilog=examples(
        "force-orders report",
        "force-orders report --html report.html",
        "force-orders report --since 2026-10-01 --until 2026-10-31",
    )
)
@click.option(
    "--html", metavar="FILE", type=click.Path(), help="Write a page with charts that works offline; - is stdout."
)
@options.since
@options.until
@options.accounts
@options.markets
@options.time_zone
@click.pass_context
def report(
    context: click.Context,
    html: str | None,
    since: str | None,
    until: str | None,
    account: tuple[str, ...],
    market: tuple[str, ...],
    zone: str | None,
) -> None:
    """Show stored orders as tables or as a page with charts.

    Whether the days are complete, in the words of force-orders complete; totals, symbols, cascades, coverage, the
    largest orders and what they cost. By default everything that is stored. Months, days, weekdays and hours are those
    of the time zone; instants are UTC, and so are --since and --until.
    """
    settings = load_settings(context)
    zone = zone or settings.time_zone
    check_span(settings, SpanText(iso(OPENED) if since is None else since, until))
    rules = from_settings.rules(settings, local_now())
    with show_waits(), from_settings.store(settings, only_reads=True) as connection:
        accounts = select_accounts(connection, account)
        if since is None and (first := first_day(connection, accounts, market, zone)) is not None:
            since = iso(first)
        besides = () if account else {*known_accounts(connection), *account_names(settings)} - {*accounts}
        span = SpanText(since, until).resolve(rules)
        with_charts = html is not None
        data = read_report(connection, span, accounts, rules, market, zone, besides, with_charts=with_charts)
    if html is None:
        print_line(headline(data))
        for line in [*completeness_lines(data), *cost_lines(data)]:
            print_line(line)
        print_tables([*report_tables(data), *cost_tables(data)])
        for line in [*quarantine_lines(data), *reconciliation_lines(data)]:
            print_line(line)
    else:
        _write_page(data, html)


def _write_page(data: ReportData, file: str) -> None:
    content = page(data.as_json()).encode()
    if file == "-":
        with stdout_errors():
            sys.stdout.buffer.write(content)
        return
    with atomic_write(Path(file)) as opened:
        opened.write(content)
    with keep_exit_code():
        print_line(f"wrote {printable(file)} ({many(data.orders, 'order')}, {len(content) / 1000:,.0f} kB)")
