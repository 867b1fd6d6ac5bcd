"""The commands that read history from the exchange: backfill, sync, verify."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from etl.cli import arguments
from etl.cli.arguments import examples, load_settings
from etl.cli.console import best_effort, complain, print_tables, say, stop_signals, waits_shown, watching
from etl.cli.notified import told
from etl.runs.arguments import check_readable

if TYPE_CHECKING:
    from etl.commands.history import Work
    from etl.runs.run import Summary
    from etl.runs.spans import SpanText
    from etl.settings.model import Settings


@click.command(
    epilog=examples(
        "force-orders backfill --plan",
        "force-orders backfill",
        "force-orders backfill --since 2026-10-01 --until 2026-10-31 --symbol BTCUSDT",
    )
)
@arguments.since
@arguments.until
@arguments.symbols
@arguments.accounts
@click.option(
    "--beyond-retention",
    is_flag=True,
    help="Ask also for what lies before the exchange's reach; what it does not show is a gap for ever.",
)
@click.option("--plan", is_flag=True, help="Print what it would cost, and do nothing.")
@click.option("--distributed", is_flag=True, help="Hand out a job an account and week, for workers.")
@click.pass_context
def backfill(
    context: click.Context,
    since: str | None,
    until: str | None,
    symbol: tuple[str, ...],
    account: tuple[str, ...],
    beyond_retention: bool,
    plan: bool,
    distributed: bool,
) -> None:
    """Walk history once; only what is not covered yet is asked for."""
    from etl.commands.history import backfill_work
    from etl.runs.spans import SpanText

    settings, span = load_settings(context), SpanText(since, until, beyond_retention)
    if distributed and not plan:
        _hand_out(settings, account, symbol, span)
        return
    work = backfill_work(settings, account, symbol, span)
    if plan:
        _print_plan(settings, work, span)
    else:
        context.exit(told(settings, "backfill", account, lambda: store(settings, work)).exit_code)


@click.command(epilog=examples("force-orders sync", "force-orders sync --account main"))
@arguments.accounts
@click.pass_context
def sync(context: click.Context, account: tuple[str, ...]) -> None:
    """The nightly job: from each watermark to now.

    It also reads the last week before each watermark again, for orders that changed or came late.
    """
    from etl.commands.history import sync_work

    settings = load_settings(context)
    summary = told(settings, "sync", account, lambda: store(settings, sync_work(settings, account)))
    context.exit(summary.exit_code)


@click.command(
    epilog=examples(
        "force-orders verify",
        "force-orders verify --sample 3",
        "force-orders verify --since 2026-10-01 --until 2026-10-31 --repair",
    )
)
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
    """Read history again and hold it against the database.

    By default all that is proven and that the exchange still keeps; exit 3 where the two differ.
    """
    from etl.accounts.credentials import keyring
    from etl.reporting.terminal import difference_table, verified_lines
    from etl.runs import composition
    from etl.runs.run import Run
    from etl.runs.spans import SpanText
    from etl.runs.verification import Comparing, Sample, verify_planner

    settings = load_settings(context)
    span, drawn = SpanText(since, until), Sample(sample)
    check_readable(settings, span)
    keys = keyring(settings, account)
    with (
        stop_signals() as stop,
        watching() as watch,
        composition.store(settings) as connection,
        composition.reading(settings, keys, connection, stop) as reader,
    ):
        run = Run(connection, reader, "verify", watch)
        comparing = Comparing(connection, run.recorder, repair=repair)
        summary = run.execute(verify_planner(span, drawn), comparing, None if span == SpanText() else span)
    with best_effort():
        for line in verified_lines(summary, comparing.differences, drawn, repaired=repair):
            say(line)
        if comparing.differences:
            print_tables([difference_table(comparing.differences)])
    print_faults(summary)
    context.exit(summary.exit_code)


def _print_plan(settings: "Settings", work: "Work", span: "SpanText") -> None:
    from etl.core.markets import USDM
    from etl.core.planning import cost
    from etl.exchange.clock import local_now
    from etl.reporting.lines import plan_lines
    from etl.runs import composition
    from etl.runs.run import plan_only

    with waits_shown(), composition.store(settings) as connection:
        rules = composition.rules(settings, local_now())
        targets = plan_only(connection, [one.account for one in work.keys.usable], USDM, work.planner, rules)
    needs = [target.need for target in targets]
    for line in plan_lines(cost(targets), needs, settings.weight_budget, span.readable(rules)):
        say(line)
    _complain_of_clip(span.clipped(rules))
    for complaint in work.keys.complaints:
        complain(complaint)


def _hand_out(settings: "Settings", accounts: Sequence[str], symbols: Sequence[str], span: "SpanText") -> None:
    from etl.core.text import many
    from etl.exchange.clock import local_now
    from etl.fleet.enqueue import backfill_jobs
    from etl.fleet.queue import hand_out
    from etl.runs import composition

    with waits_shown(), composition.store(settings) as connection:
        jobs = backfill_jobs(settings, connection, accounts, symbols, span)
        count = hand_out(connection, jobs)
    queues = ", ".join(sorted({job.queue for job in jobs})) or "none"
    waiting = f"; {many(len(jobs) - count, 'job')} waited there already" if count < len(jobs) else ""
    with best_effort():
        say(
            f"handed out {many(count, 'job')} for {many(len({job.account for job in jobs}), 'account')}, "
            f"queues: {queues}{waiting}"
        )
    _complain_of_clip(span.clipped(composition.rules(settings, local_now())))


def _complain_of_clip(clipped: str | None) -> None:
    if clipped is not None:
        complain(clipped)


def store(settings: "Settings", work: "Work") -> "Summary":
    """A run that stores what it reads, with signals and the progress bar, and its printed summary."""
    from etl.commands.history import store_history

    with stop_signals() as stop:
        summary = store_history(settings, work, stop, watching())
    _print_summary(settings, summary)
    return summary


def _print_summary(settings: "Settings", summary: "Summary") -> None:
    from etl.reporting.lines import summary_line

    with best_effort():
        say(summary_line(summary))
        if summary.gaps:
            _print_gaps(settings, summary)
    print_faults(summary)


def _print_gaps(settings: "Settings", summary: "Summary") -> None:
    from etl.exchange.clock import local_now
    from etl.monitoring.gaps import closing_lines, shared
    from etl.reporting.terminal import gap_table
    from etl.runs import composition

    gaps = shared(summary.gaps)
    print_tables([gap_table(gaps)])
    for line in closing_lines(gaps, composition.rules(settings, local_now()).floor):
        say(line)


def print_faults(summary: "Summary") -> None:
    _complain_of_clip(summary.clipped)
    for fault in summary.faults:
        complain(fault)
