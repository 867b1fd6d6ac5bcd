-- The rows of report_cascades that begin in a span, in one pass over its orders. The view looks at each order's
-- neighbours, so that a condition of any kind reaches its index; that takes longer where every order is asked for.
CREATE FUNCTION report_cascades_between(
    since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity', of_account text DEFAULT NULL
) RETURNS TABLE (
    account text, market text, started_at timestamptz, ended_at timestamptz, duration interval, orders bigint,
    symbols bigint, notional numeric, quote_assets text, peak_orders_per_second bigint, notional_by_asset jsonb
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH placed AS (
        SELECT o.account, o.market, o.order_time, o.notional, o.quote_asset, row_number() OVER own AS place,
               lag(o.order_time) OVER own AS before
          FROM report_force_orders AS o
         WHERE o.order_time >= since - report_cascade_pause() AND o.order_time < until
           AND (of_account IS NULL OR o.account = of_account)
        WINDOW own AS (PARTITION BY o.account, o.market ORDER BY o.order_time)
    ), begun AS (
        SELECT account, market, order_time AS started_at, notional, quote_asset, lead(before) OVER own AS next_before,
               lead(place) OVER own - place AS orders
          FROM placed WHERE before IS NULL OR before < order_time - report_cascade_pause()
        WINDOW own AS (PARTITION BY account, market ORDER BY order_time)
    ), ends AS (
        -- The last cascade of the span may go on behind it.
        SELECT account, market, started_at, notional, quote_asset, orders, CASE WHEN orders > 0 THEN next_before ELSE (
                   SELECT later.order_time FROM report_force_orders AS later
                    WHERE later.account = begun.account AND (later.market = begun.market) IS TRUE
                      AND later.order_time >= begun.started_at AND later.order_time <= 'infinity'
                      AND coalesce((SELECT false FROM report_force_orders AS after
                                     WHERE after.account = later.account AND (after.market = later.market) IS TRUE
                                       AND after.order_time > later.order_time
                                       AND after.order_time <= later.order_time + report_cascade_pause()
                                     ORDER BY after.order_time LIMIT 1), true)
                    ORDER BY later.order_time LIMIT 1)
               END AS ended_at
          FROM begun WHERE started_at >= since
    )
    -- Most cascades are a single order, of which nothing has to be looked up or added.
    SELECT account, market, started_at, started_at, interval '0', 1::bigint, 1::bigint, notional, quote_asset, 1::bigint,
           jsonb_build_object(coalesce(quote_asset, 'unknown'), notional::text)
      FROM ends WHERE orders = 1
     UNION ALL
    SELECT ends.account, ends.market, ends.started_at, ends.ended_at, ends.ended_at - ends.started_at,
           of_cascade.orders, of_cascade.symbols, of_cascade.notional, of_cascade.quote_assets,
           of_cascade.peak_orders_per_second, of_cascade.notional_by_asset
      FROM ends
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
           ) AS of_cascade
     WHERE ends.orders IS DISTINCT FROM 1
$$;
