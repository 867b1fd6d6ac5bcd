"""A line for each figure: ours, the floor of the same run, and the project's aim."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """`ratio` is ours divided by the floor; `aim` says which of the two it limits."""

    what: str
    ours: str
    floor: str = ""
    ratio: float | None = None
    aim: str = ""


def table(sections: Mapping[str, Iterable[Figure]]) -> Table:
    """All figures, by section."""
    shown = Table(box=None, pad_edge=False)
    for head in ("", "what", "ours", "floor", "ratio", "aim"):
        shown.add_column(head, justify="left" if head in ("", "what", "aim") else "right")
    for name, figures in sections.items():
        for number, one in enumerate(figures):
            ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
            shown.add_row("" if number else name, one.what, one.ours, one.floor, ratio, one.aim)
    return shown
