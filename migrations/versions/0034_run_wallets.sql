-- What each run did in each account and market, kept by the transaction that stores it. The run's own row has the cost.

CREATE TABLE run_wallets (
    run_id bigint NOT NULL,
    account text NOT NULL,
    market text NOT NULL,
    rows_received bigint NOT NULL,
    inserted bigint NOT NULL,
    updated bigint NOT NULL,
    unchanged bigint NOT NULL,
    quarantined bigint NOT NULL,
    largest_page bigint NOT NULL,
    CONSTRAINT run_wallets_pkey PRIMARY KEY (run_id, account, market)
);

CREATE OR REPLACE VIEW report_runs AS
SELECT id AS run_id, command, status, started_at, finished_at, finished_at - started_at AS duration,
       requests, weight, rows_received,
       inserted AS orders_new, updated AS orders_changed, unchanged AS orders_unchanged,
       quarantined AS rows_quarantined, error, job_id, worker
  FROM runs;

CREATE VIEW report_run_wallets AS
SELECT run_id, own.account, own.market, runs.command, runs.status, runs.started_at, runs.finished_at, runs.job_id,
       runs.worker, own.rows_received, own.inserted AS orders_new, own.updated AS orders_changed,
       own.unchanged AS orders_unchanged, own.quarantined AS rows_quarantined
  FROM run_wallets AS own JOIN runs ON runs.id = run_id;
