"""Coverage: which questions were answered, as sets of intervals; watermarks and gaps are read off them.

The sets of a scope only grow. What is proven takes precedence over every reason why it once was not, so that a hole
which is filled later needs no deletion.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE coverage (
            account text NOT NULL,
            market text NOT NULL,
            symbol text NOT NULL,
            asked_since timestamptz,
            proven tstzmultirange NOT NULL DEFAULT '{}',
            saturated tstzmultirange NOT NULL DEFAULT '{}',
            beyond_retention tstzmultirange NOT NULL DEFAULT '{}',
            failed tstzmultirange NOT NULL DEFAULT '{}',
            CONSTRAINT coverage_pkey PRIMARY KEY (account, market, symbol)
        )
    """)
    op.execute("""
        CREATE VIEW effective_coverage AS
        SELECT own.account, own.market, own.symbol,
               least(own.asked_since, every.asked_since) AS asked_since,
               own.proven + coalesce(every.proven, '{}') AS proven,
               own.saturated + coalesce(every.saturated, '{}') AS saturated,
               own.beyond_retention + coalesce(every.beyond_retention, '{}') AS beyond_retention,
               own.failed + coalesce(every.failed, '{}') AS failed
          FROM coverage own
          LEFT JOIN coverage every
            ON (every.account, every.market, every.symbol) = (own.account, own.market, '*') AND own.symbol <> '*'
    """)
    op.execute("""
        CREATE VIEW watermarks AS
        SELECT account, market, symbol, upper(first.proven) AS watermark, lower(first.proven) AS covered_since
          FROM effective_coverage
          LEFT JOIN LATERAL (SELECT piece FROM unnest(proven) AS piece ORDER BY piece LIMIT 1) AS first (proven) ON true
    """)
    op.execute("""
        CREATE VIEW coverage_gaps AS
        WITH known AS (
            SELECT *, greatest(upper(proven), upper(saturated), upper(beyond_retention), upper(failed)) AS known_until
              FROM effective_coverage
        ), holes AS (
            SELECT *, tstzmultirange(tstzrange(least(asked_since, lower(proven), known_until), known_until)) - proven
                      AS hole
              FROM known
             WHERE known_until IS NOT NULL
        )
        SELECT account, market, symbol, lower(gap) AS gap_start, upper(gap) AS gap_end, reason
          FROM holes
         CROSS JOIN LATERAL (VALUES
                ('saturated', hole * saturated),
                ('beyond_retention', hole * beyond_retention - saturated),
                ('failed', hole * failed - beyond_retention - saturated),
                ('not_fetched', hole - failed - beyond_retention - saturated)
              ) AS reasons (reason, gaps)
         CROSS JOIN LATERAL unnest(gaps) AS gap
    """)


def downgrade() -> None:
    op.execute("DROP VIEW coverage_gaps, watermarks, effective_coverage")
    op.execute("DROP TABLE coverage")
