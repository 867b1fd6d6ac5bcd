"""The commands that read history from the exchange: backfill, sync, verify, demo."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from etl.cli import arguments
from etl.cli.arguments import check_span, load_settings, parse_symbols
from etl.cli.console import complain, print_tables, say, stop_signals, watching

if TYPE_CHECKING:
    from etl.credentials import Credentials
    from etl.operations import Run, Summary
    from etl.settings import Settings
    from etl.spans import Planner

DEMO_QUERY = "select symbol, close_type, count(*), sum(cum_quote) from force_orders group by 1, 2 order by 1, 2"


@click.command()
@arguments.since
@arguments.until
@arguments.symbols
@arguments.accounts
@click.option("--plan", is_flag=True, help="Print what it would cost, and do nothing.")
@click.pass_context
def backfill(
    context: click.Context,
    since: str | None,
    until: str | None,
    symbol: tuple[str, ...],
    account: tuple[str, ...],
    plan: bool,
) -> None:
    """Walk history once; only what is not covered yet is asked for."""
    from etl.credentials import credentials
    from etl.spans import SpanText, backfill_planner

    settings = load_settings(context)
    symbols = parse_symbols(symbol)
    span = SpanText(since, until)
    check_span(settings, span)
    keys = credentials(settings, account)
    planner = backfill_planner(span, symbols)
    if plan:
        _print_plan(settings, keys, planner)
    else:
        context.exit(_store(settings, "backfill", keys, planner, symbols).exit_code)


@click.command()
@arguments.accounts
@click.pass_context
def sync(context: click.Context, account: tuple[str, ...]) -> None:
    """The nightly job: from each watermark to now, and a look back for late changes."""
    from etl.credentials import credentials
    from etl.spans import nightly_planner

    settings = load_settings(context)
    keys = credentials(settings, account)
    context.exit(_store(settings, "sync", keys, nightly_planner).exit_code)


@click.command()
@arguments.since
@arguments.until
@arguments.accounts
@click.option("--sample", metavar="N", type=click.IntRange(min=1), help="Only N windows, drawn by lot.")
@click.option("--repair", is_flag=True, help="Store what is missing or different.")
@click.pass_context
def verify(
    context: click.Context,
    since: str | None,
    until: str | None,
    account: tuple[str, ...],
    sample: int | None,
    repair: bool,
) -> None:
    """Read history again and hold it against the database; by default all that is proven."""
    from etl.credentials import credentials
    from etl.reporting.terminal import difference_table, verified_lines
    from etl.spans import SpanText
    from etl.verification import Comparing, Sample, verify_planner

    settings = load_settings(context)
    span, drawn = SpanText(since, until), Sample(sample)
    check_span(settings, span)
    with _running(settings, "verify", credentials(settings, account)) as run:
        comparing = Comparing(run.connection, run.recorder, repair=repair)
        summary = run.execute(verify_planner(span, drawn), comparing)
    for line in verified_lines(summary, comparing.differences, drawn, repaired=repair):
        say(line)
    if comparing.differences:
        print_tables([difference_table(comparing.differences)])
    print_faults(summary)
    context.exit(summary.exit_code)


@click.command()
@click.pass_context
def demo(context: click.Context) -> None:
    """The main job against the built-in exchange simulator and an embedded Postgres of its own; needs no key."""
    from etl.demo import prepare_demo

    with prepare_demo(load_settings(context)) as prepared:
        say(f"exchange  the simulator on {prepared.settings.base_url}, 90 days of force orders")
        say(f"database  an embedded Postgres in {prepared.settings.data_dir}")
        summary = _store(prepared.settings, "demo", [prepared.credentials], prepared.planner)
        _print_demo(prepared.settings, summary)
    context.exit(summary.exit_code)


def _print_plan(settings: "Settings", keys: "Sequence[Credentials]", planner: "Planner") -> None:
    from etl import app
    from etl.core.planning import cost
    from etl.exchange.clock import local_now
    from etl.operations import plan_only
    from etl.reporting.lines import plan_lines

    with app.store(settings) as connection:
        rules = app.rules(settings, local_now())
        targets = plan_only(connection, [one.account for one in keys], planner, rules)
    for line in plan_lines(cost(targets), [target.need for target in targets], settings.weight_budget):
        say(line)


def _store(
    settings: "Settings",
    command: str,
    keys: "Sequence[Credentials]",
    planner: "Planner",
    symbols: "Sequence[str]" = (),
) -> "Summary":
    """A run that stores what it reads, and its printed summary."""
    from etl.storing import Storing

    with _running(settings, command, keys) as run:
        summary = run.execute(planner, Storing(run.connection, run.recorder, symbols))
    _print_summary(summary)
    return summary


@contextmanager
def _running(settings: "Settings", command: str, keys: "Sequence[Credentials]") -> "Iterator[Run]":
    """A run, wired: exchange, database, signals and the progress bar."""
    from etl import app
    from etl.operations import Run

    with stop_signals() as stop:
        reader = app.reader(settings, keys, stop)
        with app.store(settings) as connection, watching() as watch:
            yield Run(connection, reader, command, watch)


def _print_summary(summary: "Summary") -> None:
    from etl.reporting.lines import summary_line

    say(summary_line(summary))
    if summary.gaps:
        from etl.reporting.terminal import gap_table

        print_tables([gap_table(summary.gaps)])
    print_faults(summary)


def print_faults(summary: "Summary") -> None:
    for fault in summary.faults:
        complain(fault)


def _print_demo(settings: "Settings", summary: "Summary") -> None:
    from etl import app
    from etl.reporting.terminal import table
    from etl.store.coverage import count_orders

    with app.store(settings) as connection:
        counts = count_orders(connection)
    print_tables([table("orders", ("symbol", "orders"), [(name, n) for (_, name), n in sorted(counts.items())], 1)])
    typed = sys.argv[0]
    command = "force-orders" if shutil.which("force-orders") == typed else typed
    here = f"FORCE_ORDERS_DATA_DIR={settings.data_dir} {command}"
    say(f"\nlook at   {here} report --html force-orders.html")
    say(f'query it  {here} db query "{DEMO_QUERY}"')
    say(f'or        psql "$({here} db url)"')
    say("again     a second demo asks only for what is new")
