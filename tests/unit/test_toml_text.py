"""Values written as TOML are read back as they were."""

import tomllib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.commands import toml_text
from etl.errors import ConfigError

texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts, st.lists(texts), st.integers(-(10**12), 10**12), st.floats(allow_nan=False, allow_infinity=False))
def test_every_value_comes_back(text: str, listed: list[str], whole: int, number: float) -> None:
    values: dict[str, str | int | float | Sequence[str]] = {
        "text": text,
        "listed": listed,
        "whole": whole,
        "number": number,
    }
    assert tomllib.loads(toml_text.table(values)) == values


@given(texts)
def test_every_name_of_a_table_comes_back(name: str) -> None:
    assert tomllib.loads(f"[accounts.{toml_text.key(name)}]\na = 1\n") == {"accounts": {name: {"a": 1}}}


def test_a_path_that_is_no_utf_8_is_refused() -> None:
    with pytest.raises(ConfigError):
        toml_text.table({"data_dir": "/home/\udcff"})
