"""What backfill, sync, verify and demo share: a run with signals and progress, and its printed result."""

from etl.cli.console import keep_exit_code, print_line, print_stderr, print_tables, show_progress, stop_signals
from etl.exchange.clock import local_now
from etl.monitoring.gaps import closing_lines, shared
from etl.reporting.lines import summary_line
from etl.runs import composition, from_settings
from etl.runs.ingest import IngestSpec
from etl.runs.summary import Summary
from etl.settings.model import Settings


def store(settings: Settings, spec: IngestSpec) -> Summary:
    """Run, store what is read, and print the summary and the gaps."""
    with stop_signals() as stop:
        summary = composition.ingest(settings, spec, stop, show_progress())
    with keep_exit_code():
        for line in [summary_line(summary), *summary.notes]:
            print_line(line)
        if gaps := shared(summary.gaps):
            from etl.reporting.run_tables import gap_table  # only here: most runs leave no gap and draw no table

            print_tables([gap_table(gaps, summary.markets)])
            for line in closing_lines(gaps, from_settings.rules(settings, local_now()).floor):
                print_line(line)
    print_faults(summary)
    return summary


def print_faults(summary: Summary) -> None:
    """Print on stderr how the span was clipped and what went wrong."""
    if summary.clipped is not None:
        print_stderr(summary.clipped)
    for fault in summary.faults:
        print_stderr(fault)
