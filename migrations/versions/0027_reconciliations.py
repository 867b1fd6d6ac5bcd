"""Reconciliations: the stored force orders are held against the list of all orders of an account.

`report_scopes` is replaced, not made anew, so that rights on it stay: a disputed order makes its day disputed.
"""

from pathlib import Path

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

COMMENTS = {
    "VIEW disputed_orders": "Orders on which the exchange contradicts itself, until they are stored or agree, or an "
    "operator accepts that (force-orders coverage accept).",
    "COLUMN disputed_orders.order_time": "As the list of all orders shows it.",
    "COLUMN disputed_orders.kind": "missing: listed as forced, and not among the force orders. conflicting: both lists "
    "have the same version of it, with other values.",
    "COLUMN disputed_orders.detail": "What was seen, in words.",
    "COLUMN disputed_orders.found_at": "When it was last found so.",
    "COLUMN disputed_orders.run_id": "The run that found it so.",
    "VIEW reconciliation_days": "Each day of UTC that was held against the list of all orders of the account.",
    "COLUMN reconciliation_days.verdict": "agreed: all of the day was compared, of every symbol, and both lists have "
    "each order that they must have. not checkable: a part could not be compared. disputed: an order of it is in "
    "disputed_orders, whatever else was compared.",
    "COLUMN reconciliation_days.reason": "Why it is not checkable, or which orders are disputed; null where it agreed.",
    "COLUMN reconciliation_days.run_id": "The run that compared it. A later one that could not leaves it.",
}
BEFORE = (
    "Where the exchange contradicted the question or what is stored, and the times of orders that the newest "
    "verification found to differ and did not repair."
)
NOW = f"{BEFORE[:-1]}, and those of orders on which the exchange''s own lists disagree (disputed_orders)."
DECISIONS = "ALTER TABLE decisions DROP CONSTRAINT decisions_kind_check, ADD CONSTRAINT decisions_kind_check"
KINDS = "'retire', 'resume', 'forget', 'dismiss', 'reset', 'vanished'"


def upgrade() -> None:
    op.execute(_text_of("0027_reconciliations.sql"))
    op.execute(f"{DECISIONS} CHECK (kind IN ({KINDS}, 'disputed'))")
    for what, said in COMMENTS.items():
        quoted = said.replace("'", "''")
        op.execute(f"COMMENT ON {what} IS '{quoted}'")
    op.execute(f"COMMENT ON COLUMN report_scopes.disputed IS '{NOW}'")


def downgrade() -> None:
    _, begins, rest = _text_of("0020_completeness.sql").partition("CREATE VIEW report_scopes")
    statement, _, _ = rest.partition(";\n")
    op.execute(begins.replace("CREATE VIEW", "CREATE OR REPLACE VIEW") + statement)
    op.execute(f"COMMENT ON COLUMN report_scopes.disputed IS '{BEFORE}'")
    op.execute("DROP VIEW reconciliation_days, disputed_orders")
    op.execute("DROP TABLE reconciliation_orders, reconciled_days, reconciliations")
    # What was decided stays; an older program only reads the kinds that it knows.
    op.execute(f"{DECISIONS} CHECK (kind IN ({KINDS})) NOT VALID")


def _text_of(file: str) -> str:
    return Path(__file__).with_name(file).read_text(encoding="utf-8")
