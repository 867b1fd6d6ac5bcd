-- The orders of the cascades that begin in a span, each with the first order of its cascade, which is what a cascade is
-- known by.
CREATE FUNCTION report_cascade_orders(
    since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity', of_account text DEFAULT NULL
) RETURNS TABLE (
    account text, market text, started_at timestamptz, cascade_orders bigint, symbol text, order_id bigint,
    close_type text, position_closed text, order_time timestamptz, quantity_ordered numeric, quantity_filled numeric,
    price numeric, average_price numeric, notional numeric, quote_asset text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT c.account, c.market, c.started_at, c.orders, o.symbol, o.order_id, o.close_type, o.position_closed,
           o.order_time, o.quantity_ordered, o.quantity_filled, o.price, o.average_price, o.notional, o.quote_asset
      FROM report_cascades_between(since, until, of_account) AS c
     CROSS JOIN LATERAL (
           SELECT * FROM report_force_orders AS own
            WHERE own.account = c.account AND (own.market = c.market) IS TRUE
              AND own.order_time BETWEEN c.started_at AND c.ended_at
            ORDER BY own.order_time LIMIT (SELECT NULL::bigint)
           ) AS o
$$;
