"""Orders with their cascade: report_cascade_orders has those of the cascades that begin in a span."""

from pathlib import Path

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

SAID = (
    "The orders of the cascades that begin in [since, until), of one account or, without, of all. A cascade is known "
    "by account, market and started_at, as in report_cascades; a later order or another pause may join two of them."
)
COMMENTS = {
    "FUNCTION report_cascade_orders": SAID,
    "VIEW report_order_counts": "How many orders are stored. Reading it costs nothing, whatever the history.",
    "COLUMN report_order_counts.account": "Name of the account in the settings.",
    "COLUMN report_order_counts.market": "usdm: USDⓈ-M futures; coinm: COIN-M futures; margin: cross and isolated "
    "margin; pm-usdm, pm-coinm, pm-margin: the same of a Portfolio Margin account.",
    "COLUMN report_order_counts.close_type": "LIQUIDATION, ADL, SETTLEMENT or UNKNOWN.",
    "COLUMN report_order_counts.orders": "Number of orders; there is no row where none is stored.",
}


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    for what, said in COMMENTS.items():
        op.execute(f"COMMENT ON {what} IS '{said}'")


def downgrade() -> None:
    op.execute("DROP FUNCTION report_cascade_orders")
    op.execute("DROP VIEW report_order_counts")
