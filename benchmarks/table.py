"""One line a figure: ours beside the floor of the same run, and what the project has set itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """`ratio` is ours by the floor's; an aim says which of ours and ratio it is about."""

    what: str
    ours: str
    floor: str = ""
    ratio: float | None = None
    aim: str = ""


def table(sections: Mapping[str, Iterable[Figure]]) -> Table:
    """All figures, section after section."""
    shown = Table(box=None, pad_edge=False)
    for head in ("", "what", "ours", "floor", "ratio", "aim"):
        shown.add_column(head, justify="left" if head in ("", "what", "aim") else "right")
    for name, figures in sections.items():
        for number, one in enumerate(figures):
            ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
            shown.add_row("" if number else name, one.what, one.ours, one.floor, ratio, one.aim)
    return shown
