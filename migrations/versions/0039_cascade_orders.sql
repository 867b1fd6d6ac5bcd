-- How many orders there are, for those who may read the reports alone.
CREATE VIEW report_order_counts AS
SELECT account, market, close_type, orders FROM order_counts WHERE orders > 0;

-- The orders of the cascades that begin in a span, each with the first order of its cascade, which is what a cascade is
-- known by. Account by account, so that the index gives the times in their order, and only orders of the span are read.
CREATE FUNCTION report_cascade_orders(
    since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity', of_account text DEFAULT NULL
) RETURNS TABLE (
    account text, market text, started_at timestamptz, cascade_orders bigint, symbol text, order_id bigint,
    close_type text, position_closed text, order_time timestamptz, quantity_ordered numeric, quantity_filled numeric,
    price numeric, average_price numeric, notional numeric, quote_asset text
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT scopes.account, scopes.market, begun.started_at, coalesce(begun.orders, (
               SELECT count(*) FROM report_force_orders AS own
                WHERE own.account = scopes.account AND (own.market = scopes.market) IS TRUE
                  AND own.order_time BETWEEN begun.started_at AND ends.ended_at)),
           o.symbol, o.order_id, o.close_type, o.position_closed, o.order_time, o.quantity_ordered, o.quantity_filled,
           o.price, o.average_price, o.notional, o.quote_asset
      FROM (SELECT DISTINCT account, market FROM report_order_counts
             WHERE of_account IS NULL OR account = of_account) AS scopes
     CROSS JOIN LATERAL (
           SELECT order_time AS started_at, lead(before) OVER own AS next_before, lead(place) OVER own - place AS orders
             FROM (SELECT own.order_time, lag(own.order_time) OVER own AS before, row_number() OVER own AS place
                     FROM report_force_orders AS own
                    WHERE own.account = scopes.account AND (own.market = scopes.market) IS TRUE
                      AND own.order_time >= since - report_cascade_pause() AND own.order_time < until
                   WINDOW own AS (ORDER BY own.order_time)) AS placed
            WHERE before IS NULL OR before < order_time - report_cascade_pause()
           WINDOW own AS (ORDER BY order_time)
           ) AS begun
     -- The last cascade of the span may go on behind it.
     CROSS JOIN LATERAL (
           SELECT coalesce(begun.next_before, (
                  SELECT later.order_time FROM report_force_orders AS later
                   WHERE later.account = scopes.account AND (later.market = scopes.market) IS TRUE
                     AND later.order_time >= begun.started_at AND later.order_time <= 'infinity'
                     AND coalesce((SELECT false FROM report_force_orders AS after
                                    WHERE after.account = later.account AND (after.market = later.market) IS TRUE
                                      AND after.order_time > later.order_time
                                      AND after.order_time <= later.order_time + report_cascade_pause()
                                    ORDER BY after.order_time LIMIT 1), true)
                   ORDER BY later.order_time LIMIT 1)) AS ended_at
           ) AS ends
     CROSS JOIN LATERAL (
           SELECT * FROM report_force_orders AS own
            WHERE own.account = scopes.account AND (own.market = scopes.market) IS TRUE
              AND own.order_time BETWEEN begun.started_at AND ends.ended_at
            ORDER BY own.order_time LIMIT (SELECT NULL::bigint)
           ) AS o
     WHERE begun.started_at >= since
$$;
