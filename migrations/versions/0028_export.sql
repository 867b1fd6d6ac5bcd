-- The view of 0021 with four columns behind its others.
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
       o.order_time_source, o.source,
       o.changed_at, o.first_seen_at, o.client_order_id, o.position_side
  FROM force_orders AS o
  LEFT JOIN instruments AS i ON i.market = instrument_market(o.market) AND i.symbol = o.symbol
 CROSS JOIN LATERAL (
       SELECT CASE WHEN o.executed_qty > 0 AND coalesce(o.avg_price, 0) = 0 THEN nullif(o.cum_quote, 0)
                   ELSE o.cum_quote END AS quote,
              CASE WHEN o.executed_qty > 0 THEN nullif(o.avg_price, 0) ELSE o.avg_price END AS price
       ) AS sent;

CREATE TABLE export_marks (
    name text NOT NULL,
    changed_until timestamptz NOT NULL,
    exported_at timestamptz NOT NULL,
    file text,
    orders bigint NOT NULL,
    selection jsonb NOT NULL,
    CONSTRAINT export_marks_pkey PRIMARY KEY (name),
    CONSTRAINT export_marks_orders_check CHECK (orders >= 0)
);
