"""What fits on a line: columns go, texts are shortened, numbers stay whole."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from etl.reporting.layout import GAP, Column, Layout, fit_columns, shorten, wrap
from etl.reporting.table import query_table, table

NUMBER = re.compile(r"\d+")

TEXTS = st.text(st.sampled_from("abc 0123456789-:.T币"), max_size=40)
COLUMNS = st.builds(
    Column,
    heading=st.sampled_from(("id", "order id", "days until loss", "symbol")),
    drop_order=st.none() | st.integers(1, 9),
    min_width=st.none() | st.integers(1, 12),
    wraps=st.booleans(),
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Column], list[list[str]]]:
    columns = draw(st.lists(COLUMNS, min_size=1, max_size=8))
    row = st.lists(TEXTS, min_size=len(columns), max_size=len(columns))
    return columns, draw(st.lists(row, max_size=4))


def total(fit: Layout) -> int:
    return sum(fit.widths) + GAP * (len(fit.widths) - 1)


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("beyond_retention", 16, "beyond_retention"),
        ("beyond_retention", 8, "beyond_…"),
        ("since 2026-09-01T12:00Z or so", 12, "since…"),
        ("since 2026-09-01T12:00Z or so", 24, "since 2026-09-01T12:00Z…"),
        ("order 20770000045", 10, "order…"),
        ("3,500.25 and more", 9, "3,500.25…"),
        ("3,500.25 and more", 8, "…"),
        ("币安人生USDT", 7, "币安人…"),
        ("ab", 1, "…"),
    ],
)
def test_a_text_is_shortened_beside_its_numbers(text: str, width: int, shown: str) -> None:
    assert shorten(text, width) == shown


@given(TEXTS, st.integers(1, 50))
def test_a_shortened_text_fits_and_begins_as_the_text_does_and_cuts_no_number(text: str, width: int) -> None:
    shown = shorten(text, width)
    assert cell_len(shown) <= width
    if shown != text:
        kept = shown.removesuffix("…")
        assert text.startswith(kept)
        assert not re.fullmatch(r".*\d", kept) or not text[len(kept) : len(kept) + 1].isdigit()
        assert NUMBER.findall(kept) == NUMBER.findall(text)[: len(NUMBER.findall(kept))]


@given(TEXTS, st.integers(1, 50))
def test_a_text_to_be_wrapped_has_no_word_that_is_too_wide(text: str, width: int) -> None:
    assert all(cell_len(word) <= width for word in wrap(text, width).split(" "))


ORDERS = [Column("account", 2, 4), Column("symbol"), Column("order id"), Column("time", 1), Column("notional")]
ROW = ["a-long-account", "BTCUSDT", "20770000045", "2026-09-01T12:00Z", "3,500.25"]


@pytest.mark.parametrize(
    ("width", "shown", "dropped"),
    [
        (80, [0, 1, 2, 3, 4], ()),
        (60, [0, 1, 2, 3, 4], ()),
        (50, [0, 1, 2, 4], ("time",)),
        (32, [1, 2, 4], ("account", "time")),
        (10, [1, 2, 4], ("account", "time")),
    ],
)
def test_texts_are_shortened_before_a_column_goes_and_the_least_important_goes_first(
    width: int, shown: list[int], dropped: tuple[str, ...]
) -> None:
    fit = fit_columns(ORDERS, [ROW], width)
    assert [*fit.indexes] == shown
    assert fit.dropped == dropped
    assert total(fit) <= max(width, 30)


def test_a_head_breaks_at_its_spaces_before_a_text_is_shortened() -> None:
    columns = [Column("days until loss"), Column("why", min_width=4)]
    assert fit_columns(columns, [["9.5", "beyond_retention"]], 23).widths == (5, 16)


@given(tables(), st.integers(1, 120))
def test_any_table_fits_or_has_nothing_more_to_give(made: tuple[list[Column], list[list[str]]], width: int) -> None:
    columns, rows = made
    fit = fit_columns(columns, rows, width)
    assert [*fit.indexes] == sorted(fit.indexes)
    assert len(fit.indexes) + len(fit.dropped) == len(columns)
    for place, wide in zip(fit.indexes, fit.widths, strict=True):
        content = max((cell_len(row[place]) for row in rows), default=0)
        assert columns[place].min_width is not None or wide >= content, "what is no text stands as it is"
        assert all(cell_len(word) <= wide for word in columns[place].heading.split())
    if total(fit) > width:
        assert all(columns[place].drop_order is None for place in fit.indexes)
    if total(fit_columns(columns, rows, 10_000)) <= width:
        assert not fit.dropped


@given(tables())
def test_without_an_edge_nothing_is_dropped_or_shortened(made: tuple[list[Column], list[list[str]]]) -> None:
    columns, rows = made
    fit = fit_columns(columns, rows, 10_000)
    assert [*fit.indexes] == [*range(len(columns))]
    for place, wide in enumerate(fit.widths):
        assert all(shorten(row[place], wide) == row[place] for row in rows)


@given(tables(), st.integers(20, 120))
def test_what_is_printed_of_any_table_shows_whole_numbers_only(
    made: tuple[list[Column], list[list[str]]], width: int
) -> None:
    columns, rows = made
    console = Console(width=width, force_terminal=False)
    with console.capture() as captured:
        console.print(table(None, columns, rows), crop=False)
    assert {*NUMBER.findall(captured.get())} <= {*NUMBER.findall(" ".join(cell for row in rows for cell in row))}


def test_the_answer_to_a_query_loses_its_last_columns_and_names_them() -> None:
    console = Console(width=30, force_terminal=False)
    with console.capture() as captured:
        row = 1, {"a" * 9: "b" * 30}, 99.5, datetime(2026, 9, 1, tzinfo=UTC)
        console.print(query_table(["id", "raw", "price", "seen"], [row]))
    lines = captured.get().splitlines()
    assert max(map(len, lines)) <= 30
    assert lines[-1] == "no room for: seen"
    assert lines[1].startswith("1   {'aaaaaaaaa': ")
