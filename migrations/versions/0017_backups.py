"""Backups: when one was made, and whether it was verified.

`made_at` is the instant whose rows a backup holds, `file` its path on the machine that made it, and `newest_seal` the
digest of the seal that was added last. `verified_at` is null unless the backup was restored and checked.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE backups (
            id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
            made_at timestamptz NOT NULL,
            file text NOT NULL,
            bytes bigint NOT NULL,
            orders bigint NOT NULL,
            newest_seal text,
            verified_at timestamptz,
            CONSTRAINT backups_pkey PRIMARY KEY (id),
            CONSTRAINT backups_counts_check CHECK (bytes > 0 AND orders >= 0)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE backups")
