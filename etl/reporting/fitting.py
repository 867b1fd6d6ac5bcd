"""What fits on a terminal's line: which columns of a table go, which texts are shortened. Pure.

Digits, dates and ids are never cut and never wrapped: where a text is shortened, it ends before a number or after it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

GAP = 2
"""Cells between two columns."""

_MORE = "…"

_NUMBER = re.compile(r"\d(?:[\dTZ.,:+%-]*[\dZ%])?")
"""A number, a date or a time, which stays whole."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table and how it gives way; widths in cells of the terminal."""

    head: str
    drop: int | None = None
    """Where there is no room the columns with the lowest number go first; those without one stay."""
    least: int | None = None
    """Its texts are shortened to so many cells at the least; None: never."""
    wraps: bool = False
    """Its texts go on in the next line instead of being shortened."""
    is_right: bool = False


@dataclass(frozen=True, slots=True)
class Fitted:
    """The columns that stay, by their place, and how wide each is, in cells; the heads of those that go."""

    places: tuple[int, ...]
    widths: tuple[int, ...]
    dropped: tuple[str, ...] = ()


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> Fitted:
    """The table within `width` cells: as many columns as can stay, and then as much of the texts as can.

    A head breaks at its spaces before anything else gives way. Where even the columns that stay are too wide, they are
    as wide as they must be.
    """
    contents = [max((cell_len(row[place]) for row in rows), default=0) for place in range(len(columns))]
    least = [_least(column, content) for column, content in zip(columns, contents, strict=True)]
    gone = _gone(columns, least, width)
    places = [place for place in range(len(columns)) if place not in gone]
    one_line = [max(contents[place], cell_len(columns[place].head)) for place in places]
    broken_heads = [max(contents[place], _longest_word(columns[place].head)) for place in places]
    room = width - GAP * (len(places) - 1)
    widths = _narrowed(one_line, broken_heads, room)
    if sum(widths) > room:
        widths = _narrowed(broken_heads, [least[place] for place in places], room)
    return Fitted(tuple(places), widths, tuple(columns[place].head for place in sorted(gone)))


def _least(column: Column, content: int) -> int:
    return max(_longest_word(column.head), content if column.least is None else min(content, column.least))


def _longest_word(head: str) -> int:
    return max(map(cell_len, head.split()), default=0)


def _gone(columns: Sequence[Column], least: Sequence[int], width: int) -> set[int]:
    gone: set[int] = set()
    for _, place in sorted((one.drop, place) for place, one in enumerate(columns) if one.drop is not None):
        left = [one for place, one in enumerate(least) if place not in gone]
        if sum(left) + GAP * (len(left) - 1) <= width:
            break
        gone.add(place)
    return gone


def _narrowed(wanted: Sequence[int], least: Sequence[int], room: int) -> tuple[int, ...]:
    """Widths between `least` and `wanted` that make up no more than `room`, if they can: the widest give way."""
    if sum(wanted) <= room:
        return tuple(wanted)
    widths = tuple(least)
    for widest in range(room + 1):
        wider = tuple(max(low, min(high, widest)) for low, high in zip(least, wanted, strict=True))
        if sum(wider) > room:
            break
        widths = wider
    return widths


def shortened(text: str, width: int) -> str:
    """The text in at most `width` cells (and no fewer than one), with … where something is missing.

    No number in it is cut in two.
    """
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
    return f"{text[:whole].rstrip()}{_MORE}"


def wrapped(text: str, width: int) -> str:
    """The same words, none of them wider than the column that they are to be wrapped in."""
    return " ".join(shortened(word, width) for word in text.split(" "))
