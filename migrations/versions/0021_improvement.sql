-- The views of 0020 with improvement_bps in the place of slippage_bps.

ALTER VIEW report_force_orders RENAME COLUMN slippage_bps TO improvement_bps;
ALTER VIEW report_daily RENAME COLUMN slippage_bps TO improvement_bps;

-- What was filled has a price: where the exchange sends none, or 0, a worth of 0 beside it is not known.
CREATE OR REPLACE VIEW report_force_orders AS
SELECT o.account, o.market, o.symbol, o.order_id, o.close_type, o.side,
       CASE WHEN o.position_side IN ('LONG', 'SHORT') THEN o.position_side
            WHEN o.side = 'SELL' THEN 'LONG'
            WHEN o.side = 'BUY' THEN 'SHORT'
       END AS position_closed,
       o.order_time, o.update_time, o.status,
       o.orig_qty AS quantity_ordered,
       o.executed_qty AS quantity_filled,
       round(o.executed_qty / nullif(o.orig_qty, 0), 6) AS fill_ratio,
       nullif(o.price, 0) AS price,
       nullif(o.avg_price, 0) AS average_price,
       round(CASE o.side WHEN 'SELL' THEN nullif(o.avg_price, 0) - o.price
                         WHEN 'BUY' THEN o.price - nullif(o.avg_price, 0)
             END * 10000 / nullif(o.price, 0), 2) AS improvement_bps,
       CASE WHEN instrument_market(o.market) = 'coinm' THEN coalesce(o.executed_qty * i.contract_size, sent.quote)
            ELSE coalesce(sent.quote, o.executed_qty * sent.price) END AS notional,
       coalesce(i.quote_asset, quote_asset_of(o.market, o.symbol)) AS quote_asset,
       coalesce(i.base_asset, base_asset_of(o.market, o.symbol)) AS base_asset,
       CASE instrument_market(o.market)
            WHEN 'usdm' THEN coalesce(i.margin_asset, i.quote_asset, quote_asset_of(o.market, o.symbol))
            WHEN 'coinm' THEN coalesce(i.margin_asset, i.base_asset, base_asset_of(o.market, o.symbol))
       END AS margin_asset,
       CASE WHEN instrument_market(o.market) = 'coinm' THEN o.cum_base END AS coin_notional,
       coalesce(o.pair, i.pair) AS pair, i.contract_type, i.contract_size, i.delivery_at, o.is_isolated,
       o.order_time_source, o.source
  FROM force_orders AS o
  LEFT JOIN instruments AS i ON i.market = instrument_market(o.market) AND i.symbol = o.symbol
 CROSS JOIN LATERAL (
       SELECT CASE WHEN o.executed_qty > 0 AND coalesce(o.avg_price, 0) = 0 THEN nullif(o.cum_quote, 0)
                   ELSE o.cum_quote END AS quote,
              CASE WHEN o.executed_qty > 0 THEN nullif(o.avg_price, 0) ELSE o.avg_price END AS price
       ) AS sent;

-- The days of every account with an order, also of one that was never read.
CREATE OR REPLACE VIEW report_daily AS
SELECT days.account, of_day.market, days.day, of_day.symbol, of_day.close_type, of_day.quote_asset, of_day.orders,
       of_day.quantity_filled, of_day.notional, of_day.improvement_bps, of_day.largest_notional,
       of_day.quantity_unfilled, of_day.base_asset, of_day.margin_asset, of_day.coin_notional
  FROM (SELECT account, day::date AS day
          FROM (SELECT DISTINCT account FROM order_counts WHERE orders > 0) AS accounts
         CROSS JOIN LATERAL (SELECT day FROM generate_series(
                   timezone('UTC', (SELECT min(order_time) FROM force_orders o WHERE o.account = accounts.account))
                       ::date::timestamp,
                   timezone('UTC', (SELECT max(order_time) FROM force_orders o WHERE o.account = accounts.account)),
                   interval '1 day') AS day LIMIT (SELECT NULL::bigint)) AS series
       ) AS days
 CROSS JOIN LATERAL (
       SELECT market, symbol, close_type, quote_asset,
              count(*) AS orders,
              sum(quantity_filled) AS quantity_filled,
              sum(notional) AS notional,
              round(sum(improvement_bps * notional)
                    / nullif(sum(notional) FILTER (WHERE improvement_bps IS NOT NULL), 0), 2) AS improvement_bps,
              max(notional) AS largest_notional,
              sum(greatest(quantity_ordered - quantity_filled, 0))
                  FILTER (WHERE quantity_ordered - quantity_filled IS NOT NULL) AS quantity_unfilled,
              base_asset, margin_asset,
              sum(coin_notional) AS coin_notional
         FROM report_force_orders o
        WHERE o.account = days.account
          AND o.order_time >= timezone('UTC', days.day::timestamp)
          AND o.order_time < timezone('UTC', days.day::timestamp + interval '1 day')
        GROUP BY market, symbol, close_type, quote_asset, base_asset, margin_asset
       ) AS of_day;
