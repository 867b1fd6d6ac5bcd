"""Completeness: each day of a calendar has one state.

Views are replaced, not made anew, so that rights on them stay. A reader needs a right on `report_scopes`.
"""

from pathlib import Path

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

COMMENTS = {
    "VIEW report_scopes": "Each account in each of its markets, and what is known of it as sets of instants. "
    "report_completeness reads it for each day of a calendar.",
    "COLUMN report_scopes.account": "Name of the account in the settings.",
    "COLUMN report_scopes.market": "A market that was ever read or has orders, or that the account is known to have.",
    "COLUMN report_scopes.asked_since": "The earliest instant that was ever asked for; null where none was.",
    "COLUMN report_scopes.begins_at": "When the account got the market; null where it always had it or nobody knows.",
    "COLUMN report_scopes.ends_at": "When the account lost the market; null where it has it.",
    "COLUMN report_scopes.proven": "What is proven of every symbol.",
    "COLUMN report_scopes.partly_proven": "What is proven of some symbols and not of every one.",
    "COLUMN report_scopes.disputed": "Where the exchange contradicted the question or what is stored, and "
    "the times of orders that the newest verification found to differ and did not repair.",
    "COLUMN report_scopes.beyond_retention": "What was asked for when the exchange no longer kept it.",
    "COLUMN report_scopes.quarantined": "The days of UTC to which a row that could not be read may belong.",
    "FUNCTION report_completeness": "Each day from one date to another, both included, of each account in each of its "
    "markets. proven: every order of the day is stored. quarantined: it would be proven, but a row that could not be "
    "read may belong to it. disputed: the exchange contradicted itself, or an order differs from the exchange's. "
    "partly: some instants or symbols are proven. not: none is, and it was asked for. beyond retention: the exchange "
    "no longer kept it. never asked: nobody ever asked for it. future: it has not begun. No row says nothing: an "
    "account or market without one is unknown.",
    "COLUMN report_force_orders.notional": "What the fills were worth, in the quote asset: of coin-margined contracts "
    "their number times their size. Null where something was filled and the exchange sent neither worth nor price.",
    "COLUMN report_daily.notional": "What the fills were worth, in the quote asset: of coin-margined contracts their "
    "number times their size. Orders of unknown worth are left out; null where all are.",
}
BEFORE = (
    ("0018_reports.sql", "CREATE OR REPLACE VIEW report_force_orders", ";\n"),
    ("0018_reports.sql", "CREATE OR REPLACE VIEW report_daily", ";\n"),
    ("0018_orders.sql", "CREATE OR REPLACE FUNCTION keep_force_order_revision", "$$;\n"),
    ("0018_orders.sql", "CREATE OR REPLACE FUNCTION force_orders_as_of", "$$;\n"),
)
NOTIONAL_BEFORE = (
    "What the fills were worth, in the quote asset: of coin-margined contracts their number times their size."
)


def upgrade() -> None:
    for part in ("completeness", "reports"):
        op.execute(_text_of(f"0020_{part}.sql"))
    for what, said in COMMENTS.items():
        _comment(what, said)


def downgrade() -> None:
    op.execute("DROP FUNCTION report_completeness")
    op.execute("DROP VIEW report_scopes")
    for file, begin, end in BEFORE:
        _, begins, rest = _text_of(file).partition(begin)
        statement, ends, _ = rest.partition(end)
        op.execute(begins + statement + ends)
    for view in ("report_force_orders", "report_daily"):
        _comment(f"COLUMN {view}.notional", NOTIONAL_BEFORE)


def _comment(what: str, said: str) -> None:
    quoted = said.replace("'", "''")
    op.execute(f"COMMENT ON {what} IS '{quoted}'")


def _text_of(file: str) -> str:
    return Path(__file__).with_name(file).read_text(encoding="utf-8")
