"""Verifications: each comparison with the exchange, and what it found."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE verifications (
            id bigint GENERATED ALWAYS AS IDENTITY,
            run_id bigint NOT NULL,
            account text NOT NULL,
            market text NOT NULL,
            symbol text NOT NULL,
            verified_at timestamptz NOT NULL DEFAULT now(),
            span tstzrange NOT NULL,
            compared tstzmultirange NOT NULL,
            unread tstzmultirange NOT NULL,
            unread_reason text,
            orders_compared bigint NOT NULL,
            missing bigint NOT NULL,
            different bigint NOT NULL,
            extra bigint NOT NULL,
            forgotten bigint NOT NULL,
            repaired bigint NOT NULL,
            differences jsonb NOT NULL,
            is_sample boolean NOT NULL,
            CONSTRAINT verifications_pkey PRIMARY KEY (id),
            CONSTRAINT verifications_repaired_check CHECK (repaired <= missing + different),
            CONSTRAINT verifications_unread_check
                CHECK (isempty(unread) = (unread_reason IS NULL) AND NOT unread && compared)
        )
    """)
    op.execute("CREATE UNIQUE INDEX verifications_run_idx ON verifications (run_id, account, market, symbol)")


def downgrade() -> None:
    op.execute("DROP TABLE verifications")
