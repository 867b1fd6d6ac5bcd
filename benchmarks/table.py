"""A line for each figure: ours, the floor of the same run, and the project's aim."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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


def markdown(figures: Sequence[Figure]) -> str:
    """The same of one section, as it stands in the documentation."""
    lines = ["| | force-orders | floor | ratio | aim |", "|---|---|---|---|---|"]
    for one in figures:
        ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
        lines.append(f"| {one.what} | {one.ours} | {one.floor} | {ratio} | {one.aim} |")
    return "\n".join(lines)


def write(page: Path, name: str, said: str) -> None:
    """Put a table between its markers in a page. Raises ValueError where there are none."""
    begin, end = f"<!-- figures: {name} -->", "<!-- end -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{page} has no place for {name}")
    page.write_text(f"{before}{begin}\n{said}\n{end}{after}", encoding="utf-8")
