"""Quick at every size: what is asked per account reads only its rows, and old runs are folded into days.

`order_counts` is kept by triggers, so that no way of storing an order can forget to count it. `run_days` holds the sums
of each day's runs, which outlive the runs themselves. `own_watermarks` leaves out the symbols that were never asked for
by name: what is known of them is what is known of `*`.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

ORDER_COUNTS = """
    CREATE TABLE order_counts (
        account text NOT NULL,
        market text NOT NULL,
        close_type text NOT NULL,
        orders bigint NOT NULL,
        CONSTRAINT order_counts_pkey PRIMARY KEY (account, market, close_type),
        CONSTRAINT order_counts_orders_check CHECK (orders >= 0)
    )
"""
# The rows are in order, so that two transactions that count the same accounts cannot wait for each other.
COUNT_INSERTED = """
    CREATE FUNCTION count_inserted_force_orders() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO order_counts AS own (account, market, close_type, orders)
        SELECT account, market, close_type, count(*) FROM inserted
         GROUP BY account, market, close_type ORDER BY account, market, close_type
            ON CONFLICT (account, market, close_type) DO UPDATE SET orders = own.orders + excluded.orders;
        RETURN NULL;
    END
    $$
"""
COUNT_DELETED = """
    CREATE FUNCTION count_deleted_force_orders() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE order_counts AS own SET orders = own.orders - gone.orders
          FROM (SELECT account, market, close_type, count(*) AS orders FROM deleted
                 GROUP BY account, market, close_type) AS gone
         WHERE (own.account, own.market, own.close_type) = (gone.account, gone.market, gone.close_type);
        RETURN NULL;
    END
    $$
"""
COUNT_CHANGED = """
    CREATE FUNCTION count_changed_force_order() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE order_counts SET orders = orders - 1
         WHERE (account, market, close_type) = (OLD.account, OLD.market, OLD.close_type);
        INSERT INTO order_counts AS own (account, market, close_type, orders)
        VALUES (NEW.account, NEW.market, NEW.close_type, 1)
            ON CONFLICT (account, market, close_type) DO UPDATE SET orders = own.orders + 1;
        RETURN NULL;
    END
    $$
"""
COUNT_NONE = """
    CREATE FUNCTION count_no_force_orders() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM order_counts;
        RETURN NULL;
    END
    $$
"""
TRIGGERS = (
    """
    CREATE TRIGGER force_orders_count_inserted AFTER INSERT ON force_orders REFERENCING NEW TABLE AS inserted
        FOR EACH STATEMENT EXECUTE FUNCTION count_inserted_force_orders()
    """,
    """
    CREATE TRIGGER force_orders_count_deleted AFTER DELETE ON force_orders REFERENCING OLD TABLE AS deleted
        FOR EACH STATEMENT EXECUTE FUNCTION count_deleted_force_orders()
    """,
    """
    CREATE TRIGGER force_orders_count_changed AFTER UPDATE ON force_orders
        FOR EACH ROW
        WHEN (OLD.account <> NEW.account OR OLD.market <> NEW.market OR OLD.close_type <> NEW.close_type)
        EXECUTE FUNCTION count_changed_force_order()
    """,
    """
    CREATE TRIGGER force_orders_count_none AFTER TRUNCATE ON force_orders
        FOR EACH STATEMENT EXECUTE FUNCTION count_no_force_orders()
    """,
)
# After the triggers, whose making keeps others from storing until the end of this transaction.
COUNT_STORED = """
    INSERT INTO order_counts (account, market, close_type, orders)
    SELECT account, market, close_type, count(*) FROM force_orders GROUP BY account, market, close_type
"""

RUN_DAYS = """
    CREATE TABLE run_days (
        day date NOT NULL,
        command text NOT NULL,
        status text NOT NULL,
        runs bigint NOT NULL,
        requests bigint NOT NULL,
        weight bigint NOT NULL,
        rows_received bigint NOT NULL,
        inserted bigint NOT NULL,
        updated bigint NOT NULL,
        unchanged bigint NOT NULL,
        quarantined bigint NOT NULL,
        largest_page bigint NOT NULL,
        last_finished_at timestamptz NOT NULL,
        first_run_id bigint NOT NULL,
        last_run_id bigint NOT NULL,
        removed_at timestamptz,
        CONSTRAINT run_days_pkey PRIMARY KEY (day, command, status),
        CONSTRAINT run_days_runs_check CHECK (runs > 0 AND first_run_id <= last_run_id)
    )
"""

# The end of the first piece of `proven`: where its first hole begins or, without a hole, its end.
WATERMARK = "coalesce(lower(tstzmultirange(range_merge(proven)) - proven), upper(proven))"
WATERMARKS = """
    CREATE OR REPLACE VIEW watermarks AS
    SELECT account, market, symbol, :watermark AS watermark, lower(proven) AS covered_since FROM effective_coverage
""".replace(":watermark", WATERMARK)
WATERMARKS_BEFORE = """
    CREATE OR REPLACE VIEW watermarks AS
    SELECT account, market, symbol, upper(first.proven) AS watermark, lower(first.proven) AS covered_since
      FROM effective_coverage
      LEFT JOIN LATERAL (SELECT piece FROM unnest(proven) AS piece ORDER BY piece LIMIT 1) AS first (proven) ON true
"""
IS_SHARING = """own.symbol <> '*' AND own.asked_since IS NULL AND isempty(own.proven) AND isempty(own.saturated)
                   AND isempty(own.beyond_retention) AND isempty(own.failed) AND isempty(own.disputed)"""
OWN_WATERMARKS = """
    CREATE VIEW own_watermarks AS
    SELECT account, market, symbol, :watermark AS watermark, lower(proven) AS covered_since,
           upper(proven) AS newest_proof, symbols,
           NOT coalesce(proven @> tstzrange(least(asked_since, lower(proven), known_until), known_until), true)
           AS has_gap
      FROM (SELECT own.account, own.market, own.symbol, least(own.asked_since, every.asked_since) AS asked_since,
                   own.proven + coalesce(every.proven, '{}') AS proven,
                   greatest(upper(own.proven), upper(own.saturated), upper(own.beyond_retention), upper(own.failed),
                            upper(own.disputed), upper(every.proven), upper(every.saturated),
                            upper(every.beyond_retention), upper(every.failed), upper(every.disputed)) AS known_until,
                   CASE own.symbol WHEN '*' THEN 1 + coalesce(sharing.symbols, 0) ELSE 1 END AS symbols
              FROM coverage own
              LEFT JOIN coverage every
                ON (every.account, every.market, every.symbol) = (own.account, own.market, '*') AND own.symbol <> '*'
              LEFT JOIN (SELECT account, market, count(*) AS symbols FROM coverage own
                          WHERE :is_sharing
                          GROUP BY account, market) AS sharing
                ON (sharing.account, sharing.market) = (own.account, own.market) AND own.symbol = '*'
             WHERE NOT (:is_sharing)
                OR every.symbol IS NULL
           ) AS scopes
""".replace(":watermark", WATERMARK).replace(":is_sharing", IS_SHARING)

GAPS = """
    CREATE OR REPLACE VIEW coverage_gaps AS
    WITH known AS (
        SELECT *, greatest(upper(proven), upper(saturated), upper(beyond_retention), upper(failed), upper(disputed))
                  AS known_until
          FROM effective_coverage
    ), holes AS (
        SELECT *, tstzmultirange(tstzrange(least(asked_since, lower(proven), known_until), known_until)) - proven
                  AS hole
          FROM known
         WHERE known_until IS NOT NULL{filter}
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
"""
# Most scopes have no hole: nothing more is computed for them.
HAS_HOLE = """
           AND NOT proven @> tstzrange(least(asked_since, lower(proven), known_until), known_until)"""

OF_RUNS = "Each run of a command: when, how it ended, what it cost and what it found."
REMOVED = "Old ones are removed; run_days has the sums of each day."


def upgrade() -> None:
    for statement in (ORDER_COUNTS, COUNT_INSERTED, COUNT_DELETED, COUNT_CHANGED, COUNT_NONE, *TRIGGERS, COUNT_STORED):
        op.execute(statement)
    for statement in (RUN_DAYS, WATERMARKS, OWN_WATERMARKS, GAPS.format(filter=HAS_HOLE)):
        op.execute(statement)
    op.execute(f"COMMENT ON VIEW report_runs IS '{OF_RUNS} {REMOVED}'")
    op.execute("CREATE INDEX verifications_scope_idx ON verifications (account, market, symbol, id)")
    op.execute("CREATE INDEX jobs_account_idx ON procrastinate_jobs ((args ->> 'account'))")


def downgrade() -> None:
    op.execute("DROP INDEX jobs_account_idx, verifications_scope_idx")
    op.execute(f"COMMENT ON VIEW report_runs IS '{OF_RUNS}'")
    op.execute("DROP VIEW own_watermarks")
    op.execute(GAPS.format(filter=""))
    op.execute(WATERMARKS_BEFORE)
    op.execute("DROP TABLE run_days, order_counts")
    for of in ("inserted", "deleted", "changed", "none"):
        op.execute(f"DROP TRIGGER force_orders_count_{of} ON force_orders")
    op.execute("DROP FUNCTION count_inserted_force_orders, count_deleted_force_orders")
    op.execute("DROP FUNCTION count_changed_force_order, count_no_force_orders")
