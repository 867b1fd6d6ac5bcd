"""Fits a table to a terminal's width: which columns are dropped, which texts are shortened. Pure.

A number, date or id is never cut or wrapped: a shortened text ends before a number or after it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

GAP = 2
"""Cells between two columns."""

_ELLIPSIS = "…"

_NUMBER = re.compile(r"\d(?:[\dTZ.,:+%-]*[\dZ%])?")
"""A number, date or time."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table and how it may shrink; widths in cells of the terminal."""

    heading: str
    drop_order: int | None = None
    """Columns with the lowest number are dropped first; None: never dropped."""
    min_width: int | None = None
    """Its texts may be shortened to so many cells; None: never shortened."""
    wraps: bool = False
    """Its texts are wrapped instead of shortened."""
    align_right: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that are shown, by index, and their widths in cells; the headings of the dropped ones."""

    indexes: tuple[int, ...]
    widths: tuple[int, ...]
    dropped: tuple[str, ...] = ()


def fit_columns(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> Layout:
    """Fit the table into `width` cells: keep as many columns as possible, then as much text as possible.

    Headings break at their spaces before any text is shortened. If the remaining columns are still too wide, the layout
    is wider than `width`.
    """
    contents = [max((cell_len(row[index]) for row in rows), default=0) for index in range(len(columns))]
    least = [_least(column, content) for column, content in zip(columns, contents, strict=True)]
    dropped = _dropped(columns, least, width)
    indexes = [index for index in range(len(columns)) if index not in dropped]
    whole_headings = [max(contents[index], cell_len(columns[index].heading)) for index in indexes]
    broken_headings = [max(contents[index], _longest_word(columns[index].heading)) for index in indexes]
    room = width - GAP * (len(indexes) - 1)
    widths = _shrink(whole_headings, broken_headings, room)
    if sum(widths) > room:
        widths = _shrink(broken_headings, [least[index] for index in indexes], room)
    return Layout(tuple(indexes), widths, tuple(columns[index].heading for index in sorted(dropped)))


def _least(column: Column, content: int) -> int:
    return max(_longest_word(column.heading), content if column.min_width is None else min(content, column.min_width))


def _longest_word(heading: str) -> int:
    return max(map(cell_len, heading.split()), default=0)


def _dropped(columns: Sequence[Column], least: Sequence[int], width: int) -> set[int]:
    dropped: set[int] = set()
    for _, index in sorted((one.drop_order, index) for index, one in enumerate(columns) if one.drop_order is not None):
        left = [one for index, one in enumerate(least) if index not in dropped]
        if sum(left) + GAP * (len(left) - 1) <= width:
            break
        dropped.add(index)
    return dropped


def _shrink(wanted: Sequence[int], least: Sequence[int], room: int) -> tuple[int, ...]:
    """Widths between `least` and `wanted` that add up to at most `room`, if possible: the widest shrink first."""
    if sum(wanted) <= room:
        return tuple(wanted)
    widths = tuple(least)
    for widest in range(room + 1):
        wider = tuple(max(low, min(high, widest)) for low, high in zip(least, wanted, strict=True))
        if sum(wider) > room:
            break
        widths = wider
    return widths


def shorten(text: str, width: int) -> str:
    """The text in at most `width` cells (at least one), with … where something is missing; no number is cut."""
    if cell_len(text) <= width:
        return text
    inside = {at for number in _NUMBER.finditer(text) for at in range(number.start() + 1, number.end())}
    whole, cells = 0, 0
    for end, character in enumerate(text):
        if end not in inside:
            whole = end
        cells += cell_len(character)
        if cells >= width:
            break
    return f"{text[:whole].rstrip()}{_ELLIPSIS}"


def wrap(text: str, width: int) -> str:
    """The text with each word shortened to `width`, so that rich can wrap it at its spaces."""
    return " ".join(shorten(word, width) for word in text.split(" "))
