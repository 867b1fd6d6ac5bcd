"""Orders with their cascade: report_cascade_orders has those of the cascades that begin in a span."""

from pathlib import Path

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

SAID = (
    "The orders of the cascades that begin in [since, until), of one account or, without, of all. A cascade is known "
    "by account, market and started_at, as in report_cascades; a later order or another pause may join two of them."
)


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    op.execute(f"COMMENT ON FUNCTION report_cascade_orders IS '{SAID}'")


def downgrade() -> None:
    op.execute("DROP FUNCTION report_cascade_orders")
