"""`force-orders probe`: settle what nobody has published about the exchange."""

import json

import click

from etl import __version__
from etl.cli import options
from etl.cli.console import keep_exit_code, print_line, print_stderr, print_tables, show_waits, stop_signals
from etl.cli.options import examples, load_settings
from etl.commands.probe import probe_spec
from etl.reporting.probe_report import LEGEND, probe_json, probe_line, probe_table
from etl.runs import composition_by_hand


@click.command(
    epilog=examples(
        "force-orders probe",
        "force-orders probe --account main --market usdm --json",
    )
)
@options.accounts
@options.markets
@options.as_json
@click.pass_context
def probe(context: click.Context, account: tuple[str, ...], market: tuple[str, ...], as_json: bool) -> None:
    """Settle what the exchange leaves undocumented.

    Costs at most 1,000 weight for each account and market. No proof rests on what it finds. The JSON holds nothing that
    identifies an account, so that it can be shared.
    """
    settings = load_settings(context)
    spec = probe_spec(settings, account, market)
    print_stderr(spec.cost)
    with stop_signals() as stop, show_waits():
        summary = composition_by_hand.probe(settings, spec.keys, spec.markets, __version__, stop)
    with keep_exit_code():
        if as_json:
            print_line(json.dumps(probe_json(summary.reports, __version__), indent=2))
        else:
            for report in summary.reports:
                print_tables([probe_table(report)])
                print_line(f"{probe_line(report)}\n")
            if summary.reports:
                print_line(LEGEND)
    for line in (*summary.notes, *summary.faults):
        print_stderr(line)
    context.exit(summary.exit_code)
