"""Reconciliations: the stored force orders are held against the list of all orders of an account.

`report_scopes` is replaced, not made anew, so that rights on it stay: a disputed order makes its day disputed.
"""

from pathlib import Path

from alembic import op

revision = "0023"
down_revision = "0020"
branch_labels = None
depends_on = None

COMMENTS = {
    "TABLE reconciliations": "Each comparison of the stored force orders of an account with all its orders.",
    "COLUMN reconciliations.span": "The instants that were to be compared.",
    "COLUMN reconciliations.compared": "What of them was compared, of every symbol.",
    "COLUMN reconciliations.reason": "Why the rest was not; null where all was.",
    "COLUMN reconciliations.orders_listed": "Rows of the list of all orders that were read, the own ones among them.",
    "COLUMN reconciliations.orders_compared": "Stored force orders that the list showed as well.",
    "COLUMN reconciliations.missing": "Orders that are listed as forced, and that the force orders lack.",
    "COLUMN reconciliations.conflicting": "Orders of which both lists have the same version, with other values.",
    "COLUMN reconciliations.late": "Orders that were missing, and stored when they were asked for again.",
    "COLUMN reconciliations.different": "Orders of which the lists had two versions. The later one is stored.",
    "COLUMN reconciliations.unseen": "Stored orders that the list does not show, although nothing known explains it.",
    "COLUMN reconciliations.namesake": "Orders of the owner with a name that begins as that of a forced order does.",
    "COLUMN reconciliations.expected": "Stored orders that the list need not show: unfilled and three days old, "
    "settlements, closed contracts.",
    "COLUMN reconciliations.accepted": "Orders that would be disputed, had an operator not accepted them.",
    "TABLE reconciled_days": "What the newest comparison of each day found, without regard to disputed orders. Read "
    "the view reconciliation_days.",
    "TABLE reconciliation_orders": "Orders on which the two lists differed. A row stays; resolved_at ends a dispute.",
    "COLUMN reconciliation_orders.kind": "missing and conflicting are disputes; late, different, unseen and namesake "
    "are told, and doubt nothing.",
    "COLUMN reconciliation_orders.detail": "What was seen, in words.",
    "COLUMN reconciliation_orders.raw": "The row of the list of all orders as received; null where it has none.",
    "COLUMN reconciliation_orders.found_at": "When it was last found so.",
    "COLUMN reconciliation_orders.resolved_at": "When the dispute ended: it is stored or agrees, or was accepted.",
    "VIEW disputed_orders": "Orders on which the exchange contradicts itself, until they are stored or agree, or an "
    "operator accepts that (force-orders coverage accept).",
    "VIEW reconciliation_days": "Each day of UTC that was held against the list of all orders. agreed: all of it, of "
    "every symbol. not checkable: a part could not be compared; reason says why. disputed: reason names the orders.",
}
BEFORE = (
    "Where the exchange contradicted the question or what is stored, and the times of orders that the newest "
    "verification found to differ and did not repair."
)
NOW = f"{BEFORE[:-1]}, and those of orders on which the exchange''s own lists disagree (disputed_orders)."
DECISIONS = "ALTER TABLE decisions DROP CONSTRAINT decisions_kind_check, ADD CONSTRAINT decisions_kind_check"
KINDS = "'retire', 'resume', 'forget', 'dismiss', 'reset', 'vanished'"


def upgrade() -> None:
    op.execute(_text_of("0023_reconciliations.sql"))
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
