"""Disputed intervals: the exchange's answer contradicts the question, or the orders that are stored.

`coverage` gets a set of them, and `coverage_gaps` the reason `disputed`. What is proven by a later answer takes
precedence, as for every other reason.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_EFFECTIVE = """
    CREATE OR REPLACE VIEW effective_coverage AS
    SELECT own.account, own.market, own.symbol,
           least(own.asked_since, every.asked_since) AS asked_since,
           own.proven + coalesce(every.proven, '{}') AS proven,
           own.saturated + coalesce(every.saturated, '{}') AS saturated,
           own.beyond_retention + coalesce(every.beyond_retention, '{}') AS beyond_retention,
           own.failed + coalesce(every.failed, '{}') AS failed,
           :disputed AS disputed
      FROM coverage own
      LEFT JOIN coverage every
        ON (every.account, every.market, every.symbol) = (own.account, own.market, '*') AND own.symbol <> '*'
"""
_DISPUTED = "own.disputed + coalesce(every.disputed, '{}')"
_NONE = "'{}'::tstzmultirange"

_GAPS = """
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


def upgrade() -> None:
    op.execute("ALTER TABLE coverage ADD COLUMN disputed tstzmultirange NOT NULL DEFAULT '{}'")
    op.execute(_EFFECTIVE.replace(":disputed", _DISPUTED))
    op.execute(_GAPS)


def downgrade() -> None:
    # A view cannot lose a column while others read it: it stays, always empty.
    op.execute(_EFFECTIVE.replace(":disputed", _NONE))
    op.execute("ALTER TABLE coverage DROP COLUMN disputed")
