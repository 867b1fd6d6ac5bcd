"""Costs: what each force order lost and paid, and what of that is not known."""

from pathlib import Path

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

SCOPE = {"account": "Name of the account in the settings.", "market": "Which market of the account it is."}
WALLET = "as it changed the wallet: negative is lost or paid"
COMMENTS = {
    "report_costs": (
        "What force orders cost, by order and asset, from their fills and from the income of the account. Every amount "
        "is as it changed the wallet. Assets are never converted. It does not hold what a position gained or lost "
        "before, funding, or tax.",
        SCOPE
        | {
            "symbol": "Contract, as the exchange names it.",
            "order_id": "The order; null for a clearance fee that names no fill of a stored order.",
            "close_type": "LIQUIDATION, ADL, SETTLEMENT or UNKNOWN; LIQUIDATION for a fee without order.",
            "order_time": "When the order was created; of an attributed fee the nearest order of its symbol.",
            "day": "The day of order_time, or else of booked_at, in UTC.",
            "asset": "The asset of the amounts. An order has a row for each: BNB may pay the commission.",
            "realized_pnl": f"Realised profit and loss of the fills, {WALLET}. Null if no fill is known.",
            "commission": f"Trading fees of the fills, {WALLET}. Null if no fill is known.",
            "clearance_fee": f"Fees for the clearance of a liquidation, {WALLET}. Null if none is known.",
            "total": "Their sum.",
            "is_attributed": "Whether a clearance fee without a link belongs to order_time by symbol and time alone, "
            "within a minute. It is then no fact of one order.",
            "is_complete": "Whether all fills of the order, with what they cost, and all clearance fees of its time "
            "are stored.",
            "incomplete_because": "Why not; null where it is complete.",
            "booked_at": "When the fee was booked; of an order the same as order_time.",
        },
    ),
    "cost_gaps": (
        "What is not known of the costs: orders whose fills are not all stored, and times of which the income is not "
        "proven.",
        SCOPE
        | {
            "symbol": "Contract of the order; null for income.",
            "order_id": "The order; null for income.",
            "what": "fills, or the type of income.",
            "gap_start": "When the order was created, or where the gap begins.",
            "gap_end": "When the order last changed, or where the gap ends.",
            "reason": "not_read: a run reads it next. incomplete: the fills do not add up to the order, asked again. "
            "beyond_retention: not read in time, the exchange keeps fills for 3 months. not_available: the market has "
            "no list of fills, or the order does not say what was filled, or a fill what it cost. Of income as in "
            "income_gaps; quarantined: a row could not be read.",
            "detail": "What is incomplete about the fills, as in fill_checks, or why a row could not be read.",
        },
    ),
    "fill_states": (
        "Force orders, and what is missing of their fills.",
        SCOPE
        | {
            "symbol": "Contract, as the exchange names it.",
            "order_id": "The order, unique with its symbol.",
            "order_time": "When the exchange created the order.",
            "update_time": "When it last changed.",
            "detail": "What was incomplete when the fills were last read, as in fill_checks.",
            "missing": "As cost_gaps.reason; null where all fills are stored.",
        },
    ),
    "unread_fees": (
        "Rows of income in quarantine that are clearance fees, or may be.",
        SCOPE
        | {
            "income_type": "As the row has it; income where that cannot be read.",
            "booked_at": "When it was booked; null where that cannot be read.",
            "reason": "Why it cannot be read.",
        },
    ),
    "unlinked_fees": (
        "Clearance fees that name no fill of a stored order.",
        SCOPE
        | {
            "symbol": "Contract, as the exchange names it; empty where it names none.",
            "asset": "The asset of the amount.",
            "amount": f"The fee, {WALLET}.",
            "booked_at": "When it was booked.",
            "order_time": "Of the nearest force order of the symbol within a minute; null where there is none.",
        },
    ),
}


def upgrade() -> None:
    op.execute(Path(__file__).with_name("0026_costs.sql").read_text(encoding="utf-8"))
    for view, (meaning, columns) in COMMENTS.items():
        op.execute(f"COMMENT ON VIEW {view} IS '{meaning}'")
        for column, said in columns.items():
            op.execute(f"COMMENT ON COLUMN {view}.{column} IS '{said}'")


def downgrade() -> None:
    op.execute("DROP VIEW report_costs, unlinked_fees")
    op.execute("DROP VIEW cost_gaps, unread_fees, fill_states")
    op.execute("DROP FUNCTION is_clearance_fee")
