"""Weight limits: what the exchange allows an address per minute."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE weight_limits (
            host text NOT NULL,
            per_minute bigint NOT NULL,
            source text NOT NULL,
            seen_at timestamptz NOT NULL,
            CONSTRAINT weight_limits_pkey PRIMARY KEY (host),
            CONSTRAINT weight_limits_per_minute_check CHECK (per_minute > 0),
            CONSTRAINT weight_limits_source_check CHECK (source IN ('exchangeInfo', '429'))
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE weight_limits")
