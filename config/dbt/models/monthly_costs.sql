-- What force orders cost in each month, by the asset that was lost or paid.
SELECT concat_ws('/', account, market, date_trunc('month', day)::date, close_type, coalesce(asset, 'unknown'))
           AS monthly_cost_id,
       account, market, date_trunc('month', day)::date AS month, close_type, asset, sum(realized_pnl) AS realized_pnl,
       sum(commission) AS commission, sum(clearance_fee) AS clearance_fee, sum(total) AS total,
       bool_and(is_complete) AS is_complete
  FROM {{ source('force_orders', 'report_costs') }}
 GROUP BY account, market, date_trunc('month', day)::date, close_type, asset
