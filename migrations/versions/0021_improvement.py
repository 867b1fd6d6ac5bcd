"""Improvement: what a column called slippage was the improvement on the order's price, with the wrong sign.

The price of a liquidation's order is its bankruptcy price: of 1,104 recorded orders none was filled at a worse one.
Columns are renamed and views replaced, not made anew, so that rights on them stay.
"""

from pathlib import Path

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

COMMENTS = {
    "report_force_orders": "How much better than price the fills were, in hundredths of a percent, two decimals. "
    "Positive: sold higher or bought lower. The price of a liquidation is its bankruptcy price: this is no slippage. "
    "Null without price or fill.",
    "report_daily": "Mean of the orders'' improvement_bps, weighted by notional, two decimals; positive is better.",
}
COMMENTS_BEFORE = {
    "report_force_orders": "How much worse than price the fills were, in hundredths of a percent, two decimals. "
    "Positive: sold lower or bought higher. Negative: better. Null without price or fill.",
    "report_daily": "Mean of the orders'' slippage_bps, weighted by notional, two decimals; positive is worse.",
}


def upgrade() -> None:
    op.execute(_text_of("0021_improvement.sql"))
    for view, said in COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN {view}.improvement_bps IS '{said}'")


def downgrade() -> None:
    for view, said in COMMENTS_BEFORE.items():
        op.execute(f"ALTER VIEW {view} RENAME COLUMN improvement_bps TO slippage_bps")
        op.execute(f"COMMENT ON COLUMN {view}.slippage_bps IS '{said}'")
        _, begins, rest = _text_of("0020_reports.sql").partition(f"CREATE OR REPLACE VIEW {view}")
        op.execute(begins + rest.partition(";\n")[0])


def _text_of(file: str) -> str:
    return Path(__file__).with_name(file).read_text(encoding="utf-8")
