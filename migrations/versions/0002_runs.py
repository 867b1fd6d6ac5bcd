"""Runs and what they leave behind: the ledger, rows that could not be read, silences that the exchange asked for."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE runs (
            id bigint GENERATED ALWAYS AS IDENTITY,
            command text NOT NULL,
            started_at timestamptz NOT NULL DEFAULT now(),
            finished_at timestamptz,
            status text NOT NULL,
            requests bigint NOT NULL DEFAULT 0,
            weight bigint NOT NULL DEFAULT 0,
            rows_received bigint NOT NULL DEFAULT 0,
            inserted bigint NOT NULL DEFAULT 0,
            updated bigint NOT NULL DEFAULT 0,
            unchanged bigint NOT NULL DEFAULT 0,
            quarantined bigint NOT NULL DEFAULT 0,
            largest_page bigint NOT NULL DEFAULT 0,
            error text,
            CONSTRAINT runs_pkey PRIMARY KEY (id),
            CONSTRAINT runs_status_check
                CHECK (status IN ('running', 'succeeded', 'incomplete', 'failed', 'banned', 'stopped')),
            CONSTRAINT runs_finished_check CHECK ((status = 'running') = (finished_at IS NULL))
        )
    """)
    op.execute("""
        CREATE TABLE quarantined_orders (
            id bigint GENERATED ALWAYS AS IDENTITY,
            account text NOT NULL,
            market text NOT NULL,
            raw jsonb NOT NULL,
            reason text NOT NULL,
            run_id bigint NOT NULL,
            seen_at timestamptz NOT NULL DEFAULT now(),
            resolved_at timestamptz,
            CONSTRAINT quarantined_orders_pkey PRIMARY KEY (id)
        )
    """)
    op.execute("""
        CREATE UNIQUE INDEX quarantined_orders_unresolved_key
            ON quarantined_orders (account, market, md5(raw::text)) WHERE resolved_at IS NULL
    """)
    op.execute("""
        CREATE TABLE silences (
            egress text NOT NULL,
            until timestamptz NOT NULL,
            reason text NOT NULL,
            CONSTRAINT silences_pkey PRIMARY KEY (egress)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE silences, quarantined_orders, runs")
