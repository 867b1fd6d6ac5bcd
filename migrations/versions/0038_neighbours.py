"""The index of account and time knows the market: the neighbours of an order are found in it alone."""

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

NAME = "force_orders_account_order_time_idx"


def upgrade() -> None:
    _make_anew("INCLUDE (market)")


def downgrade() -> None:
    _make_anew("")


def _make_anew(included: str) -> None:
    op.execute(f"DROP INDEX {NAME}")
    op.execute(f"CREATE INDEX {NAME} ON force_orders (account, order_time) {included}")
