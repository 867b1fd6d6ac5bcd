-- Reconciliations: the stored force orders, held against the list of all orders of the account.

CREATE TABLE reconciliations (
    id bigint GENERATED ALWAYS AS IDENTITY,
    run_id bigint NOT NULL,
    account text NOT NULL,
    market text NOT NULL,
    reconciled_at timestamptz NOT NULL DEFAULT now(),
    span tstzrange NOT NULL,
    compared tstzmultirange NOT NULL,
    reason text,
    orders_listed bigint NOT NULL,
    orders_compared bigint NOT NULL,
    missing bigint NOT NULL,
    conflicting bigint NOT NULL,
    late bigint NOT NULL,
    different bigint NOT NULL,
    unseen bigint NOT NULL,
    namesake bigint NOT NULL,
    expected bigint NOT NULL,
    accepted bigint NOT NULL,
    CONSTRAINT reconciliations_pkey PRIMARY KEY (id),
    CONSTRAINT reconciliations_compared_check CHECK (compared <@ span)
);
CREATE UNIQUE INDEX reconciliations_run_idx ON reconciliations (run_id, account, market);
CREATE INDEX reconciliations_scope_idx ON reconciliations (account, market, id);

-- Whether an order of a day is disputed changes when it is stored or accepted: the view reconciliation_days looks it up.
CREATE TABLE reconciled_days (
    account text NOT NULL,
    market text NOT NULL,
    day date NOT NULL,
    verdict text NOT NULL,
    reason text,
    run_id bigint NOT NULL,
    reconciled_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT reconciled_days_pkey PRIMARY KEY (account, market, day),
    CONSTRAINT reconciled_days_verdict_check CHECK (verdict IN ('agreed', 'not checkable')),
    CONSTRAINT reconciled_days_reason_check CHECK ((verdict = 'agreed') = (reason IS NULL))
);

CREATE TABLE reconciliation_orders (
    account text NOT NULL,
    market text NOT NULL,
    symbol text NOT NULL,
    order_id bigint NOT NULL,
    order_time timestamptz NOT NULL,
    kind text NOT NULL,
    detail text NOT NULL,
    raw jsonb,
    found_at timestamptz NOT NULL DEFAULT now(),
    run_id bigint NOT NULL,
    resolved_at timestamptz,
    CONSTRAINT reconciliation_orders_pkey PRIMARY KEY (account, market, symbol, order_id),
    CONSTRAINT reconciliation_orders_kind_check
        CHECK (kind IN ('missing', 'conflicting', 'late', 'different', 'unseen', 'namesake'))
);
CREATE INDEX reconciliation_orders_disputed_idx ON reconciliation_orders (account, market, order_time)
 WHERE kind IN ('missing', 'conflicting') AND resolved_at IS NULL;

-- A missing order that any run has stored since is no longer missing.
CREATE VIEW disputed_orders AS
SELECT account, market, symbol, order_id, order_time, kind, detail, found_at, run_id
  FROM reconciliation_orders AS own
 WHERE kind IN ('missing', 'conflicting') AND resolved_at IS NULL
   AND NOT (kind = 'missing' AND EXISTS (SELECT FROM force_orders AS o
                                          WHERE o.account = own.account AND o.market = own.market
                                            AND o.symbol = own.symbol AND o.order_id = own.order_id));

-- A day that is not over has a row only while an order of it is disputed.
CREATE VIEW reconciliation_days AS
SELECT account, market, day,
       CASE WHEN disputed.orders IS NULL THEN verdict ELSE 'disputed' END AS verdict,
       coalesce(disputed.orders, reason) AS reason,
       coalesce(own.run_id, disputed.run_id) AS run_id,
       coalesce(own.reconciled_at, disputed.found_at) AS reconciled_at
  FROM reconciled_days AS own
  FULL JOIN (SELECT account, market, timezone('UTC', order_time)::date AS day,
                    string_agg(symbol || ' ' || order_id || ' ' || kind, ', ' ORDER BY order_time, symbol, order_id)
                        AS orders,
                    max(run_id) AS run_id, max(found_at) AS found_at
               FROM disputed_orders GROUP BY account, market, timezone('UTC', order_time)::date
            ) AS disputed USING (account, market, day);

-- What is known of each account in each of its markets. The orders of an account that was never read count as well.
CREATE OR REPLACE VIEW report_scopes AS
SELECT own.account, own.market, of_market.asked_since, life.since AS begins_at, life.closed_at AS ends_at,
       of_market.proven, of_market.shown - of_market.proven AS partly_proven,
       of_market.disputed - of_market.proven + of_orders.disputed + of_lists.disputed AS disputed, of_market.beyond_retention - of_market.proven AS beyond_retention,
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
       ) AS of_orders
 -- Orders on which the exchange's own lists disagree.
 CROSS JOIN LATERAL (
       SELECT coalesce(range_agg(tstzrange(order_time, order_time, '[]')), '{}') AS disputed
         FROM disputed_orders AS disagreed
        WHERE disagreed.account = own.account AND disagreed.market = own.market
       ) AS of_lists;
