-- The orders of a moment, which the setting force_orders.as_of names.

CREATE FUNCTION report_as_of() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(current_setting('force_orders.as_of', true), '')::timestamptz, 'infinity')
$$;

-- The views look for neighbours of an order by account and time.
CREATE INDEX force_order_revisions_account_order_time_idx ON force_order_revisions (account, order_time);

-- As force_orders_as_of(moment), but a view, so that a reader of the views needs no right on the tables.
CREATE VIEW orders_as_of AS
SELECT account, market, symbol, order_id, client_order_id, status, side, position_side, type, orig_type,
       time_in_force, working_type, price, avg_price, stop_price, orig_qty, executed_qty, cum_quote,
       reduce_only, close_position, close_type, order_time, update_time, raw, first_seen_at, changed_at,
       first_run_id, last_run_id, pair, cum_base, is_isolated, source, order_time_source, time_precision,
       archive_file_id
  FROM force_orders AS latest
 WHERE changed_at <= report_as_of()
   AND NOT EXISTS (SELECT FROM force_order_revisions AS before
                    WHERE before.account = latest.account AND before.market = latest.market
                      AND before.symbol = latest.symbol AND before.order_id = latest.order_id
                      AND before.valid_until > report_as_of())
 UNION ALL
SELECT account, market, symbol, order_id, client_order_id, status, side, position_side, type, orig_type,
       time_in_force, working_type, price, avg_price, stop_price, orig_qty, executed_qty, cum_quote,
       reduce_only, close_position, close_type, order_time, update_time, raw, first_seen_at, changed_at,
       first_run_id, last_run_id, pair, cum_base, is_isolated, source, order_time_source, time_precision,
       archive_file_id
  FROM force_order_revisions
 WHERE valid_from <= report_as_of() AND report_as_of() < valid_until;
