"""Comments on every table, view, column and function of ours that had none: what it holds, units, and what null means.

The words are in `0030_comments.toml`. SQL clients show them, as psql does with `\\d+`.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from alembic import op
from sqlalchemy import text

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

KINDS = {"r": "TABLE", "v": "VIEW"}


def upgrade() -> None:
    for what, said in _comments():
        quoted = said.replace("'", "''")
        _execute(f"COMMENT ON {what} IS '{quoted}'")


def downgrade() -> None:
    for what, _ in _comments():
        _execute(f"COMMENT ON {what} IS NULL")


def _comments() -> Iterator[tuple[str, str]]:
    """(object, its comment); a function by its signature."""
    said = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    shared, functions = said.pop("shared"), said.pop("functions")
    for signature, meaning in functions.items():
        yield f"FUNCTION {signature}", meaning
    for relation, own in said.items():
        if "_" in own:
            kind = op.get_bind().scalar(
                text("SELECT relkind FROM pg_class WHERE oid = to_regclass(:name)"), {"name": relation}
            )
            yield f"{KINDS[kind]} {relation}", own.pop("_")
        for column in own.pop("_shared", ()):
            yield f'COLUMN {relation}."{column}"', shared[column]
        for column, meaning in own.items():
            yield f'COLUMN {relation}."{column}"', meaning


def _execute(statement: str) -> None:
    op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})
