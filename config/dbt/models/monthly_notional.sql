-- What the closed positions of each month were worth, by quote asset, and whether every day of the month is proven.
WITH of_days AS (
    SELECT account, market, date_trunc('month', day)::date AS month, count(*) AS days,
           count(*) FILTER (WHERE coverage = 'proven') AS days_proven
      FROM {{ source('force_orders', 'report_coverage') }}
     GROUP BY account, market, date_trunc('month', day)::date
), of_orders AS (
    SELECT account, market, date_trunc('month', day)::date AS month, close_type, quote_asset, sum(orders) AS orders,
           sum(notional) AS notional
      FROM {{ source('force_orders', 'report_daily') }}
     GROUP BY account, market, date_trunc('month', day)::date, close_type, quote_asset
)
SELECT concat_ws('/', account, market, month, close_type, coalesce(quote_asset, 'unknown')) AS monthly_notional_id,
       account, market, month, close_type, quote_asset, orders, notional,
       coalesce(days_proven = extract(day FROM month + interval '1 month' - interval '1 day'), false) AS is_complete
  FROM of_orders
  LEFT JOIN of_days USING (account, market, month)
