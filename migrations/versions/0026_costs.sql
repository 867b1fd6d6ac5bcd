-- What a force order cost, by the exchange's own records: its fills, their fees, and the fee for its clearance.

-- What is missing of the fills of each order: null, if they are all stored and say what they cost. An order that nothing
-- was filled of has none.
CREATE VIEW fill_states AS
SELECT o.account, o.market, o.symbol, o.order_id, o.order_time, o.update_time, c.reason AS detail,
       CASE WHEN o.executed_qty = 0 THEN NULL
            WHEN c.state = 'complete' AND c.executed_qty = o.executed_qty
                 AND c.cum_quote IS NOT DISTINCT FROM o.cum_quote
                 THEN CASE WHEN EXISTS (SELECT FROM force_order_fills AS f
                                         WHERE (f.account, f.market, f.symbol, f.order_id)
                                             = (o.account, o.market, o.symbol, o.order_id)
                                           AND (f.realized_pnl IS NULL OR f.commission IS NULL
                                                OR (f.commission_asset IS NULL AND f.commission <> 0)))
                           THEN 'not_available' END
            WHEN o.executed_qty IS NULL OR instrument_market(o.market) = 'margin' THEN 'not_available'
            WHEN o.update_time < now() - interval '90 days' THEN 'beyond_retention'
            WHEN c.state = 'incomplete' THEN 'incomplete'
            ELSE 'not_read' END AS missing
  FROM force_orders AS o
  LEFT JOIN fill_checks AS c USING (account, market, symbol, order_id);

CREATE FUNCTION is_clearance_fee(income_type text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT income_type IN ('INSURANCE_CLEAR', 'LIQUIDATION_FEE')
$$;

-- Rows of income in quarantine that are fees for clearance, or do not say what they are. What is proven does not hold them.
CREATE VIEW unread_fees AS
SELECT account, substr(market, length('income-') + 1) AS market,
       coalesce(quarantined_field(raw, 'incomeType'), 'income') AS income_type,
       quarantined_moment(raw, 'time') AS booked_at, reason
  FROM quarantined_orders
 WHERE resolved_at IS NULL AND market LIKE 'income-%'
   AND coalesce(is_clearance_fee(quarantined_field(raw, 'incomeType')), true);

CREATE VIEW cost_gaps AS
SELECT account, market, symbol, order_id, 'fills'::text AS what, order_time AS gap_start, update_time AS gap_end,
       missing AS reason, CASE missing WHEN 'incomplete' THEN detail END AS detail
  FROM fill_states WHERE missing IS NOT NULL
 UNION ALL
SELECT account, market, NULL, NULL, income_type, gap_start, gap_end, reason, NULL FROM income_gaps
 UNION ALL
SELECT account, market, NULL, NULL, income_type, booked_at, booked_at, 'quarantined', reason FROM unread_fees;

-- Fees for clearance that name no fill of a stored order, each with the nearest order of its symbol within a minute.
-- IS TRUE keeps the planner off the primary key, with which it would read the account's whole history.
CREATE VIEW unlinked_fees AS
SELECT fee.account, fee.market, fee.symbol, fee.asset, fee.amount, fee."time" AS booked_at, nearest.order_time
  FROM income AS fee
  LEFT JOIN LATERAL (
       SELECT o.order_time FROM force_orders AS o
        WHERE o.account = fee.account AND (o.market = fee.market) IS TRUE AND (o.symbol = fee.symbol) IS TRUE
          AND o.order_time BETWEEN fee."time" - interval '1 minute' AND fee."time" + interval '1 minute'
        ORDER BY abs(extract(epoch FROM o.order_time - fee."time")), o.order_time LIMIT 1
       ) AS nearest ON true
 WHERE is_clearance_fee(fee.income_type)
   AND NOT EXISTS (SELECT FROM force_order_fills AS f
                    WHERE f.account = fee.account AND f.market = fee.market AND f.symbol = fee.symbol
                      AND f.trade_id = fee.trade_id);

-- Every amount is what it changed in the wallet: what was paid or lost is negative.
CREATE VIEW report_costs AS
SELECT o.account, o.market, o.symbol, o.order_id, o.close_type, o.order_time,
       timezone('UTC', o.order_time)::date AS day,
       CASE WHEN cost.total IS NULL THEN o.margin_asset ELSE cost.asset END AS asset,
       CASE WHEN fills.missing IS NULL THEN coalesce(cost.realized_pnl, 0) ELSE cost.realized_pnl END AS realized_pnl,
       CASE WHEN fills.missing IS NULL THEN coalesce(cost.commission, 0) ELSE cost.commission END AS commission,
       CASE WHEN fees.missing IS NULL THEN coalesce(cost.clearance_fee, 0) ELSE cost.clearance_fee END AS clearance_fee,
       CASE WHEN fills.missing IS NULL AND fees.missing IS NULL THEN coalesce(cost.total, 0) ELSE cost.total END AS total,
       false AS is_attributed,
       fills.missing IS NULL AND fees.missing IS NULL AS is_complete,
       nullif(concat_ws(', ', 'fills ' || replace(fills.missing, '_', ' '), fees.missing), '') AS incomplete_because,
       o.order_time AS booked_at
  FROM report_force_orders AS o
  JOIN fill_states AS fills ON (fills.account, fills.market, fills.symbol, fills.order_id)
                             = (o.account, o.market, o.symbol, o.order_id)
  LEFT JOIN LATERAL (
       SELECT asset, sum(pnl) AS realized_pnl, sum(paid) AS commission, sum(fee) AS clearance_fee,
              sum(coalesce(pnl, 0) + coalesce(paid, 0) + coalesce(fee, 0)) AS total
         FROM (SELECT coalesce(f.margin_asset, o.margin_asset) AS asset, f.realized_pnl AS pnl, NULL::numeric AS paid,
                      NULL::numeric AS fee
                 FROM force_order_fills AS f
                WHERE (f.account, f.market, f.symbol, f.order_id) = (o.account, o.market, o.symbol, o.order_id)
                UNION ALL
               SELECT f.commission_asset AS asset, NULL::numeric AS pnl, -f.commission AS paid, NULL::numeric AS fee
                 FROM force_order_fills AS f
                WHERE (f.account, f.market, f.symbol, f.order_id) = (o.account, o.market, o.symbol, o.order_id)
                  AND (f.commission_asset IS NOT NULL OR f.commission <> 0)
                UNION ALL
               SELECT i.asset, NULL::numeric AS pnl, NULL::numeric AS paid, i.amount AS fee
                 FROM force_order_fills AS f
                 JOIN income AS i ON i.account = f.account AND i.market = f.market AND i.symbol = f.symbol
                                 AND i.trade_id = f.trade_id AND is_clearance_fee(i.income_type)
                WHERE (f.account, f.market, f.symbol, f.order_id) = (o.account, o.market, o.symbol, o.order_id)
                  -- Two force orders that traded with each other share a trade, and its fee is counted once.
                  AND NOT EXISTS (SELECT FROM force_order_fills AS other
                                   WHERE other.account = f.account AND other.market = f.market
                                     AND other.symbol = f.symbol AND other.trade_id = f.trade_id
                                     AND other.order_id < f.order_id)
              ) AS moved
        GROUP BY asset
       ) AS cost ON true
 CROSS JOIN LATERAL (
       -- An ADL and a settlement are no liquidations: they leave no fee for clearance.
       SELECT CASE WHEN o.close_type NOT IN ('ADL', 'SETTLEMENT') AND instrument_market(o.market) <> 'margin'
                    THEN CASE WHEN NOT EXISTS (SELECT FROM income_coverage AS known
                                                WHERE known.account = o.account AND known.market = o.market
                                                  AND known.income_type = 'INSURANCE_CLEAR' AND known.proven @> booked)
                              THEN 'clearance fees not proven'
                              WHEN EXISTS (SELECT FROM unread_fees AS unread
                                            WHERE unread.account = o.account AND unread.market = o.market
                                              AND coalesce(unread.booked_at <@ booked, true))
                              THEN 'a clearance fee cannot be read' END END AS missing
         FROM (SELECT tstzrange(o.order_time, o.update_time + interval '1 minute', '[]') AS booked) AS times
       ) AS fees
 UNION ALL
SELECT account, market, symbol, NULL, 'LIQUIDATION', order_time,
       timezone('UTC', coalesce(order_time, booked_at))::date, asset, NULL, NULL, amount, amount,
       order_time IS NOT NULL, order_time IS NOT NULL,
       CASE WHEN order_time IS NULL THEN 'no force order of this symbol within a minute' END, booked_at
  FROM unlinked_fees;
