"""Disputed intervals: what the exchange answered contradicts the question or the stored orders."""

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
