"""The table `daily_sums`: what the report says of each day, kept for days whose orders do not change.

Triggers mark the days of what is written, and a marked day is computed when it is read. So summing may be late, stop
anywhere and be done by two processes at once: no answer depends on it.
"""

from sqlalchemy import Connection, text

DAYS_AT_ONCE = 200
"""Days of one transaction. While it is open, what writes orders of these days waits."""

# A day that somebody writes stays marked anyway.
_MARKED = text(f"""
    SELECT account, market, day FROM order_days
     WHERE NOT is_summed AND market NOT IN ('coinm', 'pm-coinm')
     ORDER BY account, market, day LIMIT {DAYS_AT_ONCE} FOR UPDATE SKIP LOCKED
""")  # noqa: S608 – a number of ours
_PICKED = """
    unnest(CAST(:accounts AS text[]), CAST(:markets AS text[]), CAST(:days AS date[])) AS picked (account, market, day)
"""
_REMOVE = text(f"""
    DELETE FROM daily_sums AS own USING {_PICKED}
     WHERE own.account = picked.account AND own.market = picked.market AND own.day = picked.day
""")  # noqa: S608
_SUM = text(f"""
    INSERT INTO daily_sums (account, market, day, symbol, close_type, orders, quantity_filled, notional,
                            improvement_bps, largest_notional, quantity_unfilled)
    SELECT account, market, day, symbol, close_type, orders, quantity_filled, notional, improvement_bps,
           largest_notional, quantity_unfilled
      FROM {_PICKED} JOIN computed_daily_sums USING (account, market, day)
""")  # noqa: S608
_UNMARK = text(f"""
    UPDATE order_days AS own SET is_summed = true FROM {_PICKED}
     WHERE own.account = picked.account AND own.market = picked.market AND own.day = picked.day
""")  # noqa: S608


def sum_marked_days(connection: Connection) -> int:
    """Sum some of the marked days and return how many; 0: none is left. The caller commits.

    The days are locked first. So a later statement sees all that was written before, and what is written then marks
    them again.
    """
    marked = connection.execute(_MARKED).all()
    if marked:
        values = dict(zip(("accounts", "markets", "days"), map(list, zip(*marked, strict=True)), strict=True))
        for statement in (_REMOVE, _SUM, _UNMARK):
            connection.execute(statement, values)
    return len(marked)
