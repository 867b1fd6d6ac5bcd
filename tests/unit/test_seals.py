"""The canonical form of an order, and the chain that joins seals."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.seals import (
    DEEPEST,
    FIRST,
    SEALED_COLUMNS,
    Content,
    Seal,
    UnreadRow,
    canonical,
    first_broken_link,
    row_of,
)

NUMBERS = {"order_id", "price", "avg_price", "stop_price", "orig_qty", "executed_qty", "cum_quote"}
COLUMNS: dict[str, Any] = {
    name: Decimal("1.50") if name in NUMBERS else name for name in SEALED_COLUMNS if name != "reduce_only"
} | {"reduce_only": None, "order_id": 7, "order_time": Decimal("1579276756075.000000")}


def form(raw: str = "{}", **changes: Any) -> str:
    return canonical(COLUMNS | changes, row_of(raw))


def test_the_canonical_form_is_written_down_and_never_changes() -> None:
    """If this fails, orders that are sealed would seem to have changed: make another version instead."""
    assert form('{"symbol": "Ä\\"/\\n", "b": [1, 0.50, true, null], "a": {"z": -1e3, "y": {}}}') == (
        '{"avg_price":"1.5","client_order_id":"client_order_id","close_position":"close_position",'
        '"close_type":"close_type","cum_quote":"1.5","executed_qty":"1.5","order_id":7,"order_time":"1579276756075",'
        '"orig_qty":"1.5","orig_type":"orig_type","position_side":"position_side","price":"1.5",'
        '"raw":{"a":{"y":{},"z":-1000},"b":[1,0.5,true,null],"symbol":"Ä\\"/\\n"},"reduce_only":null,"side":"side",'
        '"status":"status","stop_price":"1.5","symbol":"symbol","time_in_force":"time_in_force","type":"type",'
        '"update_time":"update_time","working_type":"working_type"}'
    )


def test_a_seal_is_the_digest_of_a_line_that_anybody_can_write() -> None:
    seal = Seal("main", "usdm", date(2026, 9, 1), 2, "c" * 64, FIRST)
    line = f'[1,"main","usdm","2026-09-01",2,"{"c" * 64}","{"0" * 64}",null]'
    assert seal.digest == sha256(line.encode()).hexdigest()


def test_the_content_of_a_day_is_the_digest_of_its_orders_line_by_line() -> None:
    content = Content(["a", "b"])
    assert (content.orders, content.digest) == (2, sha256(b"a\nb\n").hexdigest())
    assert Content().digest == sha256().hexdigest()


def test_neither_the_order_of_columns_and_keys_nor_spaces_matter() -> None:
    backwards = dict(reversed(COLUMNS.items()))
    assert canonical(backwards, row_of('{"a":1,"b":{"c":2,"d":3}}')) == form(' { "b" : {"d": 3, "c": 2},  "a" : 1 }')


@pytest.mark.parametrize(("one", "other"), [("0.5", "0.500"), ("0", "0.00"), ("100", "1E+2"), ("-7", "-7.0")])
def test_a_decimal_counts_by_its_value(one: str, other: str) -> None:
    assert form(price=Decimal(one)) == form(price=Decimal(other))
    assert form(f'{{"a": {one}}}') == form(f'{{"a": {other}}}')


@pytest.mark.parametrize("name", SEALED_COLUMNS)
def test_every_column_counts(name: str) -> None:
    assert form(**{name: "another"}) != form()


@pytest.mark.parametrize("raw", ['{"a": 1}', '{"a": "1"}', '{"a": 1.5}', '{"a": null}', '{"a": []}', '["a"]', '"a"'])
def test_every_change_of_the_row_counts(raw: str) -> None:
    assert form(raw) != form('{"a": true}')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_a_number_with_a_fraction_changes_how_nothing_else_is_written(value: Any) -> None:
    plain, exact = (form(json.dumps({"x": value, "y": number})) for number in (5, 0.5))
    assert exact == plain.replace('"y":5}', '"y":0.5}')


def test_numbers_of_any_length_stay_exact() -> None:
    digits = "9" * 10_000
    assert f'"a":{digits},"b":0.{digits}' in form(f'{{"a": {digits}, "b": 0.{digits}}}')


def test_of_a_row_nested_beyond_measure_the_text_is_sealed() -> None:
    deepest, deeper = ("[" * depth + "0.5" + "]" * depth for depth in (DEEPEST, DEEPEST + 1))
    assert f'"raw":{deepest}' in form(deepest)
    assert isinstance(row_of(deeper), UnreadRow)
    assert f'"raw":"{deeper}"' in form(deeper)
    many = f'["{"[" * 1_000}\\"{"{" * 1_000}"]'
    assert row_of(many) == json.loads(many), "brackets in a text are no nesting"


def chain(*days: int) -> list[tuple[Seal, str]]:
    made: list[tuple[Seal, str]] = []
    for number, day in enumerate(days):
        former = [digest for seal, digest in made if seal.day.day == day]
        previous = made[-1][1] if made else FIRST
        seal = Seal("main", "usdm", date(2026, 9, day), number, "c" * 64, previous, former[-1] if former else None)
        made.append((seal, seal.digest))
    return made


def test_a_chain_is_whole_as_it_was_made() -> None:
    assert first_broken_link([]) is None
    assert first_broken_link(chain(1, 2, 1, 3, 1)) is None


@pytest.mark.parametrize("gone", range(4))
def test_a_seal_that_is_gone_breaks_the_chain_where_it_was(gone: int) -> None:
    """But for the last, which only somebody who noted it can miss."""
    links = chain(1, 2, 1, 3, 1)
    after = links[gone + 1][0]
    del links[gone]
    broken = first_broken_link(links)
    assert broken is not None
    assert broken[0] == after


@pytest.mark.parametrize("change", [{"orders": 9}, {"content": "d" * 64}, {"day": date(2026, 9, 9)}, {"account": "x"}])
def test_a_seal_whose_columns_change_does_not_fit_its_digest(change: dict[str, Any]) -> None:
    links = chain(1, 2, 3)
    links[1] = replace(links[1][0], **change), links[1][1]
    assert first_broken_link(links) == (links[1][0], "its digest is not that of its own columns")


def test_a_seal_made_anew_from_wrong_content_breaks_the_next() -> None:
    links = chain(1, 2, 3)
    forged = replace(links[1][0], content="d" * 64)
    links[1] = forged, forged.digest
    broken = first_broken_link(links)
    assert broken is not None
    assert broken[0] == links[2][0]


def test_a_second_seal_of_a_day_names_the_first() -> None:
    links = chain(1, 1)
    forged = replace(links[1][0], replaces=None)
    links[1] = forged, forged.digest
    assert first_broken_link(links) == (forged, "it does not name the former seal of its day")
