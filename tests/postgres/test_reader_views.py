"""What a role with the report views alone learns of completeness and freshness: the same as from the tables."""

from sqlalchemy import Connection, text

STORED = """
    INSERT INTO coverage (account, market, symbol, asked_since, proven, failed) VALUES
        ('main', 'usdm', '*', '2026-09-01Z', '{[2026-09-01Z,2026-09-08Z),[2026-09-09Z,2026-09-10Z)}',
         '{[2026-09-08Z,2026-09-09Z)}');
    INSERT INTO force_orders (account, market, symbol, order_id, close_type, status, executed_qty, order_time,
                              update_time, raw, first_seen_at, changed_at, first_run_id, last_run_id)
    VALUES ('main', 'usdm', 'BTCUSDT', 8389766251307928001, 'ADL', 'NEW', 0, '2026-09-02Z', '2026-09-02Z', '{}',
            '2026-09-03Z', '2026-09-03Z', 1, 1);
    UPDATE force_orders SET status = 'FILLED', executed_qty = 1.5, raw = '{"status": "FILLED"}',
                            changed_at = '2026-09-04Z', last_run_id = 2;
    INSERT INTO quarantined_orders (account, market, raw, reason, run_id, seen_at, resolved_at, decision_id) VALUES
        ('main', 'usdm', '1', 'no object', 1, '2026-09-02Z', NULL, NULL),
        ('main', 'usdm', '2', 'no object', 1, '2026-09-03Z', NULL, NULL),
        ('main', 'usdm', '3', 'no object', 1, '2026-09-01Z', '2026-09-05Z', NULL),
        ('main', 'usdm', '4', 'no object', 1, '2026-09-01Z', '2026-09-05Z', 1),
        ('other', 'coinm', '5', 'no object', 1, '2026-09-01Z', '2026-09-05Z', 1);
    INSERT INTO verifications (run_id, account, market, symbol, verified_at, span, compared, unread, orders_compared,
                               missing, different, extra, forgotten, repaired, differences, is_sample)
    VALUES (1, 'main', 'usdm', '*', '2026-09-10Z', '[2026-09-01Z,2026-09-08Z)', '{[2026-09-01Z,2026-09-08Z)}', '{}',
            7, 2, 1, 0, 3, 3, '[]', false);
    INSERT INTO procrastinate_jobs (queue_name, task_name, args)
    VALUES ('default', 'sync', '{"account": "main", "market": "coinm"}')
"""
SAME = {
    "report_watermarks": "SELECT account, market, symbol, watermark, covered_since FROM watermarks",
    "report_gaps": "SELECT account, market, symbol, gap_start, gap_end, reason FROM coverage_gaps",
    "report_jobs": "SELECT id, command, account, market, queue, since, until, due_at, status, attempts, not_before, "
    "enqueued_at, started_at, ended_at, run_id, worker, run_status, error FROM jobs",
}


def test_they_say_what_the_tables_say(connection: Connection) -> None:
    connection.execute(text(STORED))
    for view, query in SAME.items():
        said = connection.execute(text(f"SELECT * FROM {view}")).all()
        assert said == connection.execute(text(query)).all() != [], view


def test_the_quarantine_is_counted_by_what_became_of_its_rows(connection: Connection) -> None:
    connection.execute(text(STORED))
    counted = text("""
        SELECT account, market, rows_received, waiting, resolved, dismissed, waiting_since::date::text
          FROM report_quarantine ORDER BY account
    """)
    assert connection.execute(counted).all() == [
        ("main", "usdm", 4, 2, 1, 1, "2026-09-02"),
        ("other", "coinm", 1, 0, 0, 1, None),
    ]


def test_a_revision_and_a_verification_are_told_without_what_was_received(connection: Connection) -> None:
    connection.execute(text(STORED))
    revised = text("SELECT status, quantity_filled, valid_from, valid_until FROM report_revisions")
    ((status, filled, begins, ends),) = connection.execute(revised).all()
    assert (status, filled, (ends - begins).days) == ("NEW", 0, 1)
    verified = text("SELECT orders_compared, missing, different, forgotten, repaired FROM report_verifications")
    assert connection.execute(verified).all() == [(7, 2, 1, 3, 3)]
    columns = text("""
        SELECT table_name FROM information_schema.columns
         WHERE table_name LIKE 'report%' AND column_name IN ('raw', 'differences')
    """)
    assert connection.scalars(columns).all() == []
