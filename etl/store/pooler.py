"""Notices a connection pooler that does not keep a session for its client: there no lock and no setting lasts."""

import psycopg
from sqlalchemy import Connection, text

_PID = text("SELECT pg_backend_pid()")


def pools_transactions(connection: Connection) -> bool:
    """Whether two transactions of a connection may run in different sessions of the server.

    A pooler makes up the process id that it tells a client at login. Where that is the server's own, nothing is in
    between. Otherwise a second connection tells: by session, each has a session to itself as long as both are open;
    by transaction, the one gets what the other has just left, or an idle session of the pool.
    """
    first, again = _pid(connection), _pid(connection)
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 – the only driver that engine_for uses
    if first == again == driver.info.backend_pid:
        return False
    with connection.engine.connect() as other:
        theirs, theirs_again = _pid(other), _pid(other)
        return first != again or theirs != theirs_again or theirs == first or _pid(connection) != first


def _pid(connection: Connection) -> int:
    """The process id of the session that runs this transaction."""
    pid = int(connection.scalar(_PID))
    connection.rollback()
    return pid
