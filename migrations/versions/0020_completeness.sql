-- Completeness is asked with a calendar: each day of it has one state, also one that nobody ever asked for.

-- What is known of each account in each of its markets. The orders of an account that was never read count as well.
CREATE VIEW report_scopes AS
SELECT own.account, own.market, of_market.asked_since, life.since AS begins_at, life.closed_at AS ends_at,
       of_market.proven, of_market.shown - of_market.proven AS partly_proven,
       of_market.disputed - of_market.proven + of_orders.disputed AS disputed, of_market.beyond_retention - of_market.proven AS beyond_retention,
       coalesce((SELECT range_agg(tstzrange(timezone('UTC', first_day::timestamp),
                                            timezone('UTC', (last_day + 1)::timestamp)))
                   FROM quarantined_days AS q
                  WHERE q.account = own.account AND q.market = own.market), '{}') AS quarantined
  FROM (SELECT account, market FROM coverage
         UNION
        SELECT account, market FROM account_markets WHERE state IN ('read', 'closed') OR "exists"
         UNION
        SELECT account, market FROM order_counts WHERE orders > 0
       ) AS own
  LEFT JOIN account_markets AS life ON life.account = own.account AND life.market = own.market
 CROSS JOIN LATERAL (
       SELECT min(least(asked_since, lower(coverage.proven), lower(saturated), lower(coverage.beyond_retention),
                        lower(failed), lower(coverage.disputed))) AS asked_since,
              coalesce((array_agg(coverage.proven) FILTER (WHERE symbol = '*'))[1], '{}') AS proven,
              coalesce((array_agg(coverage.beyond_retention) FILTER (WHERE symbol = '*'))[1], '{}') AS beyond_retention,
              coalesce(range_agg(piece) FILTER (WHERE is_proof), '{}') AS shown,
              coalesce(range_agg(piece) FILTER (WHERE NOT is_proof), '{}') AS disputed
         FROM coverage
         LEFT JOIN LATERAL (SELECT true, unnest(coverage.proven)
                             UNION ALL
                            SELECT false, unnest(coverage.disputed - coverage.proven)) AS pieces (is_proof, piece) ON true
        WHERE coverage.account = own.account AND coverage.market = own.market
       ) AS of_market
 -- Orders that the newest comparison of their time found missing, different or extra, and did not repair. Where not all
 -- of them are listed it is the whole comparison.
 CROSS JOIN LATERAL (
       SELECT coalesce(range_agg(doubted), '{}') AS disputed
         FROM verifications AS own_verification
        CROSS JOIN LATERAL (
              SELECT difference ->> 'symbol', difference ->> 'order_id',
                     tstzrange((difference ->> 'order_time')::timestamptz, (difference ->> 'order_time')::timestamptz, '[]')
                FROM jsonb_array_elements(differences) AS difference
               WHERE NOT (difference ->> 'repaired')::boolean
               UNION ALL
              SELECT symbol, NULL, unnest(compared)
               WHERE missing + different + extra > greatest(repaired, jsonb_array_length(differences))
              ) AS differing (of_symbol, order_id, doubted)
        WHERE account = own.account AND market = own.market
          AND NOT EXISTS (SELECT FROM verifications AS later
                           WHERE later.account = own.account AND later.market = own.market
                             AND later.symbol IN ('*', of_symbol) AND later.id > own_verification.id
                             AND later.compared @> doubted)
          AND NOT EXISTS (SELECT FROM decisions
                           WHERE kind = 'vanished' AND decisions.account = own.account AND decisions.market = own.market
                             AND details ->> 'symbol' = of_symbol AND details ->> 'order_id' = order_id)
       ) AS of_orders;

CREATE FUNCTION report_completeness(
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
        SELECT * FROM report_scopes WHERE of_account IS NULL OR account = of_account
    )
    SELECT account, market, date, CASE
           WHEN lower(whole) >= now() THEN 'future'
           WHEN disputed && whole THEN 'disputed'
           WHEN proven @> whole AND quarantined && whole THEN 'quarantined'
           WHEN proven @> whole THEN 'proven'
           WHEN proven && whole OR partly_proven && whole THEN 'partly'
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
