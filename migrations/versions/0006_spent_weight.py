"""Spent weight: what the processes behind an address have used of each minute, so that they share one budget."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE spent_weight (
            egress text NOT NULL,
            minute timestamptz NOT NULL,
            weight bigint NOT NULL,
            late bigint NOT NULL,
            noted_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT spent_weight_pkey PRIMARY KEY (egress, minute),
            CONSTRAINT spent_weight_late_check CHECK (late BETWEEN 0 AND weight)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE spent_weight")
