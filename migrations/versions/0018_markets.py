"""Markets: what the orders of each market have besides, which markets an account has, and the instruments."""

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
