"""Force orders: one row an order, keyed as the exchange counts them, per symbol."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE force_orders (
            account text NOT NULL,
            market text NOT NULL,
            symbol text NOT NULL,
            order_id bigint NOT NULL,
            client_order_id text,
            status text,
            side text,
            position_side text,
            type text,
            orig_type text,
            time_in_force text,
            working_type text,
            price numeric,
            avg_price numeric,
            stop_price numeric,
            orig_qty numeric,
            executed_qty numeric,
            cum_quote numeric,
            reduce_only boolean,
            close_position boolean,
            close_type text NOT NULL,
            order_time timestamptz NOT NULL,
            update_time timestamptz NOT NULL,
            raw jsonb NOT NULL,
            first_seen_at timestamptz NOT NULL,
            changed_at timestamptz NOT NULL,
            first_run_id bigint NOT NULL,
            last_run_id bigint NOT NULL,
            CONSTRAINT force_orders_pkey PRIMARY KEY (account, market, symbol, order_id),
            CONSTRAINT force_orders_close_type_check
                CHECK (close_type IN ('LIQUIDATION', 'ADL', 'SETTLEMENT', 'UNKNOWN'))
        )
    """)
    op.execute("CREATE INDEX force_orders_account_order_time_idx ON force_orders (account, order_time)")


def downgrade() -> None:
    op.execute("DROP TABLE force_orders")
