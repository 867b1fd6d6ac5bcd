"""One line a figure: ours beside the floor of the same run, and what the project has set itself."""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """`ratio` is ours by the floor's; an aim says which of ours and ratio it is about."""

    what: str
    ours: str
    floor: str = ""
    ratio: float | None = None
    aim: str = ""


def show(title: str, figures: Iterable[Figure]) -> None:
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for head in ("what", "ours", "floor", "ratio", "aim"):
        table.add_column(head, justify="left" if head in ("what", "aim") else "right")
    for one in figures:
        table.add_row(one.what, one.ours, one.floor, "" if one.ratio is None else f"{one.ratio:.2f}", one.aim)
    Console(width=140).print(table)
