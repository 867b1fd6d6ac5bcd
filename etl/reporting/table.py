"""One table that fits itself to the terminal's width."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from etl.core.text import printable
from etl.core.wallets import has_others
from etl.reporting.layout import GAP, Column, fit_columns, shorten, wrap

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

MIN_WIDTH = 8
"""Cells to which a text may be shortened, where no other width is given."""

MARKET = Column("market", 4)

SYMBOL_WIDTH = 14
"""Cells to which a symbol may be shortened; nearly all are no longer."""


@dataclass(frozen=True, slots=True)
class Table:
    """A compact table, which rich renders. Headings and cells are text, never markup."""

    title: str | None
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.table import Table as RichTable  # only here: a table that is not drawn does not need rich
        from rich.text import Text

        width = options.max_width
        layout = fit_columns(self.columns, self.rows, width)
        drawn = RichTable(box=None, pad_edge=False, header_style="bold", padding=(0, GAP // 2))
        for index, cells in zip(layout.indexes, layout.widths, strict=True):
            column = self.columns[index]
            drawn.add_column(Text(column.heading), justify="right" if column.align_right else "left", width=cells)
        for row in self.rows:
            drawn.add_row(
                *(
                    Text((wrap if self.columns[index].wraps else shorten)(row[index], cells))
                    for index, cells in zip(layout.indexes, layout.widths, strict=True)
                )
            )
        if self.title:
            yield Text(self.title, style="bold")
        needed = sum(layout.widths) + GAP * len(layout.widths)
        yield from console.render(drawn, options.update(width=max(width, needed)))
        if layout.dropped:
            yield Text(shorten(f"no room for: {' · '.join(layout.dropped)}", width), style="dim")


def table(
    title: str | None, columns: Sequence[Column], rows: Iterable[Sequence[object]], without: Collection[str] = ()
) -> Table:
    """A table of these values; None is shown as a dash. The columns `without` are left out."""
    kept = [index for index, column in enumerate(columns) if column.heading not in without]
    shown = [replace(columns[index], heading=printable(columns[index].heading)) for index in kept]
    cells = [["–" if row[index] is None else printable(str(row[index])) for index in kept] for row in rows]
    return Table(title, shown, cells)


def lone_market(markets: Iterable[str]) -> Collection[str]:
    """For `without`: the column `market` where all is USDⓈ-M."""
    return () if has_others(markets) else (MARKET.heading,)


def query_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """The result of any SQL query. On a narrow terminal the last columns are dropped first, the first one never."""
    columns = [
        Column(heading, len(headings) - index if index else None, MIN_WIDTH if _is_text(rows, index) else None)
        for index, heading in enumerate(headings)
    ]
    return table(None, columns, rows)


def _is_text(rows: Sequence[Sequence[object]], index: int) -> bool:
    return any(isinstance(row[index], str | list | dict) for row in rows)
