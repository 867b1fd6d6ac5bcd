"""Identities: the host and the key's account that an account's proof belongs to."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE identities (
            account text NOT NULL,
            market text NOT NULL,
            host text NOT NULL,
            key_salt bytea NOT NULL,
            key_fingerprint bytea NOT NULL,
            is_checked boolean NOT NULL,
            confirmed_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT identities_pkey PRIMARY KEY (account, market),
            CONSTRAINT identities_key_salt_check CHECK (octet_length(key_salt) = 16),
            CONSTRAINT identities_key_fingerprint_check CHECK (octet_length(key_fingerprint) = 16)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE identities")
