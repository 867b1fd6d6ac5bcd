"""Reads what orders cost, summed for a report: the amounts of report_costs (a test compares them), but in few joins.

The view looks up each order by itself, which is quick for one and slow for a million.
"""

from collections.abc import Callable, Sequence
from typing import Any

from etl.reporting.report_data import Cost, CostState, Largest

Rows = Callable[..., Sequence[Any]]
"""Runs a query in the report's transaction and scope."""


def costs_were_read(rows: Rows) -> bool:
    """Whether a fill or the income of these accounts and markets was ever read."""
    return bool(rows(_WAS_READ)[0][0])


def read_costs(rows: Rows, **names: object) -> tuple[list[Cost], list[CostState]]:
    """The amounts, and of how many orders they are known. `names` says which symbols have a name of their own."""
    return (
        [Cost._make(row) for row in rows(_OWN + _AMOUNTS, **names)],
        [CostState._make(row) for row in rows(_OWN + _STATES, **names)],
    )


def with_costs(rows: Rows, largest: Sequence[Largest]) -> list[Largest]:
    """The same orders, each with what it cost by asset, if that is known in full."""
    keys = zip(*(row[:4] for row in largest), strict=True)
    found = rows(_OF_ORDERS, **dict(zip(("of", "where", "which", "ids"), map(list, keys), strict=True)))
    costs = {tuple(row[:4]): row[4] for row in found}
    return [
        row._replace(cost_by_asset=costs.get((row.account, row.market, row.symbol, row.order_id))) for row in largest
    ]


_WAS_READ = """
    SELECT EXISTS (SELECT FROM fill_checks WHERE account = ANY(:accounts) AND market = ANY(:markets))
        OR EXISTS (SELECT FROM income_coverage WHERE account = ANY(:accounts) AND market = ANY(:markets))
"""
# IS TRUE keeps the planner off the primary key, with which it would read the account's whole history.
_OWN = """
    WITH own AS MATERIALIZED (
        SELECT account, market, symbol, order_id, close_type, quote_asset, margin_asset, order_time, update_time,
               CASE WHEN symbol = ANY(:named) THEN symbol ELSE :others END AS shown,
               to_char(timezone(:zone, order_time), 'YYYY-MM') AS month
          FROM report_force_orders
         WHERE account = ANY(:accounts) AND (market = ANY(:markets)) IS TRUE
           AND order_time >= :since AND order_time < :until
    )
"""
_AMOUNTS = """
    , filled AS (
        SELECT account, market, symbol, order_id, shown, own.quote_asset, close_type, month, f.trade_id,
               coalesce(f.margin_asset, own.margin_asset) AS pnl_asset, f.realized_pnl, f.commission_asset,
               -f.commission AS commission
          FROM own JOIN force_order_fills AS f USING (account, market, symbol, order_id)
         WHERE f.account = ANY(:accounts)
    ), loose AS (
        SELECT fee.*, coalesce(i.quote_asset, quote_asset_of(fee.market, fee.symbol)) AS quote_asset,
               coalesce(order_time, booked_at) AS happened_at
          FROM unlinked_fees AS fee
          LEFT JOIN instruments AS i ON i.market = instrument_market(fee.market) AND i.symbol = fee.symbol
         WHERE fee.account = ANY(:accounts) AND (fee.market = ANY(:markets)) IS TRUE
    ), moved AS (
        SELECT account, market, shown, quote_asset, close_type, month, pnl_asset AS asset, realized_pnl,
               NULL::numeric AS commission, NULL::numeric AS clearance_fee
          FROM filled
         UNION ALL
        SELECT account, market, shown, quote_asset, close_type, month, commission_asset, NULL, commission, NULL
          FROM filled
         UNION ALL
        SELECT account, market, shown, quote_asset, close_type, month, fee.asset, NULL, NULL, fee.amount
          FROM filled JOIN income AS fee USING (account, market, symbol, trade_id)
         WHERE is_clearance_fee(fee.income_type) AND fee.account = ANY(:accounts)
           -- Two force orders that traded with each other share a trade, and its fee is counted once.
           AND NOT EXISTS (SELECT FROM force_order_fills AS other
                            WHERE other.account = filled.account AND other.market = filled.market
                              AND other.symbol = filled.symbol AND other.trade_id = filled.trade_id
                              AND other.order_id < filled.order_id)
         UNION ALL
        SELECT account, market, CASE WHEN symbol = ANY(:named) THEN symbol ELSE :others END, quote_asset,
               'LIQUIDATION', to_char(timezone(:zone, happened_at), 'YYYY-MM'), asset, NULL, NULL, amount
          FROM loose WHERE happened_at >= :since AND happened_at < :until
    )
    SELECT account, market, shown, quote_asset, close_type, month, coalesce(asset, 'unknown'), sum(realized_pnl),
           sum(commission), sum(clearance_fee)
      FROM moved WHERE coalesce(realized_pnl, commission, clearance_fee) IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 6, 1, 2, 3, 5, 4, 7
"""
_STATES = """
    , unread AS MATERIALIZED (
        SELECT account, market, booked_at FROM unread_fees WHERE account = ANY(:accounts)
    ), judged AS (
        SELECT own.account, own.market, shown, quote_asset, close_type, month,
               'fills ' || replace(fills.missing, '_', ' ') AS of_fills,
               CASE WHEN close_type IN ('ADL', 'SETTLEMENT') OR instrument_market(own.market) = 'margin' THEN NULL
                    WHEN (known.proven @> booked) IS NOT TRUE THEN 'clearance fees not proven'
                    WHEN EXISTS (SELECT FROM unread
                                  WHERE unread.account = own.account AND unread.market = own.market
                                    AND coalesce(unread.booked_at <@ booked, true))
                    THEN 'a clearance fee cannot be read' END AS of_fees
          FROM own
         CROSS JOIN LATERAL (
               SELECT tstzrange(own.order_time, own.update_time + interval '1 minute', '[]') AS booked) AS times
          JOIN fill_states AS fills USING (account, market, symbol, order_id)
          LEFT JOIN income_coverage AS known ON known.account = own.account AND known.market = own.market
                                            AND known.income_type = 'INSURANCE_CLEAR'
         WHERE fills.account = ANY(:accounts) AND (fills.market = ANY(:markets)) IS TRUE
           AND fills.order_time >= :since AND fills.order_time < :until
    )
    SELECT account, market, shown, quote_asset, close_type, month,
           nullif(concat_ws(', ', of_fills, of_fees), '') AS reason, count(*)
      FROM judged GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 6, 1, 2, 3, 5, 4, 7
"""
_OF_ORDERS = """
    SELECT account, market, symbol, order_id, jsonb_object_agg(asset, total::text) FILTER (WHERE asset IS NOT NULL)
      FROM unnest(CAST(:of AS text[]), CAST(:where AS text[]), CAST(:which AS text[]), CAST(:ids AS bigint[]))
           AS wanted (account, market, symbol, order_id)
     CROSS JOIN LATERAL (
           SELECT asset, total, is_complete FROM report_costs AS c
            WHERE (c.account, c.market, c.symbol, c.order_id)
                = (wanted.account, wanted.market, wanted.symbol, wanted.order_id)
           ) AS own
     WHERE is_complete GROUP BY 1, 2, 3, 4
"""
