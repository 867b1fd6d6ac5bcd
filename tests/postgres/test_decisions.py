"""Decisions are kept with who, when and why, and the latest one says whether an account is retired."""

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from etl.store import decisions
from etl.store.decisions import Decision
from etl.store.schema import DECISIONS
from tests.postgres.samples import ACCOUNT
from tests.roles import ROLES


def decide(connection: Connection, *kinds: Decision, account: str = ACCOUNT) -> None:
    for kind in kinds:
        decisions.record(connection, kind, account, "a test")


def test_every_kind_of_decision_can_be_stored() -> None:
    assert tuple(Decision) == DECISIONS


def test_the_database_notes_who_and_when(connection: Connection, writer_url: str) -> None:
    noted = decisions.record(connection, Decision.RESET, ACCOUNT, "a test", market="usdm", details={"symbol": None})
    (row,) = connection.execute(text("SELECT * FROM decisions")).mappings()
    now, who = connection.execute(text("SELECT now(), session_user")).one()
    assert dict(row) == {
        "id": noted,
        "decided_at": now,
        "decided_by": who,
        "kind": "reset",
        "account": ACCOUNT,
        "market": "usdm",
        "details": {"symbol": None},
        "why": "a test",
    }
    with psycopg.connect(writer_url) as writer:
        writer.execute("INSERT INTO decisions (kind, account, why) VALUES ('retire', 'main', 'a test')")
        assert writer.execute("SELECT decided_by FROM decisions").fetchall() == [(ROLES["writer"],)]


def test_a_decision_needs_a_reason(connection: Connection) -> None:
    with pytest.raises(IntegrityError, match="decisions_why_check"):
        decisions.record(connection, Decision.RETIRE, ACCOUNT, "")


@pytest.mark.parametrize(
    ("kinds", "is_retired"),
    [
        ((), False),
        ((Decision.RETIRE,), True),
        ((Decision.RETIRE, Decision.RESET, Decision.DISMISS), True),
        ((Decision.RETIRE, Decision.RESUME), False),
        ((Decision.RETIRE, Decision.FORGET), False),
        ((Decision.RETIRE, Decision.RESUME, Decision.RETIRE), True),
    ],
)
def test_the_latest_decision_on_it_says_whether_an_account_is_retired(
    connection: Connection, kinds: tuple[Decision, ...], is_retired: bool
) -> None:
    decide(connection, *kinds)
    decide(connection, Decision.RESET, account="hedge")
    assert decisions.retired_accounts(connection) == ({ACCOUNT} if is_retired else set())


@pytest.mark.parametrize("retired", [False, True])
def test_reading_an_account_again_ends_its_retirement_once(connection: Connection, retired: bool) -> None:
    decide(connection, Decision.RETIRE, account="hedge")
    decide(connection, *[Decision.RETIRE] * retired)
    for _ in range(2):
        decisions.end_retirement(connection, ACCOUNT)
    assert decisions.retired_accounts(connection) == {"hedge"}
    kinds = connection.scalars(
        text("SELECT kind FROM decisions WHERE account = :account ORDER BY id"), {"account": ACCOUNT}
    )
    assert list(kinds) == ["retire", "resume"] * retired
