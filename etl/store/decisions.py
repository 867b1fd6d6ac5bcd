"""Decisions: what an operator decided about accounts, coverage and the quarantine, by whom, when and why.

The database itself notes who and when. A decision is recorded in the transaction of what it changes.
"""

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from etl.store.schema import decisions


class Decision(StrEnum):
    """The column `kind`."""

    RETIRE = "retire"
    """The account is no longer read, so its age and gaps raise no alarm."""
    RESUME = "resume"
    """A retired account is read again; recorded by the run that reads it."""
    FORGET = "forget"
    """Every row of the account was deleted."""
    DISMISS = "dismiss"
    """A row that could not be read is of no importance."""
    RESET = "reset"
    """What was proven is to be read again."""
    VANISHED = "vanished"
    """The exchange no longer shows an order that is stored; `details` names its symbol and order id."""
    DISPUTED = "disputed"
    """The exchange's own lists disagree on an order, and nothing can be done; `details` names it as above."""


# The latest decision of each account on whether it is read.
_LATEST = f"""
    SELECT DISTINCT ON (account) account, kind FROM decisions
     WHERE kind IN ('{Decision.RETIRE}', '{Decision.RESUME}', '{Decision.FORGET}') ORDER BY account, id DESC
"""  # noqa: S608 – made of our own names

_RETIRED = text(f"SELECT account FROM ({_LATEST}) AS latest WHERE kind = '{Decision.RETIRE}'")  # noqa: S608

_RESUME = text(f"""
    INSERT INTO decisions (kind, account, why)
    SELECT '{Decision.RESUME}', account, 'a run reads the account again'
      FROM ({_LATEST}) AS latest WHERE kind = '{Decision.RETIRE}' AND account = :account
""")  # noqa: S608 – made of our own names


def record(
    connection: Connection,
    kind: Decision,
    account: str,
    why: str,
    *,
    market: str | None = None,
    details: Mapping[str, object] | None = None,
) -> int:
    """Add a decision and return its id. Without `market` it is about every market of the account."""
    new = {"kind": kind, "account": account, "market": market, "details": dict(details or {}), "why": why}
    return int(connection.execute(insert(decisions).values(new).returning(decisions.c.id)).scalar_one())


def retired_accounts(connection: Connection) -> frozenset[str]:
    """The accounts that were retired, and neither read nor forgotten since."""
    return frozenset(connection.scalars(_RETIRED))


def end_retirement(connection: Connection, account: str) -> None:
    """Record that a retired account is read again; no change if it is not retired."""
    connection.execute(_RESUME, {"account": account})
