"""The schema version of the database, and its upgrade. Imports Alembic only where it is needed, to start fast."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, exc, text

from etl.errors import StoreError
from etl.logs import logger
from etl.package_files import shipped
from etl.store.session import described
from etl.waits import WAITS, Reason

if TYPE_CHECKING:
    from alembic.config import Config

_LOCK = 7_301_994_211
"""Key of the advisory lock that allows one upgrade at a time."""

LOCK_TIMEOUT_S = 3
"""How long an upgrade waits for the lock of a table. Whoever wants to read the table meanwhile waits behind it."""

PAUSES_S = (1, 2, 5, 10, 20, 30, 30)
"""Between two attempts to get the locks, in which others read on."""

_HOLDER = text("""
    SELECT pid, usename, application_name
      FROM pg_locks JOIN pg_class ON pg_class.oid = relation JOIN pg_stat_activity USING (pid)
     WHERE granted AND relnamespace = current_schema()::regnamespace AND pid <> pg_backend_pid()
     ORDER BY xact_start LIMIT 1
""")

_log = logger(__name__)


def migrations_dir() -> Path:
    return shipped("migrations")


def head() -> str:
    """Our newest revision. The files are numbered in order; a test checks that Alembic agrees."""
    return max(_known())


def _known() -> set[str]:
    return {path.name.partition("_")[0] for path in (migrations_dir() / "versions").glob("[0-9]*.py")}


def current(connection: Connection) -> str | None:
    """The revision of the database; None where it has no tables of ours."""
    there = connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
    found = connection.scalar(text("SELECT version_num FROM alembic_version")) if there else None
    connection.rollback()
    return str(found) if found else None


def is_current(connection: Connection) -> bool:
    """Whether the database has our schema, asked at once. Raises DBAPIError where it has no tables of ours."""
    return bool(connection.scalar(text("SELECT version_num FROM alembic_version")) == head())


def check(connection: Connection, *, only_reads: bool = False) -> None:
    """Raise StoreError, which names the command to run, unless the database has our schema.

    `only_reads`: a newer schema will do too, with a warning, because a newer one adds to what an older one has.
    """
    found, wanted = current(connection), head()
    if found == wanted:
        return
    if only_reads and is_newer(found):
        _log.warning(
            "the database has the newer schema %s, this program knows %s; it only reads; install the newer version",
            *(found, wanted),
        )
        return
    if found is None:
        raise StoreError("the database has no tables of ours yet; run: force-orders db upgrade")
    _refuse_unknown(found)
    raise StoreError(f"the database has the old schema {found}, {wanted} is needed; run: force-orders db upgrade")


def is_behind(connection: Connection) -> bool:
    """Whether the database has another schema than ours, and not a newer one."""
    found = current(connection)
    return found != head() and not is_newer(found)


def needs_upgrade(connection: Connection) -> bool:
    """Whether the database has no tables of ours or an older schema. Raises StoreError for an unknown schema."""
    found = current(connection)
    _refuse_unknown(found)
    return found != head()


def is_newer(found: str | None) -> bool:
    """Whether a revision is one of ours that this program does not know yet."""
    return found is not None and re.fullmatch(r"[0-9]{4}", found) is not None and found > head()


def is_known(revision: str) -> bool:
    """Whether this program knows the revision."""
    return revision in _known()


def _refuse_unknown(found: str | None) -> None:
    if found is None or is_known(found):
        return
    if is_newer(found):
        raise StoreError(f"the database has schema {found}, this program knows {head()}; install the newer version")
    raise StoreError("the database has a table alembic_version of another program; use a database of its own")


def upgrade(connection: Connection, pause: Callable[[float], object] = time.sleep) -> tuple[str | None, str]:
    """Upgrade to our newest revision; returns the revisions before and after. Two processes may call it at once.

    Where another session holds a table, the attempt is given up after LOCK_TIMEOUT_S, so that nobody waits behind it
    for long, and made again after a pause. Raises StoreError, which names the session, after the last attempt.
    """
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
    connection.commit()
    try:
        before = current(connection)
        _refuse_unknown(before)
        for seconds in PAUSES_S:
            if _is_upgraded(connection):
                return before, head()
            with WAITS.during(Reason.LOCK, _holder(connection), seconds):
                pause(seconds)
        if _is_upgraded(connection):
            return before, head()
        raise StoreError(
            f"the schema cannot be upgraded, because another session holds a table: {_holder(connection)}; "
            "end it, then run 'force-orders db upgrade' again"
        )
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
        connection.commit()


def _is_upgraded(connection: Connection) -> bool:
    """Try once; False where a lock was not to be had in time, and nothing has changed."""
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    try:
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'"))
        command.upgrade(config, "head")
        connection.commit()
    except exc.OperationalError as error:
        connection.rollback()
        if isinstance(error.orig, LockNotAvailable):
            return False
        raise
    return True


def _holder(connection: Connection) -> str:
    """The session that has held a table of ours for longest."""
    row = connection.execute(_HOLDER).first()
    connection.rollback()
    return described(*row) if row else "it has just ended"


def remove(connection: Connection) -> None:
    """Drop all our tables with what is in them. Raises StoreError for an unknown schema."""
    from alembic import command

    _refuse_unknown(current(connection))
    config = _config()
    config.attributes["connection"] = connection
    command.downgrade(config, "base")
    connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    connection.commit()


def revisions() -> list[tuple[str, str]]:
    """Every revision and its purpose, oldest first."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config())
    return [(script.revision, script.doc) for script in reversed(list(scripts.walk_revisions()))]


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_dir()).replace("%", "%%"))
    return config
