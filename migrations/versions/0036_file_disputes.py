"""Disputes with files: an order that only a file of the archive has, at a time that the API proved, is disputed.

The files are no evidence against the API: what is proven stays proven. But of two answers of the exchange one is wrong,
so such a day is not complete until the API shows the order or somebody accepts it.
"""

from pathlib import Path

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

# The times of a file are whole seconds, so that such an order may lie up to a second later. A settlement is no forced
# order for the API, which need not show it.
OF_FILES = """
 CROSS JOIN LATERAL (
       SELECT coalesce(range_agg(tstzrange(order_time, order_time, '[]')), '{}') AS disputed
         FROM force_orders AS o
        WHERE o.account = own.account AND o.market = own.market AND o.source = 'archive'
          AND o.close_type IN ('LIQUIDATION', 'ADL')
          AND of_market.proven @> tstzrange(o.order_time, o.update_time + interval '1 second')
          AND NOT EXISTS (SELECT FROM decisions
                           WHERE kind IN ('vanished', 'disputed') AND decisions.account = o.account
                             AND decisions.market = o.market AND details ->> 'symbol' = o.symbol
                             AND details ->> 'order_id' = o.order_id::text)
       ) AS of_files"""
SUM = "of_orders.disputed + of_lists.disputed AS disputed"
WITH_FILES = "of_orders.disputed + of_lists.disputed + of_files.disputed AS disputed"
INDEX = """
    CREATE INDEX force_orders_archived_idx ON force_orders (account, market, order_time) WHERE source = 'archive'
"""
BEFORE = (
    "Where the exchange contradicted the question or what is stored, and the times of orders that the newest "
    "verification found to differ and did not repair, and those of orders on which the exchange''s own lists disagree "
    "(disputed_orders)."
)
NOW = f"{BEFORE[:-1]} or that only a file of its archive has, where the API proved the time."


def upgrade() -> None:
    op.execute(INDEX)
    op.execute(_scopes().replace(SUM, WITH_FILES) + OF_FILES)
    op.execute(f"COMMENT ON COLUMN report_scopes.disputed IS '{NOW}'")


def downgrade() -> None:
    op.execute(_scopes())
    op.execute(f"COMMENT ON COLUMN report_scopes.disputed IS '{BEFORE}'")
    op.execute("DROP INDEX force_orders_archived_idx")


def _scopes() -> str:
    """The view as 0027 made it."""
    text = Path(__file__).with_name("0027_reconciliations.sql").read_text(encoding="utf-8")
    _, begins, rest = text.partition("CREATE OR REPLACE VIEW report_scopes")
    return begins + rest.partition(";\n")[0]
