"""Decisions: what an operator decided about accounts, coverage and the quarantine, and why."""

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
