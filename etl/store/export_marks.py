"""The table `export_marks`: up to which instant every change of an order was exported, by the name of the export.

An order gets its `changed_at` when its transaction begins and is seen when it ends. So a mark is no later than the
beginning of any transaction that may still write.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects.postgresql import insert

from etl.core.timeline import to_datetime, to_millis
from etl.errors import BusyError, StoreError
from etl.store.engine import store_errors
from etl.store.schema import export_marks


@dataclass(frozen=True)
class ExportMark:
    """How far an export came; epoch milliseconds."""

    changed_until: int
    selection: dict[str, object]


@dataclass(frozen=True)
class SafeUntil:
    """Until when every change is visible, epoch milliseconds; None: nobody knows, because of this session."""

    instant: int | None
    session: str = ""


def hold_mark(connection: Connection, name: str) -> None:
    """Lock a mark until the connection ends: of two exports at once the one that began first could write its older
    orders last, over those for which the other sets the mark. Never waits. Raises BusyError, StoreError.
    """
    with store_errors():
        is_ours = connection.scalar(_HOLD, {"name": name})
        connection.rollback()
    if not is_ours:
        raise BusyError(f"another export called {name!r} is under way; try again when it is done")


def read_mark(connection: Connection, name: str) -> ExportMark | None:
    """Raises StoreError."""
    own = export_marks.c
    with store_errors():
        found = connection.execute(select(own.changed_until, own.selection).where(own.name == name)).first()
        connection.rollback()
    return None if found is None else ExportMark(to_millis(found.changed_until), found.selection)


def write_mark(connection: Connection, name: str, mark: ExportMark, file: str, orders: int) -> None:
    """Remember how far an export came, in a transaction of its own. Raises StoreError."""
    values = {
        "changed_until": to_datetime(mark.changed_until),
        "exported_at": func.clock_timestamp(),
        "file": file,
        "orders": orders,
        "selection": mark.selection,
    }
    statement = insert(export_marks).values(name=name, **values)
    with store_errors():
        connection.execute(statement.on_conflict_do_update(index_elements=[export_marks.c.name], set_=values))
        connection.commit()


def check_marks_writable(connection: Connection) -> None:
    """Raise StoreError, which says what to do, if no mark can be written."""
    with store_errors():
        role, may, is_read_only = connection.execute(_MAY_WRITE).one()
        connection.rollback()
    why = "the database takes no writes" if is_read_only else f"the role {role} may not write export_marks"
    if is_read_only or not may:
        raise StoreError(
            f"{why}, where --changed-since last remembers how far it came; "
            "export as the writer on the primary, or give a time: --changed-since 2026-09-01"
        )


def safe_until(connection: Connection) -> SafeUntil:
    """The instant before which every change is visible to a snapshot taken afterwards. Raises StoreError.

    A role sees of other roles' sessions that they are in a transaction, but not since when. Where such a session may
    write orders, nobody knows the instant; the same goes for a prepared transaction.
    """
    with store_errors():
        instant, session = connection.execute(_SAFE_UNTIL).one()
        connection.rollback()
    return SafeUntil(None, session) if session else SafeUntil(to_millis(instant))


# The seed tells it from the lock of an account.
_HOLD = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 1))")

_MAY_WRITE = text("""
    SELECT current_user::text, has_table_privilege('export_marks', 'INSERT')
           AND has_table_privilege('export_marks', 'UPDATE'), current_setting('transaction_read_only') = 'on'
""")

# The clock is read before the sessions. A second less, because a transaction takes its time a moment before it shows.
# A session without a state is another role's, and one with the state "disabled" tells nobody when it began. Every
# transaction holds a lock of its own virtual id, which all roles see.
_SAFE_UNTIL = text("""
    WITH writing AS MATERIALIZED (
        SELECT pid, usename, xact_start FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
           AND (xact_start IS NOT NULL OR coalesce(state, 'disabled') = 'disabled'
                AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'virtualxid'))
           AND EXISTS (SELECT FROM pg_roles
                        WHERE pg_has_role(usesysid, pg_roles.oid, 'MEMBER')
                          AND has_table_privilege(pg_roles.oid, 'force_orders', 'INSERT, UPDATE'))
    )
    SELECT least(statement_timestamp() - interval '1 second', (SELECT min(xact_start) FROM writing)),
           coalesce((SELECT format('pid %s (%s)', pid, usename) FROM writing WHERE xact_start IS NULL
                      ORDER BY pid LIMIT 1),
                    (SELECT format('the prepared transaction %s', gid) FROM pg_prepared_xacts
                      WHERE database = current_database() ORDER BY gid LIMIT 1), '')
""")
