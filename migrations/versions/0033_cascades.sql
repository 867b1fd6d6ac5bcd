-- The cascades of a moment in one pass over an account: to look at each order's neighbours, as report_cascades does, would
-- read two tables for each.
CREATE VIEW report_cascades_as_of AS
WITH placed AS (
    SELECT account, market, symbol, order_time, notional, quote_asset,
           lag(order_time) OVER (PARTITION BY account, market ORDER BY order_time) AS before
      FROM report_force_orders_as_of
), numbered AS (
    SELECT *, count(*) FILTER (WHERE before IS NULL OR before < order_time - report_cascade_pause())
              OVER (PARTITION BY account, market ORDER BY order_time) AS cascade
      FROM placed
), summed AS (
    SELECT *, count(*) OVER (PARTITION BY account, market, cascade, date_trunc('second', order_time)) AS in_second,
           sum(notional) OVER (PARTITION BY account, market, cascade, quote_asset) AS of_asset
      FROM numbered
)
SELECT account, market, min(order_time) AS started_at, max(order_time) AS ended_at,
       max(order_time) - min(order_time) AS duration, count(*) AS orders, count(DISTINCT symbol) AS symbols,
       sum(notional) AS notional, string_agg(DISTINCT quote_asset, ', ') AS quote_assets,
       max(in_second) AS peak_orders_per_second,
       jsonb_object_agg(coalesce(quote_asset, 'unknown'), of_asset::text) AS notional_by_asset
  FROM summed GROUP BY account, market, cascade;
