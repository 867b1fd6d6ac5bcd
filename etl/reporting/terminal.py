"""Tables and a progress bar for a terminal. Builds what is shown; the command prints it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from etl.core.printable import printable
from etl.core.timeline import SECOND, duration, iso
from etl.operations import Progress as Standing
from etl.operations import Summary, Watcher
from etl.reporting.gaps import SharedGap, shared
from etl.reporting.lines import many, span_taken, to_the_second
from etl.status import ScopeStatus, Status
from etl.verification import Difference, Kind, Sample

GAPS_SHOWN = 10
DIFFERENCES_SHOWN = 50


def table(title: str | None, columns: Sequence[str], rows: Iterable[Sequence[object]], numbers: int = 0) -> Table:
    """A compact table whose last `numbers` columns are right-aligned. Heads and cells are text, never markup."""
    shown = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        shown.add_column(_text(column), justify="right" if place >= len(columns) - numbers else "left")
    for row in rows:
        shown.add_row(*map(_text, row))
    return shown


def _text(value: object) -> Text:
    return Text("–" if value is None else printable(str(value)))


def verified_lines(summary: Summary, differences: Sequence[Difference], sample: Sample, *, repaired: bool) -> list[str]:
    """What a verification found, and what a sample is worth."""
    counts = {kind: sum(d.kind is kind for d in differences) for kind in Kind}
    found = ", ".join(f"{kind.value} {count}" for kind, count in counts.items())
    repairs = "; what was missing or different is stored now" if repaired and differences else ""
    span = "" if summary.span is None else f"; {span_taken(summary.span)}"
    lines = [
        f"verify {summary.status} in {summary.seconds:.1f} s: {many(summary.windows, 'window')}, "
        f"{many(summary.counts.requests, 'request')} (weight {summary.counts.weight}); {found}{repairs}{span}"
    ]
    if sample.sampled < sample.population:
        share = sample.worth(sample.differing(differences))
        lines.append(
            f"{sample.sampled} of {sample.population} windows, by lot: "
            f"with 95 % confidence fewer than {share:.1%} of the windows differ"
        )
    return lines


def difference_table(differences: Sequence[Difference]) -> Table:
    """The differences, as far as they fit."""
    rows = [
        (d.kind.value, d.account, d.symbol, d.order_id, iso(d.order_time), ", ".join(d.fields))
        for d in differences[:DIFFERENCES_SHOWN]
    ]
    more = len(differences) - len(rows)
    title = f"differences ({more} more)" if more > 0 else "differences"
    return table(title, ("kind", "account", "symbol", "order id", "order time", "fields"), rows)


def gap_table(gaps: Sequence[SharedGap]) -> Table:
    """The gaps, as far as they fit."""
    rows = [
        (g.account, g.symbol, iso(g.window.start), iso(g.window.end), duration(g.window.width), g.reason)
        for g in gaps[:GAPS_SHOWN]
    ]
    more = len(gaps) - len(rows)
    title = f"gaps ({more} more in the view coverage_gaps)" if more > 0 else "gaps"
    return table(title, ("account", "symbol", "from", "to", "length", "reason"), rows)


def status_tables(status: Status) -> list[Table]:
    """One row a symbol, then the gaps, then the last run."""
    heads = ("account", "symbol", "complete since", "watermark", "age", "days until loss", "gaps", "orders")
    if not status.scopes:
        return []
    shown = [table(None, heads, map(_status_row, status.scopes), numbers=4)]
    if status.gaps:
        shown.append(gap_table(shared(status.gaps)))
    run = status.last_run
    if run is not None:
        began = run.started_at.strftime("%Y-%m-%d %H:%M:%SZ")
        columns = ("id", "command", "started", "status", "error")
        shown.append(table("last run", columns, [(run.id, run.command, began, run.status, run.error)]))
    return shown


def _status_row(scope: ScopeStatus) -> Sequence[object]:
    return (
        scope.account,
        scope.symbol,
        to_the_second(scope.covered_since),
        to_the_second(scope.watermark),
        None if scope.age is None else duration(scope.age),
        None if scope.days_until_loss is None else f"{scope.days_until_loss:.1f}",
        len(scope.gaps),
        scope.orders,
    )


@contextmanager
def progress(console: Console) -> Iterator[Watcher]:
    """A bar with the time left while walks run, and a countdown while the exchange wants silence."""
    columns: tuple[Any, ...] = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("connecting", total=None)

        def show(standing: Standing) -> None:
            silence = standing.silent_until - standing.now
            if silence > 0:
                description = f"silent for {duration(silence + SECOND)}"
            else:
                description = printable(standing.waiting_for) or f"{standing.counts.inserted} new orders"
            bar.update(task, total=standing.walks or None, completed=standing.walks_done, description=description)

        yield show
