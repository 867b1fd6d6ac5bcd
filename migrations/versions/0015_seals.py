"""Seals: a chain of digests over the orders of each proven day.

Rows are only added. The seal that follows another is unique, so that nobody can fork the chain of an account. The
newest seal of each account is noted apart, so that a chain that was cut off is found.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE seals (
            account text NOT NULL,
            market text NOT NULL,
            id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
            day date NOT NULL,
            version smallint NOT NULL,
            orders bigint NOT NULL,
            content text NOT NULL,
            previous text NOT NULL,
            replaces text,
            digest text NOT NULL,
            run_id bigint NOT NULL,
            sealed_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT seals_pkey PRIMARY KEY (account, market, id),
            CONSTRAINT seals_orders_check CHECK (orders >= 0)
        )
    """)
    op.execute("CREATE UNIQUE INDEX seals_account_market_previous_key ON seals (account, market, previous)")
    op.execute("""
        CREATE TABLE newest_seals (
            account text NOT NULL,
            market text NOT NULL,
            digest text NOT NULL,
            CONSTRAINT newest_seals_pkey PRIMARY KEY (account, market)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE newest_seals, seals")
