-- Days of orders whose sums are kept, so that report_daily reads a row for each group instead of every order. What changes
-- an order marks its day in the same transaction, and a day that is marked is computed when it is read: the view is never
-- behind. A night sums the marked days again.

CREATE TABLE order_days (
    account text NOT NULL,
    market text NOT NULL,
    day date NOT NULL,
    is_summed boolean NOT NULL DEFAULT false,
    CONSTRAINT order_days_pkey PRIMARY KEY (account, market, day),
    -- What a coin-margined order is worth depends on `instruments`: those days are computed whenever they are read.
    CONSTRAINT order_days_is_summed_check CHECK (NOT is_summed OR market NOT IN ('coinm', 'pm-coinm'))
);
CREATE INDEX order_days_marked_idx ON order_days (account, market, day)
 WHERE NOT is_summed AND market NOT IN ('coinm', 'pm-coinm');

CREATE TABLE daily_sums (
    account text NOT NULL,
    market text NOT NULL,
    day date NOT NULL,
    symbol text NOT NULL,
    close_type text NOT NULL,
    orders bigint NOT NULL,
    quantity_filled numeric,
    notional numeric,
    improvement_bps numeric,
    largest_notional numeric,
    quantity_unfilled numeric,
    CONSTRAINT daily_sums_pkey PRIMARY KEY (account, market, day, symbol, close_type)
);

-- A row that is marked already is locked all the same: else it could be summed without the orders of this transaction.
-- Whoever writes with another search path would mark the days of another schema, or of a temporary table.
CREATE FUNCTION mark_order_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('order_days') IS DISTINCT FROM to_regclass(format('%I.order_days', TG_TABLE_SCHEMA)) THEN
        RAISE EXCEPTION 'search_path does not lead to order_days of the schema %', TG_TABLE_SCHEMA
              USING ERRCODE = 'invalid_schema_name';
    END IF;
    IF TG_OP = 'INSERT' THEN
        INSERT INTO order_days AS own (account, market, day)
        SELECT DISTINCT account, market, timezone('UTC', order_time)::date FROM after ORDER BY 1, 2, 3
            ON CONFLICT (account, market, day) DO UPDATE SET is_summed = false WHERE own.is_summed;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO order_days AS own (account, market, day)
        SELECT account, market, timezone('UTC', order_time)::date FROM before
         UNION
        SELECT account, market, timezone('UTC', order_time)::date FROM after ORDER BY 1, 2, 3
            ON CONFLICT (account, market, day) DO UPDATE SET is_summed = false WHERE own.is_summed;
    ELSE  -- an account that is forgotten may have lost its days already
        UPDATE order_days AS own SET is_summed = false
          FROM (SELECT DISTINCT account, market, timezone('UTC', order_time)::date AS day FROM before) AS gone
         WHERE own.account = gone.account AND own.market = gone.market AND own.day = gone.day;
    END IF;
    RETURN NULL;
END
$$;
-- TRUNCATE also removes orders that an older snapshot does not see; DELETE would leave their days and their counts.
CREATE FUNCTION clear_order_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('order_days') IS DISTINCT FROM to_regclass(format('%I.order_days', TG_TABLE_SCHEMA)) THEN
        RAISE EXCEPTION 'search_path does not lead to order_days of the schema %', TG_TABLE_SCHEMA
              USING ERRCODE = 'invalid_schema_name';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'force_orders is truncated in a transaction that is read committed, and in no other'
              USING ERRCODE = 'invalid_transaction_state', HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED';
    END IF;
    DELETE FROM daily_sums;
    DELETE FROM order_days;
    RETURN NULL;
END
$$;
CREATE TRIGGER force_orders_mark_inserted AFTER INSERT ON force_orders REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION mark_order_days();
CREATE TRIGGER force_orders_mark_changed AFTER UPDATE ON force_orders REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION mark_order_days();
CREATE TRIGGER force_orders_mark_deleted AFTER DELETE ON force_orders REFERENCING OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION mark_order_days();
CREATE TRIGGER force_orders_mark_none AFTER TRUNCATE ON force_orders
    FOR EACH STATEMENT EXECUTE FUNCTION clear_order_days();
-- After the triggers, whose making keeps others from storing until the end of this transaction.
INSERT INTO order_days (account, market, day)
SELECT DISTINCT account, market, timezone('UTC', order_time)::date FROM force_orders;

-- IS TRUE keeps the planner off the primary key, with which it would read the account's whole history.
CREATE VIEW computed_daily_sums AS
SELECT days.account, days.market, days.day, of_day.symbol, of_day.close_type, of_day.quote_asset, of_day.orders,
       of_day.quantity_filled, of_day.notional, of_day.improvement_bps, of_day.largest_notional,
       of_day.quantity_unfilled, of_day.base_asset, of_day.margin_asset, of_day.coin_notional, days.is_summed
  FROM order_days AS days
 CROSS JOIN LATERAL (
       SELECT symbol, close_type, quote_asset,
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
         FROM report_force_orders AS o
        WHERE o.account = days.account AND (o.market = days.market) IS TRUE
          AND o.order_time >= timezone('UTC', days.day::timestamp)
          AND o.order_time < timezone('UTC', days.day::timestamp + interval '1 day')
        GROUP BY symbol, close_type, quote_asset, base_asset, margin_asset
       ) AS of_day;

CREATE OR REPLACE VIEW report_daily AS
SELECT own.account, own.market, own.day, own.symbol, own.close_type,
       coalesce(i.quote_asset, quote_asset_of(own.market, own.symbol)) AS quote_asset, own.orders, own.quantity_filled,
       own.notional, own.improvement_bps, own.largest_notional, own.quantity_unfilled,
       coalesce(i.base_asset, base_asset_of(own.market, own.symbol)) AS base_asset,
       CASE instrument_market(own.market)
            WHEN 'usdm' THEN coalesce(i.margin_asset, i.quote_asset, quote_asset_of(own.market, own.symbol))
       END AS margin_asset,
       NULL::numeric AS coin_notional
  FROM order_days AS days
  JOIN daily_sums AS own ON own.account = days.account AND own.market = days.market AND own.day = days.day
  LEFT JOIN instruments AS i ON i.market = instrument_market(own.market) AND i.symbol = own.symbol
 WHERE days.is_summed
 UNION ALL
SELECT account, market, day, symbol, close_type, quote_asset, orders, quantity_filled, notional, improvement_bps,
       largest_notional, quantity_unfilled, base_asset, margin_asset, coin_notional
  FROM computed_daily_sums WHERE NOT is_summed;
