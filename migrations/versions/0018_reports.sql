-- The report views for every market: assets and contract sizes come from `instruments`, and only where these do not know
-- the symbol from its spelling. Columns are added at the end; those that were there keep their meaning.

CREATE FUNCTION quote_asset_of(market text, symbol text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN instrument_market(market) = 'coinm' THEN substring(symbol from '(USD)(?=_(PERP|[0-9]+)$)')
                ELSE substring(symbol from '(USDT|USDC|BUSD|FDUSD|TUSD|USD1|BTC|ETH|BNB|EUR|TRY)(_[0-9]+)?$') END
$$;
CREATE FUNCTION base_asset_of(market text, symbol text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN instrument_market(market) = 'coinm' THEN substring(symbol from '^(.+)USD_(PERP|[0-9]+)$')
                ELSE substring(symbol from
                     '^(.+?)(USDT|USDC|BUSD|FDUSD|TUSD|USD1|BTC|ETH|BNB|EUR|TRY)(_[0-9]+)?$') END
$$;

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
       round(CASE o.side WHEN 'SELL' THEN o.price - nullif(o.avg_price, 0)
                         WHEN 'BUY' THEN nullif(o.avg_price, 0) - o.price
             END * 10000 / nullif(o.price, 0), 2) AS slippage_bps,
       CASE WHEN instrument_market(o.market) = 'coinm' THEN coalesce(o.executed_qty * i.contract_size, o.cum_quote)
            ELSE coalesce(o.cum_quote, o.executed_qty * o.avg_price) END AS notional,
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
  LEFT JOIN instruments AS i ON i.market = instrument_market(o.market) AND i.symbol = o.symbol;

CREATE OR REPLACE VIEW report_daily AS
SELECT days.account, of_day.market, days.day, of_day.symbol, of_day.close_type, of_day.quote_asset, of_day.orders,
       of_day.quantity_filled, of_day.notional, of_day.slippage_bps, of_day.largest_notional,
       of_day.quantity_unfilled, of_day.base_asset, of_day.margin_asset, of_day.coin_notional
  FROM (SELECT account, day::date AS day
          FROM (SELECT DISTINCT account FROM coverage) AS accounts
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
              round(sum(slippage_bps * notional)
                    / nullif(sum(notional) FILTER (WHERE slippage_bps IS NOT NULL), 0), 2) AS slippage_bps,
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

-- The assets are read once a symbol, not once an order.
CREATE OR REPLACE VIEW report_symbols AS
SELECT own.account, own.market, own.symbol,
       coalesce(i.quote_asset, quote_asset_of(own.market, own.symbol)) AS quote_asset, own.orders, own.notional,
       round(own.adl::numeric / own.orders, 4) AS adl_share,
       own.first_order_at, own.last_order_at, own.orders_30d, coalesce(own.notional_30d, 0) AS notional_30d,
       round(own.adl_30d::numeric / nullif(own.orders_30d, 0), 4) AS adl_share_30d,
       coalesce(i.base_asset, base_asset_of(own.market, own.symbol)) AS base_asset,
       CASE instrument_market(own.market)
            WHEN 'usdm' THEN coalesce(i.margin_asset, i.quote_asset, quote_asset_of(own.market, own.symbol))
            WHEN 'coinm' THEN coalesce(i.margin_asset, i.base_asset, base_asset_of(own.market, own.symbol))
       END AS margin_asset,
       own.coin_notional, i.contract_type, i.delivery_at, i.is_listed
  FROM (SELECT account, market, symbol,
               count(*) AS orders,
               sum(notional) AS notional,
               sum(coin_notional) AS coin_notional,
               count(*) FILTER (WHERE close_type = 'ADL') AS adl,
               min(order_time) AS first_order_at,
               max(order_time) AS last_order_at,
               count(*) FILTER (WHERE is_recent) AS orders_30d,
               sum(notional) FILTER (WHERE is_recent) AS notional_30d,
               count(*) FILTER (WHERE is_recent AND close_type = 'ADL') AS adl_30d
          FROM (SELECT *, order_time >= now() - interval '720 hours' AS is_recent
                  FROM report_force_orders) AS orders
         GROUP BY account, market, symbol
       ) AS own
  LEFT JOIN instruments AS i ON i.market = instrument_market(own.market) AND i.symbol = own.symbol;

CREATE OR REPLACE VIEW report_cascades AS
SELECT ends.account, ends.market, ends.started_at, ends.ended_at, ends.ended_at - ends.started_at AS duration,
       of_cascade.orders, of_cascade.symbols, of_cascade.notional, of_cascade.quote_assets,
       of_cascade.peak_orders_per_second, of_cascade.notional_by_asset
  FROM (SELECT DISTINCT account, market, order_time AS started_at,
               CASE WHEN (SELECT min(order_time) FROM force_orders after
                           WHERE after.account = o.account AND (after.market = o.market) IS TRUE
                             AND after.order_time > o.order_time
                             AND after.order_time <= o.order_time + report_cascade_pause()) IS NULL
                    THEN order_time
                    ELSE (SELECT later.order_time FROM force_orders later
                           WHERE later.account = o.account AND (later.market = o.market) IS TRUE
                             AND later.order_time > o.order_time AND later.order_time <= 'infinity'
                             AND coalesce((SELECT false FROM force_orders after
                                            WHERE after.account = later.account
                                              AND (after.market = later.market) IS TRUE
                                              AND after.order_time > later.order_time
                                              AND after.order_time <= later.order_time + report_cascade_pause()
                                            ORDER BY after.order_time LIMIT 1), true)
                           ORDER BY later.order_time LIMIT 1)
               END AS ended_at
          FROM force_orders o
         WHERE (SELECT max(order_time) FROM force_orders before
                 WHERE before.account = o.account AND (before.market = o.market) IS TRUE
                   AND before.order_time < o.order_time
                   AND before.order_time >= o.order_time - report_cascade_pause()) IS NULL
       ) AS ends
 CROSS JOIN LATERAL (
       SELECT count(*) AS orders, count(DISTINCT symbol) AS symbols, sum(notional) AS notional,
              string_agg(DISTINCT quote_asset, ', ') AS quote_assets, max(in_second) AS peak_orders_per_second,
              jsonb_object_agg(coalesce(quote_asset, 'unknown'), of_asset::text) AS notional_by_asset
         FROM (SELECT symbol, notional, quote_asset,
                      count(*) OVER (PARTITION BY date_trunc('second', order_time)) AS in_second,
                      sum(notional) OVER (PARTITION BY quote_asset) AS of_asset
                 FROM (SELECT * FROM report_force_orders o
                        WHERE o.account = ends.account AND (o.market = ends.market) IS TRUE
                          AND o.order_time BETWEEN ends.started_at AND ends.ended_at
                        ORDER BY order_time LIMIT (SELECT NULL::bigint)
                      ) AS own
              ) AS own
       ) AS of_cascade;
