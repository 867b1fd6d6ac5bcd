"""Revisions: what an order was before it changed, so that a report can be repeated as of an earlier date.

A trigger keeps them, so that no way of changing a row can forget to.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE force_order_revisions (
            LIKE force_orders,
            valid_from timestamptz NOT NULL,
            valid_until timestamptz NOT NULL,
            CONSTRAINT force_order_revisions_pkey PRIMARY KEY (account, market, symbol, order_id, valid_until)
        )
    """)
    op.execute("""
        CREATE FUNCTION keep_force_order_revision() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO force_order_revisions
            SELECT OLD.*, OLD.changed_at, greatest(NEW.changed_at, OLD.changed_at + interval '1 microsecond');
            RETURN NEW;
        END
        $$
    """)
    op.execute("""
        CREATE TRIGGER force_orders_keep_revision BEFORE UPDATE ON force_orders
            FOR EACH ROW WHEN (OLD.raw IS DISTINCT FROM NEW.raw) EXECUTE FUNCTION keep_force_order_revision()
    """)
    op.execute("""
        CREATE FUNCTION force_orders_as_of(moment timestamptz) RETURNS SETOF force_orders LANGUAGE sql STABLE AS $$
            SELECT * FROM force_orders WHERE changed_at <= moment
            UNION ALL
            SELECT account, market, symbol, order_id, client_order_id, status, side, position_side, type, orig_type,
                   time_in_force, working_type, price, avg_price, stop_price, orig_qty, executed_qty, cum_quote,
                   reduce_only, close_position, close_type, order_time, update_time, raw, first_seen_at, changed_at,
                   first_run_id, last_run_id
              FROM force_order_revisions
             WHERE valid_from <= moment AND moment < valid_until
        $$
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION force_orders_as_of")
    op.execute("DROP TRIGGER force_orders_keep_revision ON force_orders")
    op.execute("DROP FUNCTION keep_force_order_revision")
    op.execute("DROP TABLE force_order_revisions")
