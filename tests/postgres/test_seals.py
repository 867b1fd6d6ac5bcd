"""Which days are sealed and when, what a correction does to a seal, and that a change by hand is found."""

import json
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from etl.commands.check_database import check_database
from etl.commands.retry_quarantine import retry_quarantine
from etl.core.markets import USDM
from etl.core.seals import FIRST
from etl.store import seals
from etl.store.stored_orders import CHUNK_ROWS
from tests.postgres.samples import ACCOUNT
from tests.postgres.sealing import START, History, at, date_of, order, proof

COLUMNS = "every column says what the row as received says"
DAYS = "every sealed day holds the orders that were sealed"
NEWEST = "the newest seal of each account is the one that was made last"
UNSEALED = "every proven day that is long past has a seal"
CHAIN = "every seal follows from the seal before it"


@pytest.fixture
def history(connection: Connection) -> History:
    return History(connection)


@pytest.fixture
def sealed(history: History) -> History:
    """Three sealed days of 2, 0 and 1 orders, and an order on a fourth."""
    rows = (order(0.1, 1), order(0.9, 2), order(2.5, 3), order(3.5, 4))
    history.store(*rows, proofs=(proof(0, 4),))
    history.seal(until=3)
    return history


def test_a_day_is_sealed_once_it_is_old_enough(history: History) -> None:
    history.store(order(0.5, 1), order(2.5, 2), proofs=(proof(0, 3),))
    for until, expected in ((0.99, []), (1, [(0, 1)]), (2.99, [(0, 1), (1, 0)]), (5, [(0, 1), (1, 0), (2, 1)])):
        history.seal(until)
        assert history.sealed() == expected


def test_days_of_more_orders_than_are_read_at_a_time_are_sealed_whole_odd_ones_among_them(
    history: History,
) -> None:
    odd: dict[int, dict[str, Any]] = {
        0: {"note": 0.5},
        CHUNK_ROWS - 1: {"note": 1 << 70},
        CHUNK_ROWS: {"note": [[1e3]]},
    }
    days = (CHUNK_ROWS + 1, CHUNK_ROWS - 1, 3)
    for day, orders in enumerate(days):
        rows = [
            order(day + number / 5_000, 10_000 * day + number + 1, **odd.get(number, {})) for number in range(orders)
        ]
        history.store(*rows, proofs=(proof(day, day + 1),))
    history.seal(until=3)
    assert history.sealed() == [*enumerate(days)]
    assert history.wrong() == {}


@pytest.mark.parametrize(
    ("proofs", "days"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([proof(0, 0.99)], [], id="less than a day"),
        pytest.param([proof(0.01, 1)], [], id="a day without its beginning"),
        pytest.param([proof(0.5, 2.5)], [1], id="whole days only"),
        pytest.param([proof(0, 1), proof(2, 3)], [0, 2], id="two islands"),
        pytest.param([proof(0, 0.5), proof(0.5, 1)], [0], id="a day in pieces"),
        pytest.param([proof(0, 2, "BTCUSDT")], [0, 1], id="by name"),
        pytest.param([proof(0, 2, "BTCUSDT"), proof(1, 3, "ETHUSDT")], [1], id="by two names"),
        pytest.param([proof(0, 3, "BTCUSDT"), proof(1, 2)], [1], id="by name and then all"),
        pytest.param([proof(0, 3), proof(1, 2, "BTCUSDT")], [0, 1, 2], id="all and a name"),
    ],
)
def test_only_days_that_are_proven_for_every_symbol_are_sealed(history: History, proofs: Any, days: list[int]) -> None:
    history.store(proofs=tuple(proofs))
    history.seal(until=10)
    assert [day for day, _ in history.sealed()] == days


@pytest.mark.parametrize(
    ("row", "days"),
    [
        pytest.param(order(1.5, 1, price="?"), [0, 2], id="of that day"),
        pytest.param(order(1.5, 1, price="?", time=None), [0, 2], id="with one time"),
        pytest.param(order(7.5, 1, price="?"), [0, 1, 2], id="of another day"),
        pytest.param(json.dumps({"odd": 1}), [], id="without time"),
        pytest.param(order(1.5, 1, time="noon"), [], id="with a time that cannot be read"),
        pytest.param(order(1.5, 1, price="?", time=at(1.5) // 1000), [], id="with a time in seconds"),
        pytest.param(order(1.5, 1, time=9_500_000_000_000), [], id="with a time in the future"),
        pytest.param('{"time": NaN}', [], id="that is no JSON"),
    ],
)
def test_a_day_with_a_row_in_quarantine_is_not_sealed_until_that_is_resolved(
    history: History, row: str, days: list[int]
) -> None:
    history.store(row, proofs=(proof(0, 3),))
    history.seal(until=3)
    assert [day for day, _ in history.sealed()] == days
    history.sql("UPDATE quarantined_orders SET resolved_at = now()")
    history.seal(until=3)
    assert sorted(day for day, _ in history.sealed()) == [0, 1, 2]


def test_seals_form_a_chain(sealed: History) -> None:
    chain = sealed.chain()
    assert [one.seal.previous for one in chain] == [FIRST, *(one.digest for one in chain[:-1])]
    assert [one.digest for one in chain] == [one.seal.digest for one in chain]
    assert seals.newest(sealed.connection) == chain[-1:]
    assert sealed.wrong() == {}


def test_a_run_that_seals_nothing_asks_one_question(sealed: History) -> None:
    statements: list[str] = []
    event.listen(sealed.connection, "before_cursor_execute", lambda *called: statements.append(called[2]))
    seals.seal_proven_days(sealed.connection, ACCOUNT, USDM, 1, at(3))
    assert len(statements) == 1
    seals.seal_proven_days(sealed.connection, ACCOUNT, USDM, 1, at(4))
    assert len(statements) == 6


CORRECTIONS = {
    "a late order": order(0.5, 9),
    "a later version": order(0.1, 1, updateTime=at(0.2), status="EXPIRED"),
    "a late order on a day without": order(1.5, 9),
}


@pytest.mark.parametrize("row", CORRECTIONS.values(), ids=CORRECTIONS)
def test_a_correction_makes_a_new_seal_that_names_its_predecessor(sealed: History, row: str) -> None:
    before = sealed.chain()
    sealed.store(row)
    *same, new = sealed.chain()
    assert same == before
    (former,) = [one for one in before if one.seal.day == new.seal.day]
    assert (new.seal.replaces, new.seal.previous) == (former.digest, before[-1].digest)
    assert sealed.wrong() == {}


def test_a_repair_that_replaces_an_equal_version_makes_a_new_seal(sealed: History) -> None:
    sealed.store(order(0.1, 1, status="CANCELED"), replace_equal=True)
    assert [day for day, _ in sealed.sealed()] == [0, 1, 2, 0]
    assert sealed.wrong() == {}


def test_an_order_whose_time_moves_to_another_day_makes_a_new_seal_of_both(sealed: History) -> None:
    sealed.store(order(2.1, 1, updateTime=at(2.2)))
    assert sealed.sealed()[3:] == [(0, 1), (2, 2)]
    sealed.store(order(3.9, 1, updateTime=at(3.9)))
    assert sealed.sealed()[5:] == [(2, 1)]
    assert sealed.wrong() == {}


def test_what_changes_nothing_and_what_is_not_sealed_makes_no_seal(sealed: History) -> None:
    sealed.store(order(0.1, 1), order(3.5, 4, updateTime=at(3.6)), order(5, 5))
    assert len(sealed.chain()) == 3


def test_a_correction_and_its_seal_are_one_transaction(sealed: History) -> None:
    sealed.sql("ALTER TABLE runs ADD CHECK (command = '' OR rows_received = 0) NOT VALID")
    with pytest.raises(Exception, match="check constraint"):
        sealed.store(order(0.5, 9))
    sealed.connection.rollback()
    assert len(sealed.chain()) == 3
    assert DAYS not in sealed.wrong()


def test_a_correction_does_not_cover_up_what_somebody_changed_on_the_same_day(sealed: History) -> None:
    sealed.sql('UPDATE force_orders SET price = 1, raw = raw || \'{"price": "1"}\' WHERE order_id = 2')
    sealed.store(order(0.5, 9), order(2.1, 8))
    assert [day for day, _ in sealed.sealed()] == [0, 1, 2, 2]
    assert sealed.wrong() == {DAYS: "main usdm 2021-09-01: 3 orders, but 2 when it was sealed"}


def test_a_repair_of_what_somebody_changed_brings_back_the_day_that_was_sealed(sealed: History) -> None:
    sealed.sql('UPDATE force_orders SET price = 1, raw = raw || \'{"price": "1"}\' WHERE order_id = 2')
    assert DAYS in sealed.wrong()
    sealed.store(order(0.9, 2), replace_equal=True)
    assert (len(sealed.chain()), sealed.wrong()) == (3, {})


def insert(day: int, order_id: int) -> str:
    """An order made by hand of another: in every column it says the same as in `raw`."""
    raw = order(day + 0.5, order_id)
    moment = f"timestamptz 'epoch' + {at(day + 0.5)} * interval '1 ms'"
    changed = f"'order_id', {order_id}, 'order_time', {moment}, 'update_time', {moment}, 'raw', '{raw}'::jsonb"
    return f"""
        INSERT INTO force_orders
        SELECT (jsonb_populate_record(o, jsonb_build_object({changed}))).* FROM force_orders AS o WHERE order_id = 1
    """


FIRST_DAY, SECOND_DAY = f"main usdm {date_of(0)}", f"main usdm {date_of(1)}"
NOT_THE_SAME = f"{FIRST_DAY}: 2 orders as when it was sealed, but not the same"
TAMPERING = {
    "an order is deleted": (
        "DELETE FROM force_orders WHERE order_id = 1",
        {DAYS: f"{FIRST_DAY}: 1 order, but 2 when it was sealed"},
    ),
    "an order is added": (insert(1, 9), {DAYS: f"{SECOND_DAY}: 1 order, but 0 when it was sealed"}),
    "an order is exchanged": (
        f"DELETE FROM force_orders WHERE order_id = 2; {insert(0, 9)}",
        {DAYS: NOT_THE_SAME},
    ),
    "a column is changed": (
        "UPDATE force_orders SET price = price + 1 WHERE order_id = 2",
        {DAYS: NOT_THE_SAME, COLUMNS: f"{FIRST_DAY} BTCUSDT, order 2: price"},
    ),
    "a column is emptied": (
        "UPDATE force_orders SET side = NULL, close_type = 'ADL' WHERE order_id = 2",
        {DAYS: NOT_THE_SAME, COLUMNS: f"{FIRST_DAY} BTCUSDT, order 2: side, close_type"},
    ),
    "a column of a day that is not sealed is changed": (
        "UPDATE force_orders SET side = 'BUY' WHERE order_id = 4",
        {COLUMNS: f"main usdm {date_of(3)} BTCUSDT, order 4: side"},
    ),
    "a row is changed": (
        "UPDATE force_orders SET raw = raw - 'side' WHERE order_id = 2",
        {DAYS: NOT_THE_SAME, COLUMNS: f"{FIRST_DAY} BTCUSDT, order 2: side"},
    ),
    "a row's unknown key is changed": (
        "UPDATE force_orders SET raw = raw || '{\"new\": 1}' WHERE order_id = 2",
        {DAYS: NOT_THE_SAME},
    ),
    "a row is changed into what no order is": (
        "UPDATE force_orders SET raw = '5' WHERE order_id = 2",
        {DAYS: NOT_THE_SAME, COLUMNS: f"{FIRST_DAY} BTCUSDT, order 2: raw"},
    ),
    "row and columns are changed": (
        'UPDATE force_orders SET price = 1, raw = raw || \'{"price": "1"}\' WHERE order_id = 2',
        {DAYS: NOT_THE_SAME},
    ),
    "an order is moved to another account": (
        "UPDATE force_orders SET account = 'other' WHERE order_id = 2",
        {
            DAYS: f"{FIRST_DAY}: 1 order, but 2 when it was sealed",
            "every symbol with an order has a watermark": "other usdm BTCUSDT",
        },
    ),
    "a seal is changed": (
        "UPDATE seals SET orders = 3 WHERE day = '2021-09-02'",
        {
            DAYS: f"{SECOND_DAY}: 0 orders, but 3 when it was sealed",
            CHAIN: f"{SECOND_DAY}: its digest is not that of its own columns",
        },
    ),
    "a seal is deleted": (
        "DELETE FROM seals WHERE day = '2021-09-02'",
        {CHAIN: f"main usdm {date_of(2)}: it does not follow the seal before it: a seal is missing or was changed"},
    ),
    "the first seal is deleted": (
        "DELETE FROM seals WHERE day = '2021-09-01'",
        {CHAIN: f"{SECOND_DAY}: it does not follow the seal before it: a seal is missing or was changed"},
    ),
}


@pytest.mark.parametrize(("statement", "found"), TAMPERING.values(), ids=TAMPERING)
def test_a_change_by_hand_is_found_where_it_was_made(sealed: History, statement: str, found: dict[str, str]) -> None:
    sealed.sql(statement)
    assert sealed.wrong() == found


def test_the_first_day_that_differs_is_named_and_the_others_are_counted(sealed: History) -> None:
    sealed.sql("DELETE FROM force_orders WHERE order_id IN (2, 3)")
    (days,) = [check for check in check_database(sealed.connection).checks if check.wrong]
    assert (days.checked, days.wrong) == ("3 days", 2)
    assert days.first == f"{FIRST_DAY}: 1 order, but 2 when it was sealed"


def test_seals_dropped_from_the_end_are_found_and_no_further_seal_covers_it_up(sealed: History) -> None:
    sealed.sql("DELETE FROM seals WHERE day = '2021-09-03'; DELETE FROM force_orders WHERE order_id = 3")
    assert sealed.wrong() == {NEWEST: "main usdm"}
    assert seals.is_cut(sealed.connection, ACCOUNT, USDM)
    before = sealed.chain()
    sealed.store(order(0.5, 9))
    assert sealed.chain() == before, "nor does a correction"


def test_an_account_without_seals_is_not_cut(history: History) -> None:
    assert not seals.is_cut(history.connection, ACCOUNT, USDM)


def test_seals_dropped_in_both_tables_are_missed_only_by_somebody_who_noted_one(sealed: History) -> None:
    noted = sealed.chain()[-1].digest
    assert sealed.wrong(noted, noted[:12]) == {}
    sealed.sql("DELETE FROM seals WHERE day = '2021-09-03'; DELETE FROM force_orders WHERE order_id = 3")
    sealed.sql("UPDATE newest_seals SET digest = (SELECT digest FROM seals ORDER BY id DESC LIMIT 1)")
    assert sealed.wrong() == {}
    assert list(sealed.wrong(noted[:12])) == [f"the noted seal {noted[:12]} is there"]


def test_a_database_made_anew_from_altered_orders_lacks_the_seal_that_was_noted(sealed: History) -> None:
    noted = sealed.chain()[-1].digest
    sealed.sql("DELETE FROM seals; DELETE FROM newest_seals; DELETE FROM force_orders WHERE order_id = 1")
    sealed.seal(until=3)
    assert sealed.wrong() == {}
    assert list(sealed.wrong(noted)) == [f"the noted seal {noted} is there"]


PROVEN_BY_HAND = "UPDATE coverage SET proven = proven + tstzmultirange(tstzrange('2021-08-20Z', '2021-09-01Z'))"


def test_proof_added_by_hand_is_found_by_its_days_without_a_seal(sealed: History) -> None:
    sealed.sql("UPDATE runs SET status = 'succeeded', finished_at = now()")
    assert sealed.wrong() == {}
    sealed.sql(PROVEN_BY_HAND)
    assert sealed.wrong() == {UNSEALED: "main usdm 2021-08-20"}


@pytest.mark.parametrize(
    "reason",
    [
        "UPDATE runs SET status = 'stopped' WHERE id = (SELECT max(id) FROM runs)",
        "INSERT INTO runs (command, status) VALUES ('backfill', 'running')",
        """INSERT INTO quarantined_orders (account, market, raw, reason, run_id, resolved_at)
           VALUES ('main', 'usdm', '{}', 'a row without time', 1, now())""",
    ],
)
def test_a_day_may_wait_for_its_seal_where_no_run_has_reached_its_end_since(sealed: History, reason: str) -> None:
    sealed.sql("UPDATE runs SET status = 'succeeded', finished_at = now()")
    sealed.sql(PROVEN_BY_HAND)
    sealed.sql(reason)
    assert sealed.wrong() == {}


def test_accounts_have_chains_of_their_own(sealed: History) -> None:
    seals.seal_proven_days(sealed.connection, "other", USDM, 1, at(9))
    assert seals.chain(sealed.connection, "other", USDM) == []
    sealed.sql(
        """INSERT INTO coverage (account, market, symbol, proven)
            VALUES ('other', 'usdm', '*', '{[2021-09-01Z, 2021-09-02Z)}')"""
    )
    seals.seal_proven_days(sealed.connection, "other", USDM, 1, START + 10**9)
    (one,) = seals.chain(sealed.connection, "other", USDM)
    assert (one.seal.previous, one.seal.orders) == (FIRST, 0)


def test_nobody_can_fork_a_chain(sealed: History) -> None:
    with pytest.raises(Exception, match="seals_account_market_previous_key"):
        sealed.sql("""
            INSERT INTO seals (account, market, day, version, orders, content, previous, digest, run_id)
            SELECT account, market, day, version, orders, content, previous, digest, run_id FROM seals LIMIT 1
        """)


def test_a_quarantined_row_that_is_read_later_makes_a_new_seal_of_its_day(sealed: History) -> None:
    sealed.connection.execute(
        text(
            "INSERT INTO quarantined_orders (account, market, raw, reason, run_id)"
            " VALUES ('main', 'usdm', CAST(:late AS jsonb), 'an older version could not read it', 1)"
        ),
        {"late": order(0.5, 9)},
    )
    sealed.connection.commit()
    assert retry_quarantine(sealed.connection).stored == 1
    assert sealed.sealed()[3:] == [(0, 3)]
    assert sealed.wrong() == {}
