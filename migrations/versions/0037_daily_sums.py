"""Daily sums that are kept: report_daily reads them for each day that did not change since it was summed."""

from pathlib import Path

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

SCOPE = {
    "account": "Name of the account in the settings.",
    "market": "usdm: USDⓈ-M futures; coinm: COIN-M futures; margin: cross and isolated margin; pm-usdm, pm-coinm, "
    "pm-margin: the same of a Portfolio Margin account.",
    "day": "Day of UTC.",
}
OF_REPORT = ("orders", "quantity_filled", "notional", "improvement_bps", "largest_notional", "quantity_unfilled")
SUMS = {
    "symbol": "Contract, as the exchange names it.",
    "close_type": "LIQUIDATION, ADL, SETTLEMENT or UNKNOWN.",
    **dict.fromkeys(OF_REPORT, "As in report_daily."),
}
IS_SUMMED = "Whether daily_sums has the sums of the day as its orders are now."
COMMENTS = {
    "TABLE order_days": "Each day with an order; what changes an order marks its day, by triggers of force_orders.",
    **{f"COLUMN order_days.{name}": said for name, said in SCOPE.items()},
    "COLUMN order_days.is_summed": f"{IS_SUMMED} Never true for coin-margined orders.",
    "TABLE daily_sums": "What report_daily says of days that did not change since they were summed. A day counts only "
    "while order_days says so; read report_daily, which is right at every moment.",
    **{f"COLUMN daily_sums.{name}": said for name, said in (SCOPE | SUMS).items()},
    "VIEW computed_daily_sums": "What report_daily says of each day, computed from its orders.",
    **{f"COLUMN computed_daily_sums.{name}": said for name, said in (SCOPE | SUMS).items()},
    **{
        f"COLUMN computed_daily_sums.{name}": "As in report_daily."
        for name in ("quote_asset", "base_asset", "margin_asset", "coin_notional")
    },
    "COLUMN computed_daily_sums.is_summed": IS_SUMMED,
    "FUNCTION mark_order_days()": "Trigger: marks the days of orders that changed, so that they are summed again.",
    "FUNCTION clear_order_days()": "Trigger: empties order_days and daily_sums with force_orders.",
}


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    for what, said in COMMENTS.items():
        op.execute(f"COMMENT ON {what} IS '{said}'")


def downgrade() -> None:
    text = Path(__file__).with_name("0021_improvement.sql").read_text(encoding="utf-8")
    _, begins, rest = text.partition("CREATE OR REPLACE VIEW report_daily")
    op.execute(begins + rest.partition(";\n")[0])
    op.execute("DROP VIEW computed_daily_sums")
    for of in ("inserted", "changed", "deleted", "none"):
        op.execute(f"DROP TRIGGER force_orders_mark_{of} ON force_orders")
    op.execute("DROP FUNCTION mark_order_days, clear_order_days")
    op.execute("DROP TABLE daily_sums, order_days")
