-- The files of the exchange's archive, and what they cover. What a file covers is never proven.

CREATE TABLE archive_files (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    account text NOT NULL,
    market text NOT NULL,
    span tstzrange NOT NULL,
    format text,
    uid text,
    state text NOT NULL,
    download_id text,
    requested_at timestamptz,
    expires_at timestamptz,
    sha256 text,
    bytes bigint,
    rows bigint,
    forced_orders bigint,
    imported_at timestamptz,
    run_id bigint NOT NULL,
    error text,
    CONSTRAINT archive_files_pkey PRIMARY KEY (id),
    CONSTRAINT archive_files_span_check CHECK (NOT (isempty(span) OR lower_inf(span) OR upper_inf(span))),
    CONSTRAINT archive_files_state_check CHECK (state IN ('planned', 'requested', 'processing', 'completed',
                                                          'downloaded', 'imported', 'expired', 'failed')),
    CONSTRAINT archive_files_requested_check CHECK (state NOT IN ('requested', 'processing', 'completed')
                                                    OR requested_at IS NOT NULL),
    CONSTRAINT archive_files_download_id_check CHECK (state NOT IN ('processing', 'completed')
                                                      OR download_id IS NOT NULL),
    CONSTRAINT archive_files_sha256_check CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    CONSTRAINT archive_files_imported_check CHECK ((state = 'imported') = (imported_at IS NOT NULL)
                                                   AND (state <> 'imported' OR sha256 IS NOT NULL
                                                        AND num_nulls(format, uid, bytes, rows, forced_orders) = 0))
);
CREATE INDEX archive_files_account_market_idx ON archive_files (account, market);

ALTER TABLE force_orders
    ADD COLUMN time_precision text NOT NULL DEFAULT 'ms',
    ADD COLUMN archive_file_id bigint,
    ADD CONSTRAINT force_orders_time_precision_check CHECK (time_precision IN ('ms', 's')),
    ADD CONSTRAINT force_orders_archive_file_id_check CHECK ((source = 'archive') = (archive_file_id IS NOT NULL)
                                                             AND (source = 'archive') = (time_precision = 's'));
ALTER TABLE force_order_revisions
    ADD COLUMN time_precision text NOT NULL DEFAULT 'ms',
    ADD COLUMN archive_file_id bigint;
ALTER TABLE coverage ADD COLUMN archived tstzmultirange NOT NULL DEFAULT '{}';

-- Two versions that one transaction writes have different times, so that no moment has both.
CREATE OR REPLACE FUNCTION keep_force_order_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_at := greatest(NEW.changed_at, OLD.changed_at + interval '1 microsecond');
    INSERT INTO force_order_revisions (
           account, market, symbol, order_id, client_order_id, status, side, position_side, type, orig_type,
           time_in_force, working_type, price, avg_price, stop_price, orig_qty, executed_qty, cum_quote,
           reduce_only, close_position, close_type, order_time, update_time, raw, first_seen_at, changed_at,
           first_run_id, last_run_id, pair, cum_base, is_isolated, source, order_time_source,
           time_precision, archive_file_id, valid_from, valid_until)
    SELECT OLD.*, OLD.changed_at, NEW.changed_at;
    RETURN NEW;
END
$$;

-- What was written before that may have two versions of one time: the earlier one counts until its end.
CREATE OR REPLACE FUNCTION force_orders_as_of(moment timestamptz) RETURNS SETOF force_orders LANGUAGE sql STABLE AS $$
    SELECT * FROM force_orders AS now
     WHERE changed_at <= moment
       AND NOT EXISTS (SELECT FROM force_order_revisions AS before
                        WHERE before.account = now.account AND before.market = now.market
                          AND before.symbol = now.symbol AND before.order_id = now.order_id
                          AND before.valid_until > moment)
    UNION ALL
    SELECT account, market, symbol, order_id, client_order_id, status, side, position_side, type, orig_type,
           time_in_force, working_type, price, avg_price, stop_price, orig_qty, executed_qty, cum_quote,
           reduce_only, close_position, close_type, order_time, update_time, raw, first_seen_at, changed_at,
           first_run_id, last_run_id, pair, cum_base, is_isolated, source, order_time_source,
           time_precision, archive_file_id
      FROM force_order_revisions
     WHERE valid_from <= moment AND moment < valid_until
$$;

-- Where nothing can be read any more, an archive fills the gap. What the API could still prove stays one. Files have
-- every symbol: what they cover stands in the row of `*`.
CREATE OR REPLACE VIEW coverage_gaps AS
WITH known AS (
    SELECT *, greatest(upper(proven), upper(saturated), upper(beyond_retention), upper(failed), upper(disputed))
              AS known_until
      FROM effective_coverage
), holes AS (
    SELECT known.*, coalesce(of_files.archived, '{}') AS archived,
           tstzmultirange(tstzrange(least(known.asked_since, lower(known.proven), known_until), known_until))
           - known.proven AS hole
      FROM known
      LEFT JOIN coverage AS of_files
        ON (of_files.account, of_files.market, of_files.symbol) = (known.account, known.market, '*')
     WHERE known_until IS NOT NULL
       AND NOT known.proven @> tstzrange(least(known.asked_since, lower(known.proven), known_until), known_until)
)
SELECT account, market, symbol, lower(gap) AS gap_start, upper(gap) AS gap_end, reason
  FROM holes
 CROSS JOIN LATERAL (VALUES
        ('saturated', hole * saturated),
        ('beyond_retention', hole * beyond_retention - saturated - archived),
        ('disputed', hole * disputed - (beyond_retention - archived) - saturated),
        ('failed', hole * failed - disputed - beyond_retention - saturated),
        ('not_fetched', hole - failed - disputed - beyond_retention - saturated)
      ) AS reasons (reason, gaps)
 CROSS JOIN LATERAL unnest(gaps) AS gap
 UNION ALL
SELECT account, market, '*'::text, gap_start, gap_end, 'market_not_read'::text FROM unread_markets;

-- The days of a market end when the account loses it, and begin when the account gets it: what lies outside cannot be
-- missing. A market that was never read has days too.
CREATE OR REPLACE VIEW report_coverage AS
SELECT account, market, day,
       CASE WHEN proven + archived @> whole AND quarantined @> day::date THEN 'quarantined'
            WHEN proven @> whole THEN 'proven'
            WHEN proven + archived @> whole THEN 'archived'
            WHEN shown && whole OR archived && whole THEN 'partly' ELSE 'not' END AS coverage,
       CASE WHEN NOT proven @> whole OR quarantined @> day::date THEN (
            SELECT string_agg(DISTINCT reason, ', ') FROM (
            SELECT reason FROM coverage_gaps g
             WHERE g.account = days.account AND g.market = days.market AND g.symbol = '*'
               AND tstzrange(gap_start, gap_end) && whole
            UNION ALL SELECT 'quarantined' WHERE quarantined @> day::date) AS why)
       END AS reasons,
       (SELECT count(*) FROM force_orders o
         WHERE o.account = days.account AND (o.market = days.market) IS TRUE
           AND o.order_time >= day_start AND o.order_time < day_end) AS orders
  FROM (SELECT account, market, day::date AS day, proven, archived, shown, quarantined, day_start, day_end,
               tstzrange(CASE WHEN begun_at > day_start AND begun_at < day_end THEN begun_at ELSE day_start END,
                         CASE WHEN closed_at > day_start AND closed_at < day_end THEN closed_at ELSE day_end END)
               AS whole
          FROM (SELECT own.*, life.since AS begun_at, life.closed_at
                  FROM (SELECT account, market, min(least(asked_since, lower(coverage.proven), lower(coverage.archived))) AS since,
                               coalesce((array_agg(coverage.proven) FILTER (WHERE symbol = '*'))[1], '{}') AS proven,
                               coalesce((array_agg(coverage.archived) FILTER (WHERE symbol = '*'))[1], '{}')
                                   AS archived,
                               coalesce((SELECT range_agg(daterange(first_day, last_day, '[]')) FROM quarantined_days q
                                          WHERE (q.account, q.market) = (coverage.account, coverage.market)), '{}')
                                   AS quarantined,
                               coalesce(range_agg(piece), '{}') AS shown
                          FROM coverage LEFT JOIN LATERAL unnest(coverage.proven) AS piece ON true
                         GROUP BY account, market
                         UNION ALL
                        SELECT account, market, gap_start, '{}', '{}', '{}', '{}' FROM unread_markets AS never
                         WHERE NOT EXISTS (SELECT FROM coverage
                                            WHERE (coverage.account, coverage.market) = (never.account, never.market))
                       ) AS own
                  LEFT JOIN account_markets AS life ON (life.account, life.market) = (own.account, own.market)
               ) AS scopes
         CROSS JOIN LATERAL (SELECT day, timezone('UTC', day) AS day_start,
                                    timezone('UTC', day + interval '1 day') AS day_end
                               FROM generate_series(timezone('UTC', since)::date::timestamp,
                                                    timezone('UTC', least(now(), closed_at - interval '1 microsecond')),
                                                    interval '1 day') AS day
                              LIMIT (SELECT NULL::bigint)) AS series
       ) AS days;

-- What the files of each account in a market cover and the API did not prove.
CREATE VIEW report_archives AS
SELECT account, market, archived - proven AS archived
  FROM coverage WHERE symbol = '*' AND archived <> '{}';

CREATE OR REPLACE FUNCTION report_completeness(
    "from" date, until date, time_zone text DEFAULT 'UTC', of_account text DEFAULT NULL
) RETURNS TABLE (account text, market text, day date, state text) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    IF "from" IS NULL OR until IS NULL OR NOT isfinite("from") OR NOT isfinite(until) OR "from" > until THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
              MESSAGE = format('a calendar needs a first and a last day: %s to %s is none', "from", until);
    END IF;
    -- Postgres takes any word with a digit for a time zone of its own, such as UTC+3, which lies west.
    IF time_zone IS DISTINCT FROM 'UTC' AND NOT EXISTS (SELECT FROM pg_timezone_names WHERE name = time_zone) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
              MESSAGE = format('there is no time zone %s; write a name such as Europe/Berlin', time_zone);
    END IF;
    IF of_account IS NOT NULL AND NOT EXISTS (SELECT FROM report_scopes WHERE account = of_account) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
              MESSAGE = format('there is no account %s in the database', of_account);
    END IF;
    RETURN QUERY
    WITH scopes AS MATERIALIZED (
        SELECT scope.*, coalesce(own.archived, '{}') AS archived
          FROM report_scopes AS scope LEFT JOIN report_archives AS own USING (account, market)
         WHERE of_account IS NULL OR account = of_account
    )
    SELECT account, market, date, CASE
           WHEN lower(whole) >= now() THEN 'future'
           WHEN disputed && whole THEN 'disputed'
           WHEN proven + archived @> whole AND quarantined && whole THEN 'quarantined'
           WHEN proven @> whole THEN 'proven'
           WHEN proven + archived @> whole THEN 'archived'
           WHEN proven && whole OR partly_proven && whole OR archived && whole THEN 'partly'
           WHEN asked_since IS NULL OR asked_since >= upper(whole) THEN 'never asked'
           WHEN beyond_retention @> whole THEN 'beyond retention'
           ELSE 'not' END
      FROM scopes
     CROSS JOIN LATERAL (
           SELECT moment::date, timezone(time_zone, moment), timezone(time_zone, moment + interval '1 day')
             FROM generate_series("from"::timestamp, until::timestamp, interval '1 day') AS moment
           ) AS calendar (date, begins, ends)
     -- A market has the days of its life in the account, the first and the last in part.
     CROSS JOIN LATERAL (
           SELECT tstzrange(greatest(begins, begins_at), least(ends, ends_at))
            WHERE greatest(begins, begins_at) < least(ends, ends_at)
           ) AS life (whole)
     ORDER BY account, market, date;
END
$$;
