-- Orders for engines that take a numeric without a limit for a double: each amount as numeric(38,18). What that cannot hold
-- exactly is null, and is_exact is false: no number is rounded, and no order makes the model fail.
WITH typed AS (
    SELECT *,
           CASE WHEN abs(quantity_ordered) < 1e20 AND scale(trim_scale(quantity_ordered)) <= 18 THEN quantity_ordered END
               ::numeric(38,18) AS typed_quantity_ordered,
           CASE WHEN abs(quantity_filled) < 1e20 AND scale(trim_scale(quantity_filled)) <= 18 THEN quantity_filled END
               ::numeric(38,18) AS typed_quantity_filled,
           CASE WHEN abs(price) < 1e20 AND scale(trim_scale(price)) <= 18 THEN price END
               ::numeric(38,18) AS typed_price,
           CASE WHEN abs(average_price) < 1e20 AND scale(trim_scale(average_price)) <= 18 THEN average_price END
               ::numeric(38,18) AS typed_average_price,
           CASE WHEN abs(notional) < 1e20 AND scale(trim_scale(notional)) <= 18 THEN notional END
               ::numeric(38,18) AS typed_notional,
           CASE WHEN abs(coin_notional) < 1e20 AND scale(trim_scale(coin_notional)) <= 18 THEN coin_notional END
               ::numeric(38,18) AS typed_coin_notional
      FROM {{ source('force_orders', 'report_force_orders') }}
)
SELECT account, market, symbol, order_id, close_type, side, position_closed, order_time, update_time, status, quote_asset,
       base_asset, margin_asset, changed_at,
       typed_quantity_ordered AS quantity_ordered,
       typed_quantity_filled AS quantity_filled,
       typed_price AS price,
       typed_average_price AS average_price,
       typed_notional AS notional,
       typed_coin_notional AS coin_notional,
       (typed_quantity_ordered, typed_quantity_filled, typed_price,
        typed_average_price, typed_notional, typed_coin_notional) IS NOT DISTINCT FROM
       (quantity_ordered, quantity_filled, price, average_price, notional, coin_notional) AS is_exact
  FROM typed
