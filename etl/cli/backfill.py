"""`force-orders backfill`: read past orders once, now or as jobs for workers."""

from collections.abc import Sequence

import click

from etl.cli import options
from etl.cli.console import keep_exit_code, print_line, print_stderr, show_waits
from etl.cli.notifications import run_and_notify
from etl.cli.options import examples, load_settings
from etl.cli.runs import store
from etl.commands.backfill import backfill_spec
from etl.core.text import many
from etl.errors import ConfigError
from etl.exchange.clock import local_now
from etl.reporting.plan_lines import plan_lines
from etl.runs import from_settings
from etl.runs.ingest import IngestSpec
from etl.runs.preview import preview
from etl.runs.spans import SpanText
from etl.settings.model import Settings


@click.command(
    epilog=examples(
        "force-orders backfill --plan",
        "force-orders backfill --since 2026-10-01 --until 2026-10-31 --symbol BTCUSDT",
        "force-orders backfill --market coinm --symbol BTCUSD_PERP",
    )
)
@options.since
@options.until
@options.symbols
@options.accounts
@options.markets
@click.option(
    "--beyond-retention",
    is_flag=True,
    help="Also request what is older than the exchange's retention; what it no longer has becomes a permanent gap.",
)
@click.option("--costs", is_flag=True, help="Also read what the orders cost: their fills and fees.")
@click.option("--plan", is_flag=True, help="Print the cost, send no request.")
@click.option("--distributed", is_flag=True, help="Enqueue one job for each account, market and week, for workers.")
@click.pass_context
def backfill(
    context: click.Context,
    since: str | None,
    until: str | None,
    symbol: tuple[str, ...],
    account: tuple[str, ...],
    market: tuple[str, ...],
    beyond_retention: bool,
    costs: bool,
    plan: bool,
    distributed: bool,
) -> None:
    """Read past orders; skip what is already complete."""
    settings, span = load_settings(context), SpanText(since, until, beyond_retention)
    if costs and distributed:
        raise ConfigError("--costs does not go with --distributed: the nightly jobs of the workers read the costs")
    if distributed and not plan:
        _enqueue(settings, account, market, symbol, span)
        return
    spec = backfill_spec(settings, account, symbol, span, market, costs=costs)
    if plan:
        _print_plan(settings, spec, span)
    else:
        context.exit(run_and_notify(settings, "backfill", account, lambda: store(settings, spec)).exit_code)


def _print_plan(settings: Settings, spec: IngestSpec, span: SpanText) -> None:
    with show_waits(), from_settings.store(settings) as connection:
        found = preview(connection, settings, spec)
    rules = from_settings.rules(settings, local_now())
    for line in plan_lines(found, span.readable(rules)):
        print_line(line)
    if clipped := span.clipped(rules):
        print_stderr(clipped)
    for fault in spec.keys.fault_lines:
        print_stderr(fault)


def _enqueue(
    settings: Settings, accounts: Sequence[str], markets: Sequence[str], symbols: Sequence[str], span: SpanText
) -> None:
    from etl.fleet.backfill import backfill_jobs  # only here: these two add 0.1 s to every backfill
    from etl.fleet.queue import enqueue

    with show_waits(), from_settings.store(settings) as connection:
        jobs = backfill_jobs(settings, connection, accounts, symbols, span, markets)
        count = enqueue(connection, jobs)
    queues = ", ".join(sorted({job.queue for job in jobs})) or "none"
    waiting = f"; {many(len(jobs) - count, 'job')} already in the queue" if count < len(jobs) else ""
    with keep_exit_code():
        print_line(
            f"enqueued {many(count, 'job')} for {many(len({job.account for job in jobs}), 'account')}, "
            f"queues: {queues}{waiting}"
        )
    if clipped := span.clipped(from_settings.rules(settings, local_now())):
        print_stderr(clipped)
