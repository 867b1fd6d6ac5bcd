"""The quick way to the canonical form writes what the definition writes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.seals import DEEPEST, SEALED_COLUMNS, canonical, row_of
from etl.store.canonical_form import KEYS, RAW, canonical_form, canonical_forms

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)

COLUMNS: dict[str, Any] = {name: f'{name} Ä\u2028\x7f"' for name in SEALED_COLUMNS} | {
    "order_id": -(1 << 63),
    "price": None,
    "reduce_only": True,
}


def assert_is_that_of_the_definition(columns: dict[str, Any], raw: str) -> None:
    """By itself, and as a line among others."""
    line = canonical(columns, row_of(raw)).encode()
    plain, values = ([{**columns, RAW: text}[key] for key in KEYS] for text in ("{}", raw))
    assert canonical_form(values) == line
    assert canonical_forms([values, plain]) == line + b"\n" + canonical_forms([plain])


@given(JSON, st.dictionaries(st.sampled_from(SEALED_COLUMNS), st.text(st.characters(exclude_categories=["Cs"]))))
def test_it_is_that_of_the_definition_whatever_the_row(value: Any, changes: dict[str, str]) -> None:
    raw = json.dumps({"x": value}, ensure_ascii=False)
    try:
        raw.encode()
    except UnicodeEncodeError:
        return  # Postgres has no such text
    assert_is_that_of_the_definition(COLUMNS | changes, raw)


NUMBERS = ["0.5", "-0", "1e3", "1E-2", "100.00", str(1 << 63), str(1 << 64), str(-(1 << 70)), "9" * 400, "9" * 5_000]
DEEP = ["[" * depth + "]" * depth for depth in (DEEPEST, DEEPEST + 1)]
CHARACTERS = [json.dumps({chr(n): chr(n) for n in [*range(256), 0x2028, 0xFFFD, 0x1F600]}, ensure_ascii=False)]
NAMES = ['{"b": 1, "a": 2, "\uffff": 3, "\U0001f600": 4, "ab": 5, "": 6}']


@pytest.mark.parametrize("raw", [*(f'{{"a": [{number}]}}' for number in NUMBERS), *DEEP, *CHARACTERS, *NAMES])
def test_it_is_that_of_the_definition_where_libraries_differ(raw: str) -> None:
    assert_is_that_of_the_definition(COLUMNS, raw)
