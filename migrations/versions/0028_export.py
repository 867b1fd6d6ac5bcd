"""Exports of what changed: how far each came, and when an order was stored and changed.

The view is replaced, not made anew, so that rights on it stay.
"""

from pathlib import Path
from typing import Any

from alembic import op
from sqlalchemy import text

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

COMMENTS = {
    "COLUMN report_force_orders.changed_at": "When this version of the order was stored, by the database's clock: the "
    "beginning of the transaction, so that a later moment may be visible earlier.",
    "COLUMN report_force_orders.first_seen_at": "When the order was stored first, by the database's clock.",
    "COLUMN report_force_orders.client_order_id": "The exchange's text that says what closed the position; close_type "
    "is read off its beginning. Not unique.",
    "COLUMN report_force_orders.position_side": "LONG, SHORT or BOTH, as the exchange sends it; position_closed says "
    "what BOTH was.",
    "TABLE export_marks": "How far each export with --changed-since last came.",
    "COLUMN export_marks.name": "The name of the export, by --name.",
    "COLUMN export_marks.changed_until": "Every change before is in a file; the next export begins here.",
    "COLUMN export_marks.exported_at": "When the last export was whole.",
    "COLUMN export_marks.file": "What it wrote, as it was named.",
    "COLUMN export_marks.orders": "How many orders it wrote.",
    "COLUMN export_marks.selection": "Which orders it is of: another selection needs another name.",
}

# What is built upon the view, the nearest first: each view with its text and its comments.
ABOVE = """
    WITH RECURSIVE above (oid, depth) AS (
        SELECT to_regclass('report_force_orders')::oid, 0
        UNION
        SELECT ev_class, depth + 1 FROM above
          JOIN pg_depend ON refclassid = 'pg_class'::regclass AND refobjid = above.oid
                        AND classid = 'pg_rewrite'::regclass
          JOIN pg_rewrite ON pg_rewrite.oid = objid AND ev_class <> above.oid
    )
    SELECT relname AS name, pg_get_viewdef(pg_class.oid) AS definition,
           obj_description(pg_class.oid, 'pg_class') AS said,
           (SELECT json_object_agg(attname, col_description(attrelid, attnum)) FROM pg_attribute
             WHERE attrelid = pg_class.oid AND attnum > 0 AND col_description(attrelid, attnum) IS NOT NULL) AS columns
      FROM (SELECT oid, max(depth) AS depth FROM above GROUP BY oid) AS views JOIN pg_class USING (oid)
     ORDER BY depth, relname
"""
ADDED = ("changed_at", "first_seen_at", "client_order_id", "position_side")


def upgrade() -> None:
    op.execute(_text_of("0028_export.sql"))
    for what, said in COMMENTS.items():
        _comment(what, said)


def downgrade() -> None:
    """A column cannot be taken from a view: it is made anew, and what is built upon it as it was. Rights are lost."""
    own, *others = (dict(row) for row in op.get_bind().execute(text(ABOVE)).mappings())
    op.execute(f"DROP VIEW {', '.join(view['name'] for view in (own, *others))}")
    _, begins, rest = _text_of("0021_improvement.sql").partition("CREATE OR REPLACE VIEW report_force_orders")
    op.execute(begins + rest.partition(";\n")[0])
    _comment_all(own)
    for view in others:
        op.get_bind().exec_driver_sql(
            f"CREATE VIEW {view['name']} AS {view['definition']}", execution_options={"no_parameters": True}
        )
        _comment_all(view)
    op.execute("DROP TABLE export_marks")


def _comment_all(view: dict[str, Any]) -> None:
    _comment(f"VIEW {view['name']}", view["said"])
    for column, said in (view["columns"] or {}).items():
        if view["name"] != "report_force_orders" or column not in ADDED:
            _comment(f"COLUMN {view['name']}.{column}", said)


def _comment(what: str, said: str | None) -> None:
    quoted = "NULL" if said is None else "'" + said.replace("'", "''") + "'"
    statement = f"COMMENT ON {what} IS {quoted}"
    op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})


def _text_of(file: str) -> str:
    return Path(__file__).with_name(file).read_text(encoding="utf-8")
