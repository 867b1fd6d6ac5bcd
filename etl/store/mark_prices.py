"""The table `mark_prices`: the mark price at the beginning of each minute in which an order was created."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from etl.core.mark_prices import MarkPrice
from etl.core.timeline import to_datetime, to_millis

_MISSING = text("""
    SELECT DISTINCT o.symbol, date_trunc('minute', o.order_time, 'UTC') AS minute
      FROM force_orders AS o
     WHERE o.account = :account AND (o.market = :market) IS TRUE AND o.order_time >= :since
       AND o.executed_qty > 0
       AND NOT EXISTS (SELECT FROM mark_prices AS known
                        WHERE known.market = instrument_market(o.market) AND known.symbol = o.symbol
                          AND known.minute = date_trunc('minute', o.order_time, 'UTC'))
     ORDER BY minute DESC, symbol LIMIT :most
""")
_ADD = text("""
    INSERT INTO mark_prices (market, symbol, minute, price, raw)
    SELECT instrument_market(:market), :symbol, minute, price, CAST(row AS jsonb)
      FROM unnest(CAST(:minutes AS timestamptz[]), CAST(:prices AS numeric[]), CAST(:rows AS text[]))
           AS given (minute, price, row)
        ON CONFLICT DO NOTHING
""")


def missing(connection: Connection, account: str, market: str, since: int, most: int) -> list[tuple[str, int]]:
    """The newest minutes of filled orders without a price, each with its symbol; instants in epoch milliseconds."""
    values = {"account": account, "market": market, "since": to_datetime(since), "most": most}
    rows = connection.execute(_MISSING, values)
    return [(symbol, to_millis(minute)) for symbol, minute in rows]


def add(connection: Connection, market: str, symbol: str, prices: Sequence[MarkPrice]) -> None:
    """Keep prices that are not kept yet. The caller commits."""
    values = {
        "market": market,
        "symbol": symbol,
        "minutes": [to_datetime(one.minute) for one in prices],
        "prices": [one.price for one in prices],
        "rows": [one.raw for one in prices],
    }
    if prices:
        connection.execute(_ADD, values)
