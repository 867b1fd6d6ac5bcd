"""What reaches a terminal: every script, no control."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from etl.core.text import printable
from etl.reporting.layout import Column
from etl.reporting.table import table

STEERING = {
    "an escape sequence": ("\x1b[2Jx", "�[2Jx"),
    "a title": ("\x1b]0;owned\x07x", "�]0;owned�x"),
    "the same of one byte": ("\x9b2Jx", "�2Jx"),
    "a bell": ("a\x07b", "a�b"),
    "backspaces": ("ab\x08\x08c", "ab��c"),
    "a delete": ("a\x7fb", "a�b"),
    "a turned direction": ("\u202eTDSU", "�TDSU"),
    "an isolate": ("\u2066a\u2069", "�a�"),
    "half a surrogate pair": ("\ud800", "�"),
    "a line break": ("a\nforce-orders: all is well", "a force-orders: all is well"),
    "a return": ("a\r\nb", "a  b"),
    "a tab": ("a\tb", "a b"),
    "a line break of another script": ("a\u2028b\x85c", "a b c"),
}


@pytest.mark.parametrize(("text", "shown"), STEERING.values(), ids=STEERING)
def test_what_steers_a_terminal_is_taken_out_and_white_space_is_a_space(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("text", ["", "BTCUSDT", "币安人生USDT", "é ñ ß", "עברית", "–…“”→", "🚀", "[red]markup[/]"])
def test_letters_and_signs_of_every_script_stay(text: str) -> None:
    assert printable(text) == text


@given(st.text())
def test_any_text_is_one_line_of_the_same_length_without_control_characters(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert printable(shown) == shown


def test_heads_and_cells_of_a_table_are_neither_markup_nor_escape_sequences() -> None:
    console = Console(width=200, force_terminal=False)
    with console.capture() as captured:
        console.print(
            table(None, (Column("[red]head"), Column("\x1b[2Jhead")), [("[b]cell", "\x1b[2Jcell"), (None, 0)])
        )
    lines = [line.split() for line in captured.get().splitlines()]
    assert lines == [["[red]head", "�[2Jhead"], ["[b]cell", "�[2Jcell"], ["–", "0"]]
