"""Cascades of a span in one pass: report_cascades_between has the rows of the view that begin in it."""

from pathlib import Path

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

SAID = (
    "The rows of report_cascades that begin in [since, until), of one account or, without, of all. Quicker than the "
    "view where more than a few days or accounts are asked for."
)


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    op.execute(f"COMMENT ON FUNCTION report_cascades_between IS '{SAID}'")


def downgrade() -> None:
    op.execute("DROP FUNCTION report_cascades_between")
