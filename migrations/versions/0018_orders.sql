-- What the orders of some markets have besides, and where an order and its time come from.

ALTER TABLE force_orders
    ADD COLUMN pair text,
    ADD COLUMN cum_base numeric,
    ADD COLUMN is_isolated boolean,
    ADD COLUMN source text NOT NULL DEFAULT 'api',
    ADD COLUMN order_time_source text NOT NULL DEFAULT 'time',
    ADD CONSTRAINT force_orders_source_check CHECK (source IN ('api', 'archive')),
    ADD CONSTRAINT force_orders_order_time_source_check CHECK (order_time_source IN ('time', 'update'));
ALTER TABLE force_order_revisions
    ADD COLUMN pair text,
    ADD COLUMN cum_base numeric,
    ADD COLUMN is_isolated boolean,
    ADD COLUMN source text NOT NULL DEFAULT 'api',
    ADD COLUMN order_time_source text NOT NULL DEFAULT 'time';

CREATE OR REPLACE FUNCTION keep_force_order_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO force_order_revisions (
           account, market, symbol, order_id, client_order_id, status, side, position_side, type, orig_type,
           time_in_force, working_type, price, avg_price, stop_price, orig_qty, executed_qty, cum_quote,
           reduce_only, close_position, close_type, order_time, update_time, raw, first_seen_at, changed_at,
           first_run_id, last_run_id, pair, cum_base, is_isolated, source, order_time_source,
           valid_from, valid_until)
    SELECT OLD.*, OLD.changed_at, greatest(NEW.changed_at, OLD.changed_at + interval '1 microsecond');
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION force_orders_as_of(moment timestamptz) RETURNS SETOF force_orders LANGUAGE sql STABLE AS $$
    SELECT * FROM force_orders WHERE changed_at <= moment
    UNION ALL
    SELECT account, market, symbol, order_id, client_order_id, status, side, position_side, type, orig_type,
           time_in_force, working_type, price, avg_price, stop_price, orig_qty, executed_qty, cum_quote,
           reduce_only, close_position, close_type, order_time, update_time, raw, first_seen_at, changed_at,
           first_run_id, last_run_id, pair, cum_base, is_isolated, source, order_time_source
      FROM force_order_revisions
     WHERE valid_from <= moment AND moment < valid_until
$$;

-- The rows that are there already say it in `raw`. Nobody checked these keys when the rows were stored: what is no value
-- of its column stays null. `raw` does not change, so that no earlier version is kept and no seal is touched.
DO $$
DECLARE
    stored text;
BEGIN
    FOREACH stored IN ARRAY ARRAY['force_orders', 'force_order_revisions'] LOOP
        EXECUTE format($update$
            UPDATE %I SET
                   pair = CASE jsonb_typeof(raw -> 'pair') WHEN 'string' THEN raw ->> 'pair' END,
                   cum_base = CASE WHEN raw ->> 'cumBase'
                                     ~ '^[+-]?([0-9]{1,60}(\.[0-9]{0,60})?|\.[0-9]{1,60})([eE][+-]?[0-9]{1,2})?$'
                                   THEN (raw ->> 'cumBase')::numeric END,
                   is_isolated = CASE WHEN raw ->> 'isIsolated' IN ('true', 'false')
                                      THEN (raw ->> 'isIsolated')::boolean END,
                   order_time_source = CASE WHEN raw ->> 'time' IS NULL THEN 'update' ELSE 'time' END
             WHERE raw ?| ARRAY['pair', 'cumBase', 'isIsolated'] OR raw ->> 'time' IS NULL
        $update$, stored);
    END LOOP;
END
$$;

-- The key of an order has room for one kind of margin.
CREATE FUNCTION refuse_other_margin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'data_exception', MESSAGE = format(
        'the stored order %s of %s is of %s margin, and this row is of the other kind',
        OLD.order_id, OLD.symbol, CASE WHEN OLD.is_isolated THEN 'isolated' ELSE 'cross' END);
END
$$;
CREATE TRIGGER force_orders_refuse_other_margin BEFORE UPDATE ON force_orders
    FOR EACH ROW WHEN (OLD.is_isolated <> NEW.is_isolated) EXECUTE FUNCTION refuse_other_margin();

-- Margin rows call their update time by another name.
CREATE OR REPLACE FUNCTION quarantined_moment(raw jsonb, name text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT timestamptz 'epoch' + substring(coalesce(
               quarantined_field(raw, name), CASE name WHEN 'updateTime' THEN quarantined_field(raw, 'updatedTime') END
           ) FROM '^[1-9][0-9]{12}$')::bigint * interval '1 millisecond'
$$;
