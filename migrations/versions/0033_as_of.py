"""The report views as of a moment: `report_daily_as_of` and others obey the setting `force_orders.as_of`.

Each is the text of its view over the orders of that moment, but for cascades. The views themselves stay as they are,
and as fast.
"""

import re
from pathlib import Path

from alembic import op
from sqlalchemy import text

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

VIEWS = ("report_force_orders", "report_daily", "report_symbols")
CASCADES = "report_cascades"
INSTEAD = {
    r"\bforce_orders\b": "orders_as_of",
    r"\breport_force_orders\b": "report_force_orders_as_of",
    r"\bnow\(\)": "least(now(), report_as_of())",
}
SAID = text("""
    SELECT attname, col_description(attrelid, attnum) FROM pg_attribute
     WHERE attrelid = to_regclass(:view) AND attnum > 0 AND NOT attisdropped
""")
COMMENTS = {
    "FUNCTION report_as_of()": "The moment of the views report_…_as_of: the setting force_orders.as_of; "
    "without one the present, as infinity.",
    "VIEW orders_as_of": "The table force_orders as it was at the moment of report_as_of.",
}


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    for what, said in COMMENTS.items():
        _comment(what, said)
    _comment_columns("force_orders", "orders_as_of")
    for view in VIEWS:
        definition = op.get_bind().scalar(text("SELECT pg_get_viewdef(to_regclass(:view))"), {"view": view})
        for word, other in INSTEAD.items():
            definition = re.sub(word, other, definition)
        _execute(f"CREATE VIEW {view}_as_of AS {definition}")
    op.execute(Path(__file__).with_name("0033_cascades.sql").read_text(encoding="utf-8"))
    for view in (*VIEWS, CASCADES):
        _comment(
            f"VIEW {view}_as_of",
            f"The same as {view}, of the orders as they were at a moment: SET "
            "force_orders.as_of = '2026-09-01Z'. Without the setting it is the present.",
        )
        _comment_columns(view, f"{view}_as_of")


def downgrade() -> None:
    op.execute(f"DROP VIEW {', '.join(f'{view}_as_of' for view in (*VIEWS, CASCADES))}")
    op.execute("DROP VIEW orders_as_of")
    op.execute("DROP FUNCTION report_as_of")
    op.execute("DROP INDEX force_order_revisions_account_order_time_idx")


def _comment_columns(source: str, view: str) -> None:
    for column, said in op.get_bind().execute(SAID, {"view": source}).all():
        _comment(f'COLUMN {view}."{column}"', said)


def _comment(what: str, said: str | None) -> None:
    quoted = "NULL" if said is None else "'" + said.replace("'", "''") + "'"
    _execute(f"COMMENT ON {what} IS {quoted}")


def _execute(statement: str) -> None:
    op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})
