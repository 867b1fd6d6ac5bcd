"""The rights of roles: of one that reads only the report views, and of one that stores."""

from collections.abc import Mapping

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
"""The rights that a reader of the reports lacks, as in a GRANT statement."""

_BEYOND = text(r"""
    SELECT relname FROM pg_class
     WHERE relnamespace = quote_ident(current_schema())::regnamespace AND relkind IN ('r', 'v', 'm', 'p')
       AND relname NOT LIKE 'report\_%'
       AND has_table_privilege(:role, oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
     ORDER BY relname
""")


WRITER: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("force_orders", "quarantined_orders", "cooldowns", "identities"), ("SELECT", "INSERT", "UPDATE")),
    **dict.fromkeys(("weight_limits", "order_counts", "run_days", "newest_seals"), ("SELECT", "INSERT", "UPDATE")),
    "order_days": ("SELECT", "INSERT", "UPDATE"),
    "daily_sums": ("SELECT", "INSERT", "DELETE"),
    **dict.fromkeys(("account_markets", "instruments", "capital_flow_coverage"), ("SELECT", "INSERT", "UPDATE")),
    "export_marks": ("SELECT", "INSERT", "UPDATE"),
    **dict.fromkeys(("coverage", "spent_weight", "runs", "run_wallets"), ("SELECT", "INSERT", "UPDATE", "DELETE")),
    **dict.fromkeys(("force_order_revisions", "seals", "decisions", "verifications", "backups"), ("SELECT", "INSERT")),
    **dict.fromkeys(("capital_flows", "income", "mark_prices", "force_order_fills"), ("SELECT", "INSERT")),
    **dict.fromkeys(("probe_results", "reconciliations"), ("SELECT", "INSERT")),
    **dict.fromkeys(("fill_checks", "income_coverage"), ("SELECT", "INSERT", "UPDATE")),
    **dict.fromkeys(("reconciled_days", "reconciliation_orders"), ("SELECT", "INSERT", "UPDATE")),
    "archive_files": ("SELECT", "INSERT", "UPDATE"),
    **dict.fromkeys(
        (
            "procrastinate_jobs",
            "procrastinate_events",
            "procrastinate_periodic_defers",
            "procrastinate_workers",
        ),
        ("SELECT", "INSERT", "UPDATE", "DELETE"),
    ),
    **dict.fromkeys(
        ("procrastinate_jobs_id_seq", "procrastinate_events_id_seq", "procrastinate_periodic_defers_id_seq"),
        ("USAGE",),
    ),
    **dict.fromkeys(
        (
            *("effective_coverage", "watermarks", "own_watermarks", "coverage_gaps", "quarantined_days", "jobs"),
            *("unread_markets", "capital_flow_gaps", "income_gaps", "cost_gaps", "shared_weight", "alembic_version"),
            *("disputed_orders", "reconciliation_days", "fill_states", "unlinked_fees", "unread_fees"),
            "computed_daily_sums",
        ),
        ("SELECT",),
    ),
}
"""The rights that a run needs, by relation. The statements in docs/operations.md grant them."""

_LACKING_TO_WRITE = text("""
    SELECT format('%s ON %s', needed, relation)
      FROM unnest(CAST(:relations AS text[]), CAST(:needs AS text[])) AS wanted (relation, needed)
      LEFT JOIN pg_class ON pg_class.oid = to_regclass(relation)
     WHERE NOT CASE relkind WHEN 'S' THEN has_sequence_privilege(pg_class.oid, needed)
                            ELSE coalesce(has_table_privilege(pg_class.oid, needed), false) END
     ORDER BY relation, needed
""")


def lacking_to_write(connection: Connection) -> list[str]:
    """The rights that the current role lacks to store a run, as in a GRANT statement."""
    pairs = [(relation, right) for relation, rights in WRITER.items() for right in rights]
    values = {"relations": [relation for relation, _ in pairs], "needs": [right for _, right in pairs]}
    lacking = list(connection.scalars(_LACKING_TO_WRITE, values))
    connection.rollback()
    return lacking


def may_read_revision(connection: Connection) -> bool:
    """Whether the current role may read which schema the database has; also where there is none."""
    may = connection.scalar(text("SELECT has_table_privilege(to_regclass('alembic_version'), 'SELECT')"))
    connection.rollback()
    return may is not False


def is_standby(connection: Connection) -> bool:
    """Whether the server follows a primary. It takes no writes, and shows no locks of the primary's sessions."""
    return bool(connection.scalar(text("SELECT pg_is_in_recovery()")))


def is_read_only(connection: Connection) -> bool:
    """Whether the server is read-only, as a standby is."""
    setting = connection.scalar(text("SELECT current_setting('transaction_read_only')"))
    connection.rollback()
    return bool(setting == "on")


QUERY_ROLE = "force_orders_query"
"""The role of the embedded server for statements that are not ours: it reads all tables and can do nothing else."""


def make_query_role(connection: Connection) -> None:
    """Create it unless it exists; two processes may do so at once."""
    if not connection.scalar(text("SELECT true FROM pg_roles WHERE rolname = :role"), {"role": QUERY_ROLE}):
        connection.execute(
            text(f"""
                DO $$ BEGIN
                    CREATE ROLE {QUERY_ROLE} LOGIN IN ROLE pg_read_all_data;
                EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
                END $$
            """)
        )
    connection.commit()


def grant_reader(connection: Connection, role: str) -> list[str]:
    """Let a role read the report views. Returns the names of other relations that it has rights on already.

    Raises ConfigError where there is no such role, StoreError where we may not grant the rights.
    """
    quoted = connection.scalar(text("SELECT quote_ident(:role)"), {"role": role})
    if not connection.scalar(text("SELECT true FROM pg_roles WHERE rolname = :role"), {"role": role}):
        raise ConfigError(f"there is no role {role}; make it first: CREATE ROLE {quoted} LOGIN")
    refused = "this needs more rights than ours; let the owner run: "
    for right in _lacking(connection, role):
        grant = f"GRANT {right} TO {quoted}"
        try:
            connection.exec_driver_sql(grant, execution_options={"no_parameters": True})  # a name may hold a % or :
        except ProgrammingError:
            raise StoreError(refused + grant) from None
    left = _lacking(connection, role)
    if left:  # Postgres only warns of rights that we have without the grant option
        raise StoreError(f"{refused}GRANT {left[0]} TO {quoted}")
    beyond = list(connection.scalars(_BEYOND, {"role": role}))
    connection.commit()
    return beyond


def _lacking(connection: Connection, role: str) -> list[str]:
    return list(connection.scalars(_LACKING, {"role": role}))
