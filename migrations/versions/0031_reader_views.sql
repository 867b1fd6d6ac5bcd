-- What says how complete and how fresh the reports are, as views of their own: whoever may read the report views, and
-- nothing else, sees it too. None of them has a row as received.

CREATE VIEW report_watermarks AS
SELECT account, market, symbol, watermark, covered_since FROM watermarks;

CREATE VIEW report_gaps AS
SELECT account, market, symbol, gap_start, gap_end, reason FROM coverage_gaps;

CREATE VIEW report_jobs AS
SELECT id AS job_id, command, account, market, queue, since, until, due_at, status, attempts, not_before, enqueued_at,
       started_at, ended_at, run_id, worker, run_status, error
  FROM jobs;

CREATE VIEW report_verifications AS
SELECT id AS verification_id, run_id, account, market, symbol, verified_at, span, compared, unread, unread_reason,
       orders_compared, missing, different, extra, forgotten, repaired, is_sample
  FROM verifications;

CREATE VIEW report_quarantine AS
SELECT account, market, count(*) AS rows_received,
       count(*) FILTER (WHERE resolved_at IS NULL) AS waiting,
       count(*) FILTER (WHERE resolved_at IS NOT NULL AND decision_id IS NULL) AS resolved,
       count(*) FILTER (WHERE decision_id IS NOT NULL) AS dismissed,
       min(seen_at) FILTER (WHERE resolved_at IS NULL) AS waiting_since,
       max(seen_at) AS newest_seen_at
  FROM quarantined_orders GROUP BY account, market;

CREATE VIEW report_revisions AS
SELECT account, market, symbol, order_id, valid_from, valid_until, close_type, status, side, position_side,
       order_time, update_time, price, avg_price AS average_price, orig_qty AS quantity_ordered,
       executed_qty AS quantity_filled, cum_quote, cum_base, source, first_run_id, last_run_id
  FROM force_order_revisions;
