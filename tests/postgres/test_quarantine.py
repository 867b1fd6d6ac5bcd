"""What could not be read waits, as received, until a later version of the program can read it."""

import json

import pytest
from sqlalchemy import Connection, text

from etl.core.markets import USDM
from etl.core.orders import Reject
from etl.core.wallets import Wallet
from etl.exchange.pages import read_page
from etl.runs.recorder import Received, Recorder
from etl.store import decisions, quarantine
from etl.store.decisions import Decision
from tests.documented import ROW
from tests.postgres.samples import ACCOUNT, page, row

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


def test_a_dismissed_row_does_not_come_back_and_all_others_do(connection: Connection) -> None:
    keep(connection, OBJECT, TEXT)
    dismissed, _ = quarantine.unresolved(connection)
    why = decisions.record(connection, Decision.DISMISS, ACCOUNT, "a test", market=USDM)
    quarantine.dismiss(connection, dismissed.id, why)
    again = quarantine.keep(connection, ACCOUNT, USDM, 2, [STRING, OBJECT, TEXT])
    assert again == [STRING, TEXT], "those that wait, new or not"
    assert [waiting.reason for waiting in quarantine.unresolved(connection)] == [TEXT.reason, STRING.reason]
    assert quarantine.keep(connection, "hedge", USDM, 2, [OBJECT]) == [OBJECT], "the decision was about one account"


TIME = ROW["time"]
UNREADABLE = {
    "an object": row(price="seven"),
    "an order id as text": row(price="seven", orderId=str(ROW["orderId"])),
    "no JSON": row().replace('"10871.09"', "NaN"),
    "no time": row(time=None, updateTime="soon"),
    "an impossible update time": row(updateTime=9_500_000_000_000),
    "an earlier version": row(price="seven", updateTime=TIME - 1),
}
STAYS = {
    "another order": row(price="seven", orderId=1),
    "another symbol": row(price="seven", symbol="ETHUSDT"),
    "a later version": row(price="seven", updateTime=ROW["updateTime"] + 1),
    "no order id": row(orderId=None),
    "no object": "[7]",
}


def receive(connection: Connection, *rows: str, account: str = ACCOUNT) -> Recorder:
    recorder = Recorder(connection, 1, lambda: (1, 50))
    recorder.commit([Received(Wallet(account, USDM), page(*rows), [])])
    return recorder


@pytest.mark.parametrize("raw", UNREADABLE.values(), ids=UNREADABLE)
def test_a_row_is_resolved_when_its_order_is_stored(connection: Connection, raw: str) -> None:
    receive(connection, raw)
    assert quarantine.count(connection) == 1
    receive(connection, row(), account="hedge")
    assert quarantine.count(connection) == 1, "the order of another account"
    receive(connection, row())
    assert quarantine.count(connection) == 0


@pytest.mark.parametrize("raw", STAYS.values(), ids=STAYS)
def test_a_row_stays_when_what_is_stored_is_not_what_it_says(connection: Connection, raw: str) -> None:
    receive(connection, raw)
    receive(connection, row())
    assert quarantine.count(connection) == 1


def test_a_row_without_a_time_is_not_resolved_by_an_order_that_was_stored_before(connection: Connection) -> None:
    receive(connection, row())
    receive(connection, UNREADABLE["no time"])
    receive(connection, row())
    assert quarantine.count(connection) == 1
    receive(connection, row(updateTime=ROW["updateTime"] + 1))
    assert quarantine.count(connection) == 0


def test_a_row_with_an_impossible_time_is_resolved_by_a_later_page_though_the_order_was_stored_before(
    connection: Connection,
) -> None:
    receive(connection, row())
    receive(connection, row(), UNREADABLE["an impossible update time"])
    assert quarantine.count(connection) == 1
    receive(connection, row())
    assert quarantine.count(connection) == 0


def test_a_row_that_one_run_reads_badly_and_then_well_is_resolved(connection: Connection) -> None:
    recorder = receive(connection, row(price="seven"))
    recorder.commit([Received(Wallet(ACCOUNT, USDM), page(row()), [])])
    assert quarantine.count(connection) == 0


def test_a_bad_row_beside_its_good_one_stays(connection: Connection) -> None:
    receive(connection, row(), row(price="seven"))
    assert quarantine.count(connection) == 1


DAYS = text("SELECT first_day::text, last_day::text FROM quarantined_days ORDER BY 1")
NEXT = 86_400_000


@pytest.mark.parametrize(
    ("changes", "days"),
    [
        pytest.param({}, [("2020-07-30", "2020-07-30")], id="both times on one day"),
        pytest.param(
            {"updateTime": TIME + NEXT}, [("2020-07-30", "2020-07-30"), ("2020-07-31", "2020-07-31")], id="two"
        ),
        pytest.param({"time": "?"}, [("2020-07-30", "2020-07-30")], id="one time can be read"),
        pytest.param({"time": str(TIME)}, [("2020-07-30", "2020-07-30")], id="as text"),
        pytest.param({"time": TIME // 1000, "updateTime": None}, [(None, "seen")], id="seconds"),
        pytest.param({"time": TIME * 1000, "updateTime": None}, [(None, "seen")], id="microseconds"),
        pytest.param({"time": 1_500_000_000_000, "updateTime": None}, [(None, "seen")], id="before the exchange"),
        pytest.param({"time": 9_500_000_000_000, "updateTime": None}, [(None, "seen")], id="after it was received"),
    ],
)
def test_a_row_belongs_to_the_days_of_its_times_or_to_every_day_until_it_was_seen(
    connection: Connection, changes: dict[str, object], days: list[tuple[str | None, str]]
) -> None:
    receive(connection, row(**{"price": "seven"} | changes))
    seen = connection.execute(text("SELECT timezone('UTC', seen_at)::date::text FROM quarantined_orders")).scalar_one()
    expected = [(first, seen if last == "seen" else last) for first, last in days]
    assert [tuple(found) for found in connection.execute(DAYS)] == expected
    (waiting,) = quarantine.unresolved(connection)
    quarantine.resolve(connection, [waiting.id])
    assert connection.execute(DAYS).all() == []
