"""Identities: what is remembered of a host and key, and which stored order can be asked for."""

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from etl.core.findings import Finding, Verdict
from etl.core.identity import Held
from etl.core.markets import USDM
from etl.core.retention import UNFILLED_KEPT
from etl.core.timeline import DAY, SECOND, Window, to_datetime
from etl.store import coverage, identities
from etl.store.identities import Identity

NOW = 1_795_000_000_000
KEPT = Window(NOW - 90 * DAY, NOW)
SALT, FINGERPRINT = b"s" * 16, b"f" * 16

_ORDER = text("""
    INSERT INTO force_orders (account, market, symbol, order_id, close_type, executed_qty, order_time, update_time, raw,
                              first_seen_at, changed_at, first_run_id, last_run_id)
    VALUES (:account, 'usdm', 'BTCUSDT', :id, 'ADL', :filled, :made, :updated, '{}', now(), now(), 1, 1)
""")


def store(
    connection: Connection,
    order_id: int,
    made: int,
    *,
    updated: int | None = None,
    filled: int | None = 1,
    account: str = "main",
) -> None:
    values = {"account": account, "id": order_id, "filled": filled, "made": to_datetime(made)}
    connection.execute(_ORDER, values | {"updated": to_datetime(made if updated is None else updated)})


def witness(connection: Connection) -> int | None:
    found = identities.newest_witness(connection, "main", USDM, KEPT)
    return None if found is None else found.key[1]


def test_what_is_remembered_last_counts(connection: Connection) -> None:
    assert identities.remembered(connection, "main", USDM) is None
    for host in ("one.example", "other.example"):
        identity = Identity(host, SALT, FINGERPRINT, is_checked=host == "one.example")
        identities.remember(connection, "main", USDM, identity)
        assert identities.remembered(connection, "main", USDM) == identity
    assert identities.remembered(connection, "account2", USDM) is None
    assert [(key.account, key.market) for key in identities.unchecked(connection)] == [("main", USDM)]


@pytest.mark.parametrize(("salt", "fingerprint"), [(b"", FINGERPRINT), (SALT, b"a key that is kept as it is")])
def test_a_fingerprint_without_salt_or_of_another_length_is_refused(
    connection: Connection, salt: bytes, fingerprint: bytes
) -> None:
    with pytest.raises(IntegrityError):
        identities.remember(connection, "main", USDM, Identity("one.example", salt, fingerprint, is_checked=True))


def test_what_is_held_under_a_name_is_its_newest_proof_and_whether_it_has_orders(connection: Connection) -> None:
    assert identities.held(connection, "main", USDM) == Held(None, has_orders=False)
    coverage.ask(connection, "main", USDM, None, NOW - 90 * DAY)
    store(connection, 1, NOW - DAY, account="account2")
    assert identities.held(connection, "main", USDM) == Held(None, has_orders=False)
    findings = [
        Finding(Window(NOW - 3 * DAY, NOW - 2 * DAY), Verdict.PROVEN),
        Finding(Window(NOW - 2 * DAY, NOW - DAY), Verdict.PROVEN, "BTCUSDT"),
        Finding(Window(NOW - DAY, NOW), Verdict.FAILED),
    ]
    coverage.record(connection, "main", USDM, findings)
    store(connection, 1, NOW - DAY)
    assert identities.held(connection, "main", USDM) == Held(NOW - DAY, has_orders=True)


def test_the_newest_order_is_asked_for_in_a_window_with_both_its_times(connection: Connection) -> None:
    assert witness(connection) is None
    store(connection, 1, NOW - 9 * DAY)
    store(connection, 2, NOW - 8 * DAY, updated=NOW - 8 * DAY + SECOND)
    store(connection, 3, NOW - DAY, account="account2")
    found = identities.newest_witness(connection, "main", USDM, KEPT)
    assert found is not None
    assert found.key == ("BTCUSDT", 2)
    assert found.order_time == NOW - 8 * DAY
    assert found.window == Window(NOW - 8 * DAY, NOW - 8 * DAY + SECOND + 1)


def test_an_order_that_the_exchange_need_not_show_is_no_witness(connection: Connection) -> None:
    store(connection, 1, KEPT.start - 1)
    store(connection, 2, NOW - 9 * DAY, updated=NOW - DAY)  # no window holds both times
    store(connection, 3, NOW - UNFILLED_KEPT - 1, filled=0)
    store(connection, 4, NOW - UNFILLED_KEPT - 2, filled=None)
    assert witness(connection) is None
    store(connection, 5, NOW - UNFILLED_KEPT, filled=0)
    assert witness(connection) == 5
