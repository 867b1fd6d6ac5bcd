"""A role that reads the report views and nothing else."""

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from etl.errors import ConfigError, StoreError

_LACKING = text(r"""
    WITH report AS (
        SELECT oid, relnamespace FROM pg_class
         WHERE relkind = 'v' AND relname LIKE 'report\_%' AND pg_table_is_visible(oid)
    )
    SELECT format('CONNECT ON DATABASE %I', current_database())
     WHERE NOT has_database_privilege(:role, current_database(), 'CONNECT')
    UNION ALL
    SELECT DISTINCT format('USAGE ON SCHEMA %s', relnamespace::regnamespace) FROM report
     WHERE NOT has_schema_privilege(:role, relnamespace, 'USAGE')
    UNION ALL
    SELECT format('SELECT ON %s', oid::regclass) FROM report
     WHERE NOT has_table_privilege(:role, oid, 'SELECT')
""")
"""The rights that a reader of the reports needs and has not, as GRANT spells them."""

_BEYOND = text(r"""
    SELECT relname FROM pg_class
     WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'v', 'm', 'p')
       AND relname NOT LIKE 'report\_%'
       AND has_table_privilege(:role, oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
     ORDER BY relname
""")


def grant_reader(connection: Connection, role: str) -> list[str]:
    """Let a role read the reports; the names of what else it may use already, by rights that were given elsewhere.

    Raises ConfigError where there is no such role, StoreError where we may not give the rights.
    """
    quoted = connection.dialect.identifier_preparer.quote(role)
    if not connection.scalar(text("SELECT true FROM pg_roles WHERE rolname = :role"), {"role": role}):
        raise ConfigError(f"there is no role {role}; make it first: CREATE ROLE {quoted} LOGIN")
    refused = "this needs more rights than ours; let the owner run: "
    for right in _lacking(connection, role):
        grant = f"GRANT {right} TO {quoted}"
        try:
            connection.execute(text(grant))
        except ProgrammingError:
            raise StoreError(refused + grant) from None
    left = _lacking(connection, role)
    if left:  # of rights that we have and may not pass on, Postgres only warns
        raise StoreError(f"{refused}GRANT {left[0]} TO {quoted}")
    beyond = list(connection.scalars(_BEYOND, {"role": role}))
    connection.commit()
    return beyond


def _lacking(connection: Connection, role: str) -> list[str]:
    return list(connection.scalars(_LACKING, {"role": role}))
