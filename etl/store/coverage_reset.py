"""Takes back what is known of a span, of orders and other records, so that it is read again. Deletes nothing stored."""

from typing import NamedTuple

from sqlalchemy import Connection, text

from etl.core.findings import Verdict
from etl.core.timeline import Window, merge, to_datetime, to_millis
from etl.store.schema import EVERY_SYMBOL

_LOST = Verdict.BEYOND_RETENTION.value
_SPAN = "tstzmultirange(tstzrange(CAST(:since AS timestamptz), CAST(:until AS timestamptz)))"
_FORGOTTEN = "tstzmultirange(tstzrange(NULL, CAST(:kept_since AS timestamptz)))"
_TAKEN = {verdict.value: _SPAN for verdict in Verdict} | {_LOST: f"({_SPAN} - {_FORGOTTEN})"}
"""What each set of a scope loses: what the exchange no longer keeps stays beyond its retention."""

_IN_SCOPE = f"""
    account = :account AND (CAST(:market AS text) IS NULL OR market = :market)
    AND (CAST(:symbol AS text) IS NULL OR symbol IN (:symbol, '{EVERY_SYMBOL}'))
"""

_PROVEN = text(f"""
    SELECT lower(piece) AS start, upper(piece) AS until
      FROM coverage CROSS JOIN LATERAL unnest(proven * {_SPAN}) AS piece WHERE {_IN_SCOPE}
""")  # noqa: S608 – made of the constants above

_LEFT = {name: f"{name} - {taken}" for name, taken in _TAKEN.items()}
_LEFT[_LOST] += f" + proven * {_SPAN} * {_FORGOTTEN}"

# What is taken back at the beginning of the history must count as asked for, or it would be no gap afterwards.
_RESET = text(f"""
    UPDATE coverage SET {", ".join(f"{name} = {left}" for name, left in _LEFT.items())},
                        asked_since = least(asked_since, lower(proven))
     WHERE {_IN_SCOPE} AND ({" OR ".join(f"{name} && {taken}" for name, taken in _TAKEN.items())})
""")  # noqa: S608 – made of the constants above

# The other lists are read without symbol: they are taken back where every symbol of their market is.
_RESET_RECORDS = [
    text(f"""
        UPDATE {table} SET {", ".join(f"{name} = {left}" for name, left in _LEFT.items())},
                           asked_since = least(asked_since, lower(proven))
         WHERE account = :account AND (CAST(:market AS text) IS NULL OR market = :market)
           AND CAST(:symbol AS text) IS NULL AND ({" OR ".join(f"{name} && {taken}" for name, taken in _TAKEN.items())})
    """)  # noqa: S608 – made of the constants above
    for table in ("capital_flow_coverage", "income_coverage")
]


class Reach(NamedTuple):
    """What a reset is about. None: every market, every symbol, no limit; instants are epoch milliseconds.

    With a symbol, what was read without symbol is taken back as well, because it proves that symbol too.
    """

    account: str
    market: str | None = None
    symbol: str | None = None
    since: int | None = None
    until: int | None = None

    def _values(self) -> dict[str, object]:
        ends = {name: getattr(self, name) for name in ("since", "until")}
        return self._asdict() | {name: None if end is None else to_datetime(end) for name, end in ends.items()}


def proven_within(connection: Connection, reach: Reach) -> list[Window]:
    """What is proven of any symbol, merged."""
    rows = connection.execute(_PROVEN, reach._values())
    return merge(Window(to_millis(row.start), to_millis(row.until)) for row in rows)


def reset(connection: Connection, reach: Reach, kept_since: int) -> bool:
    """Remove the span from what is proven, and from the reasons of gaps; False where nothing was known of it.

    What was proven before `kept_since`, epoch milliseconds, becomes a gap `beyond_retention`: it cannot be read again.
    """
    values = reach._values() | {"kept_since": to_datetime(kept_since)}
    return sum(connection.execute(statement, values).rowcount for statement in (_RESET, *_RESET_RECORDS)) > 0
