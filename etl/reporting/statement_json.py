"""A statement of completeness for programs, and the id by which its page and this document are matched.

Keys are stable. Every number is text, exact to the last digit; instants are ISO 8601 in UTC, days are ISO dates.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from etl.core.statement import PROVEN_MEANS, Statement, calendars
from etl.core.timeline import iso

FORMAT = "force-orders-statement/1"
ID_DIGITS = 16

INSTANTS = frozenset(
    ("at", "start", "end", "since", "until", "told_at", "asked_since", "proven_until", "seen_at", "verified_at")
) | {"sealed_at", "reconciled_at"}
"""Columns that hold epoch milliseconds."""


def document(statement: Statement) -> dict[str, Any]:
    """The statement with its id."""
    verdict = statement.verdict
    said: dict[str, Any] = {
        "format": FORMAT,
        "complete": verdict.is_complete,
        "verdict": verdict.line,
        "accounts": list(statement.accounts),
        "period": {
            "from": statement.period.first.isoformat(),
            "until": statement.period.last.isoformat(),
            "time_zone": statement.zone,
            "starts_at": iso(statement.starts_at),
            "ends_at": iso(statement.ends_at),
        },
        "calendar": [
            {
                "account": one.account,
                "market": one.market,
                "counts": {state: str(count) for state, count in one.counts().items()},
                "days": {day.isoformat(): state for day, state in one.states.items()},
            }
            for one in calendars(statement.days)
        ],
        "markets": [_plain(one) | {"is_read": one.is_read} for one in statement.markets],
        "proven_means": list(PROVEN_MEANS),
        "gaps": _rows(statement.gaps),
        "quarantined": _rows(statement.quarantined),
        "verifications": [_plain(one) | {"result": one.result} for one in statement.verifications],
        "reconciliations": _rows(statement.reconciliations),
        "seals": _rows(statement.seals),
        "orders": _rows(statement.orders),
        "costs": None if statement.costs is None else _rows(statement.costs),
        "export": None if statement.export is None else _plain(statement.export),
        "origin": _plain(statement.origin),
    }
    return {"format": FORMAT, "id": identify(said)} | said


def identify(said: Mapping[str, Any]) -> str:
    """The first digits of the SHA-256 over the document without its id: keys sorted, no white space, UTF-8."""
    content = {name: value for name, value in said.items() if name != "id"}
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:ID_DIGITS]


def encoded(said: Mapping[str, Any]) -> bytes:
    """The file."""
    return (json.dumps(said, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "surrogatepass")


def _rows(lines: Iterable[NamedTuple]) -> list[dict[str, Any]]:
    return [_plain(one) for one in lines]


def _plain(line: NamedTuple) -> dict[str, Any]:
    return {name: _text(name, value) for name, value in line._asdict().items()}


def _text(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return iso(value) if name in INSTANTS else str(value)
