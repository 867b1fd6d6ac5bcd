"""Tables and a progress bar for a terminal. Builds what is shown; the command prints it."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.table import Table as RichTable
from rich.text import Text

from etl.core.text import many, printable
from etl.core.timeline import duration, iso, to_the_second
from etl.monitoring.gaps import SharedGap, shared
from etl.monitoring.status import ScopeStatus, Status
from etl.reporting.fitting import GAP, Column, fitted, shortened, wrapped
from etl.reporting.lines import span_taken
from etl.runs.run import Progress as Standing
from etl.runs.run import Summary, Watcher
from etl.runs.verification import Difference, DifferenceKind, Sample
from etl.waits import WAITS

GAPS_SHOWN = 10
DIFFERENCES_SHOWN = 50

SHORTEST = 8
"""Cells that a text keeps at least, where nothing else is said."""

SYMBOL = 14
"""Cells that a symbol keeps: nearly all of them have no more."""

BAR = 12
"""Cells of the progress bar itself."""


@dataclass(frozen=True, slots=True)
class Table:
    """A compact table that fits itself to the terminal. Heads and cells are text, never markup."""

    title: str | None
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        fit = fitted(self.columns, self.rows, width)
        shown = RichTable(box=None, pad_edge=False, header_style="bold", padding=(0, GAP // 2))
        for place, wide in zip(fit.places, fit.widths, strict=True):
            column = self.columns[place]
            shown.add_column(Text(column.head), justify="right" if column.is_right else "left", width=wide)
        for row in self.rows:
            shown.add_row(
                *(
                    Text((wrapped if self.columns[place].wraps else shortened)(row[place], wide))
                    for place, wide in zip(fit.places, fit.widths, strict=True)
                )
            )
        if self.title:
            yield Text(self.title, style="bold")
        yield from console.render(shown, options.update(width=max(width, sum(fit.widths) + GAP * len(fit.widths))))
        if fit.dropped:
            yield Text(shortened(f"no room for: {' · '.join(fit.dropped)}", width), style="dim")


def table(title: str | None, columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> Table:
    """A table of these values."""
    heads = [replace(column, head=printable(column.head)) for column in columns]
    return Table(title, heads, [[_text(value) for value in row] for row in rows])


def query_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """The answer to anybody's query: the first column stays, the last goes first, texts are shortened."""
    columns = [
        Column(head, len(heads) - place if place else None, SHORTEST if _is_text(rows, place) else None)
        for place, head in enumerate(heads)
    ]
    return table(None, columns, rows)


def _is_text(rows: Sequence[Sequence[object]], place: int) -> bool:
    return any(isinstance(row[place], str | list | dict) for row in rows)


def _text(value: object) -> str:
    return "–" if value is None else printable(str(value))


def verified_lines(summary: Summary, differences: Sequence[Difference], sample: Sample, *, repaired: bool) -> list[str]:
    """What a verification found, and what a sample is worth."""
    counts = {kind: sum(d.kind is kind for d in differences) for kind in DifferenceKind}
    found = ", ".join(f"{kind.value} {count}" for kind, count in counts.items())
    repairs = "; what was missing or different is stored now" if repaired and differences else ""
    span = "" if summary.span is None else f"; {span_taken(summary.span)}"
    lines = [
        f"verify {summary.status} in {summary.seconds:.1f} s: {many(summary.windows, 'window')}, "
        f"{many(summary.counts.requests, 'request')} (weight {summary.counts.weight}); {found}{repairs}{span}"
    ]
    if sample.sampled < sample.population:
        share = sample.upper_bound(sample.differing(differences))
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
    columns = (
        *(Column("kind"), Column("account", 1, SHORTEST), Column("symbol", least=SYMBOL), Column("order id")),
        *(Column("order time"), Column("fields", least=SHORTEST)),
    )
    return table(title, columns, rows)


def gap_table(gaps: Sequence[SharedGap]) -> Table:
    """The gaps, as far as they fit."""
    rows = [
        (g.account, g.symbol, iso(g.window.start), iso(g.window.end), duration(g.window.width), g.reason)
        for g in gaps[:GAPS_SHOWN]
    ]
    more = len(gaps) - len(rows)
    title = f"gaps ({more} more in the view coverage_gaps)" if more > 0 else "gaps"
    columns = (
        *(Column("account", 2, SHORTEST), Column("symbol", least=SYMBOL), Column("from"), Column("to")),
        *(Column("length", 1), Column("reason", least=SHORTEST)),
    )
    return table(title, columns, rows)


def status_tables(status: Status) -> list[Table]:
    """One row a symbol, then the gaps, then the last run."""
    columns = (
        *(Column("account", least=SHORTEST), Column("symbol", least=SYMBOL), Column("complete since", 1)),
        *(Column("watermark"), Column("age", 4, is_right=True), Column("days until loss", 3, is_right=True)),
        *(Column("gaps", is_right=True), Column("orders", 2, is_right=True)),
    )
    if not status.scopes:
        return []
    shown = [table(None, columns, map(_status_row, status.scopes))]
    if status.gaps:
        shown.append(gap_table(shared(status.gaps)))
    run = status.last_run
    if run is not None:
        began = run.started_at.strftime("%Y-%m-%d %H:%M:%SZ")
        heads = (*map(Column, ("id", "command", "started", "status")), Column("error", least=24, wraps=True))
        shown.append(table("last run", heads, [(run.id, run.command, began, run.status, run.error)]))
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


class _Said(ProgressColumn):
    """What is waited for, read anew each time the bar is drawn, and else what was found so far."""

    max_refresh = None

    def __init__(self, console: Console, *, beside_bar: bool) -> None:
        super().__init__()
        self._console = console
        self._beside_bar = beside_bar

    def render(self, task: Task) -> Text:
        wait = WAITS.foremost()
        said = task.description if wait is None else wait.line(time.monotonic())
        others = BAR + 2 * len(str(task.total or 0)) + len("/") + 2 if self._beside_bar else 0
        others += len(" 0:00:00") if self._beside_bar and wait is None else 0
        return Text(shortened(printable(said), max(SHORTEST, self._console.width - others)), no_wrap=True)


class _Left(TimeRemainingColumn):
    """The time left by the pace so far: worth nothing while something is waited for."""

    max_refresh = 0.0

    def render(self, task: Task) -> Text:
        return super().render(task) if WAITS.foremost() is None else Text()


def waits(console: Console) -> Progress:
    """One line with what is waited for, while something is."""
    line = Progress(_Said(console, beside_bar=False), console=console, transient=True, redirect_stdout=False)
    line.add_task("", total=None)
    return line


@contextmanager
def progress(console: Console) -> Iterator[Watcher]:
    """One line with what was found so far, a bar and the time left; while something is waited for, with that."""
    columns = (_Said(console, beside_bar=True), BarColumn(BAR), MofNCompleteColumn(), _Left())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(standing: Standing) -> None:
            bar.update(task, total=standing.walks or None, completed=standing.walks_done, description=standing.found)

        yield show
