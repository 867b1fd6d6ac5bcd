"""Everything of ours in the database says what it is: SQL clients and catalogues show these comments."""

import pytest
from sqlalchemy import Connection, text

NOT_OURS = r"relname NOT LIKE 'procrastinate\_%' AND relname <> 'alembic_version'"
WITHOUT = {
    "tables and views": rf"""
        SELECT relname FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm') AND {NOT_OURS}
           AND obj_description(oid, 'pg_class') IS NULL
    """,
    "columns": rf"""
        SELECT relname || '.' || attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm') AND {NOT_OURS}
           AND attnum > 0 AND NOT attisdropped AND col_description(attrelid, attnum) IS NULL
    """,
    "functions": r"""
        SELECT oid::regprocedure::text FROM pg_proc
         WHERE pronamespace = 'public'::regnamespace AND proname NOT LIKE 'procrastinate\_%'
           AND obj_description(oid, 'pg_proc') IS NULL
    """,
}


@pytest.mark.parametrize("query", WITHOUT.values(), ids=WITHOUT)
def test_each_says_what_it_is(connection: Connection, query: str) -> None:
    assert connection.scalars(text(query)).all() == []


def test_a_comment_is_a_sentence(connection: Connection) -> None:
    said = connection.scalars(
        text(rf"""
            SELECT description FROM pg_description JOIN pg_class ON pg_class.oid = objoid
             WHERE relnamespace = 'public'::regnamespace AND {NOT_OURS}
        """)
    ).all()
    assert len(said) > 500
    assert [one for one in said if not one.endswith(".")] == []
