"""Functions of the report views are safe to run in parallel: else no query of the views may use a second core."""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

FUNCTIONS = (
    "instrument_market(text)",
    "quote_asset_of(text, text)",
    "base_asset_of(text, text)",
    "is_clearance_fee(text)",
    "report_cascade_pause()",
    "force_orders_as_of(timestamptz)",
    "quarantined_field(jsonb, text)",
    "quarantined_moment(jsonb, text)",
)


def upgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"ALTER FUNCTION {function} PARALLEL SAFE")


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"ALTER FUNCTION {function} PARALLEL UNSAFE")
