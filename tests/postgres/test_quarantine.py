"""What could not be read waits, as received, until a later version of the program can read it."""

import json

import pytest
from sqlalchemy import Connection

from etl.core.markets import USDM
from etl.core.orders import Reject
from etl.exchange.pages import read_page
from etl.store import quarantine
from tests.postgres.samples import ACCOUNT

OBJECT = Reject('{"orderId": 1, "price": 1.50}', "symbol is missing", is_json=True)
TEXT = Reject('{"price": NaN, "note": "\\"quoted\\" ü"}', "price is no decimal", is_json=False)
STRING = Reject('"just a string"', "the row is no object", is_json=True)


def keep(connection: Connection, *rejects: Reject) -> None:
    quarantine.keep(connection, ACCOUNT, USDM, 1, rejects)


def test_nothing_waits_at_first(connection: Connection) -> None:
    keep(connection)
    assert (quarantine.count(connection), quarantine.unresolved(connection)) == (0, [])


def test_rows_wait_in_the_order_in_which_they_came(connection: Connection) -> None:
    keep(connection, TEXT, OBJECT)
    waiting = quarantine.unresolved(connection)
    assert [(row.account, row.reason) for row in waiting] == [(ACCOUNT, TEXT.reason), (ACCOUNT, OBJECT.reason)]
    assert quarantine.count(connection) == 2


def test_what_is_json_comes_back_as_json_and_all_else_letter_by_letter(connection: Connection) -> None:
    keep(connection, OBJECT, TEXT)
    as_json, as_text = (row.raw for row in quarantine.unresolved(connection))
    assert json.loads(as_json, parse_float=str) == {"orderId": 1, "price": "1.50"}
    assert as_text == TEXT.raw


def test_rows_that_no_parser_takes_come_back_as_their_text(connection: Connection) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    page = read_page(b'[{"a":"\xff"},{"a":"\x00"},{"a":"\t"},{"a":"\\ud800"},' + deep + b"]", 0)
    keep(connection, *page.rejects)
    texts = [r'{"a":"\xff"}', r'{"a":"\x00"}', '{"a":"\t"}', r'{"a":"\ud800"}', deep.decode()]
    assert [row.raw for row in quarantine.unresolved(connection)] == texts


@pytest.mark.parametrize("resolved", [0, 1])
def test_a_resolved_row_waits_no_more(connection: Connection, resolved: int) -> None:
    keep(connection, OBJECT, TEXT)
    rows = quarantine.unresolved(connection)
    quarantine.resolve(connection, [rows.pop(resolved).id])
    assert quarantine.unresolved(connection) == rows
    assert quarantine.count(connection) == 1


def test_resolving_nothing_changes_nothing(connection: Connection) -> None:
    keep(connection, OBJECT)
    quarantine.resolve(connection, [])
    assert quarantine.count(connection) == 1


def test_a_row_that_comes_back_waits_anew(connection: Connection) -> None:
    keep(connection, OBJECT)
    (first,) = quarantine.unresolved(connection)
    quarantine.resolve(connection, [first.id])
    keep(connection, OBJECT, OBJECT)
    (second,) = quarantine.unresolved(connection)
    assert second.id > first.id
