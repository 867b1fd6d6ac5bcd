-- Which markets an account has, the instruments of each market, and the gap of a market that is not read.

CREATE TABLE account_markets (
    account text NOT NULL,
    market text NOT NULL,
    state text NOT NULL,
    "exists" boolean,
    source text NOT NULL,
    reason text,
    seen_at timestamptz NOT NULL,
    since timestamptz,
    closed_at timestamptz,
    CONSTRAINT account_markets_pkey PRIMARY KEY (account, market),
    CONSTRAINT account_markets_state_check CHECK (state IN ('read', 'not_permitted', 'absent', 'unknown', 'closed')),
    CONSTRAINT account_markets_closed_check CHECK ((state = 'closed') = (closed_at IS NOT NULL))
);

CREATE TABLE instruments (
    market text NOT NULL,
    symbol text NOT NULL,
    base_asset text,
    quote_asset text,
    margin_asset text,
    pair text,
    contract_type text,
    contract_size numeric,
    delivery_at timestamptz,
    status text,
    first_seen_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    is_listed boolean NOT NULL,
    CONSTRAINT instruments_pkey PRIMARY KEY (market, symbol),
    CONSTRAINT instruments_contract_size_check CHECK (contract_size > 0)
);

CREATE FUNCTION instrument_market(market text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE market WHEN 'pm-usdm' THEN 'usdm' WHEN 'pm-coinm' THEN 'coinm' WHEN 'pm-margin' THEN 'margin'
                       ELSE market END
$$;

-- The gap begins where nothing more is known of the market, or with the account's history where nothing ever was. What
-- is missing before that is a gap with a reason of its own. It ends where the account's other markets are proven to, or
-- where the market was closed.
CREATE VIEW unread_markets AS
SELECT own.account, own.market, span.gap_start, span.gap_end
  FROM account_markets AS own
 CROSS JOIN LATERAL (
       SELECT min(least(asked_since, lower(proven))) AS asked_since, max(upper(proven)) AS newest_proof
         FROM coverage WHERE coverage.account = own.account
       ) AS of_account
 CROSS JOIN LATERAL (
       SELECT coalesce(max(known_until) FILTER (WHERE symbol = '*'), min(known_until)) AS known_until
         FROM (SELECT symbol, greatest(upper(proven), upper(saturated), upper(beyond_retention), upper(failed),
                                       upper(disputed)) AS known_until
                 FROM coverage WHERE coverage.account = own.account AND coverage.market = own.market) AS scopes
       ) AS of_market
 CROSS JOIN LATERAL (SELECT greatest(of_market.known_until, own.since) AS earliest) AS bound
 CROSS JOIN LATERAL (
       SELECT CASE WHEN own.state = 'closed' THEN own.closed_at
                   WHEN bound.earliest >= of_account.newest_proof THEN own.seen_at
                   ELSE coalesce(of_account.newest_proof, own.seen_at) END AS gap_end
       ) AS ending
 CROSS JOIN LATERAL (
       SELECT ending.gap_end, greatest(bound.earliest, CASE
                  WHEN of_market.known_until IS NOT NULL THEN of_market.known_until
                  WHEN of_account.asked_since < ending.gap_end THEN of_account.asked_since
                  ELSE least(now(), ending.gap_end) - interval '90 days' END) AS gap_start
       ) AS span
 WHERE (own.state = 'closed' OR own."exists" AND own.state <> 'read')
   AND span.gap_start < span.gap_end
   AND (EXISTS (SELECT FROM coverage WHERE coverage.account = own.account)
        OR EXISTS (SELECT FROM account_markets AS other WHERE other.account = own.account AND other.state = 'read'));

CREATE OR REPLACE VIEW coverage_gaps AS
WITH known AS (
    SELECT *, greatest(upper(proven), upper(saturated), upper(beyond_retention), upper(failed), upper(disputed))
              AS known_until
      FROM effective_coverage
), holes AS (
    SELECT *, tstzmultirange(tstzrange(least(asked_since, lower(proven), known_until), known_until)) - proven
              AS hole
      FROM known
     WHERE known_until IS NOT NULL
       AND NOT proven @> tstzrange(least(asked_since, lower(proven), known_until), known_until)
)
SELECT account, market, symbol, lower(gap) AS gap_start, upper(gap) AS gap_end, reason
  FROM holes
 CROSS JOIN LATERAL (VALUES
        ('saturated', hole * saturated),
        ('beyond_retention', hole * beyond_retention - saturated),
        ('disputed', hole * disputed - beyond_retention - saturated),
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
       CASE WHEN proven @> whole AND quarantined @> day::date THEN 'quarantined'
            WHEN proven @> whole THEN 'proven' WHEN shown && whole THEN 'partly' ELSE 'not' END AS coverage,
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
  FROM (SELECT account, market, day::date AS day, proven, shown, quarantined, day_start, day_end,
               tstzrange(CASE WHEN begun_at > day_start AND begun_at < day_end THEN begun_at ELSE day_start END,
                         CASE WHEN closed_at > day_start AND closed_at < day_end THEN closed_at ELSE day_end END)
               AS whole
          FROM (SELECT own.*, life.since AS begun_at, life.closed_at
                  FROM (SELECT account, market, min(least(asked_since, lower(coverage.proven))) AS since,
                               coalesce((array_agg(coverage.proven) FILTER (WHERE symbol = '*'))[1], '{}') AS proven,
                               coalesce((SELECT range_agg(daterange(first_day, last_day, '[]')) FROM quarantined_days q
                                          WHERE (q.account, q.market) = (coverage.account, coverage.market)), '{}')
                                   AS quarantined,
                               coalesce(range_agg(piece), '{}') AS shown
                          FROM coverage LEFT JOIN LATERAL unnest(coverage.proven) AS piece ON true
                         GROUP BY account, market
                         UNION ALL
                        SELECT account, market, gap_start, '{}', '{}', '{}' FROM unread_markets AS never
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
