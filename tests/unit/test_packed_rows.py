"""Rows as columns: what goes in comes out again, whatever it is, and what repeats takes no room."""

import json

from hypothesis import given
from hypothesis import strategies as st

from etl.reporting.packed_rows import pack
from tests.packed import unpack

INSTANTS = st.datetimes().map(lambda at: f"{at.isoformat(timespec='milliseconds')}Z")
TEXTS = st.one_of(st.text(max_size=4), st.sampled_from(["", " ", "1.50", "-0.001", "a b", "null"]), INSTANTS)
VALUES = st.one_of(
    st.none(),
    TEXTS,
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dictionaries(st.sampled_from(["BNB", "USDT", "a b"]), st.one_of(st.none(), TEXTS), max_size=3),
)
COLUMNS = st.one_of(*(st.lists(kind, min_size=6, max_size=6) for kind in (VALUES, TEXTS, INSTANTS, st.booleans())))


@given(st.lists(COLUMNS, min_size=1, max_size=4))
def test_packed_rows_come_out_as_they_were(columns: list[list[object]]) -> None:
    rows = [list(row) for row in zip(*columns, strict=True)]
    packed = json.loads(json.dumps(pack(rows)))
    assert json.dumps(unpack(packed)) == json.dumps(rows)


def test_no_row_is_no_column() -> None:
    assert pack([]) == {"rows": 0, "columns": []}
    assert unpack(pack([])) == []


def test_what_repeats_takes_no_room() -> None:
    rows = [[0, "LIQUIDATION", f"{n % 7}"] for n in range(1_000)]
    assert len(json.dumps(pack(rows))) < 4_000 < len(json.dumps(rows)) / 5
