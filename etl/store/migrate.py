"""The schema version of the database, and its upgrade. Imports Alembic only where it is needed, to start fast."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

from etl.errors import StoreError
from etl.package_files import shipped

if TYPE_CHECKING:
    from alembic.config import Config

_LOCK = 7_301_994_211
"""Key of the advisory lock that allows one upgrade at a time."""


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


def check(connection: Connection) -> None:
    """Raise StoreError, which names the command to run, unless the database has our schema."""
    found, wanted = current(connection), head()
    if found == wanted:
        return
    if found is None:
        raise StoreError("the database has no tables of ours yet; run: force-orders db upgrade")
    _refuse_unknown(found)
    raise StoreError(f"the database has the old schema {found}, {wanted} is needed; run: force-orders db upgrade")


def needs_upgrade(connection: Connection) -> bool:
    """Whether the database has no tables of ours or an older schema. Raises StoreError for an unknown schema."""
    found = current(connection)
    _refuse_unknown(found)
    return found != head()


def _refuse_unknown(found: str | None) -> None:
    if found is None or found in _known():
        return
    if re.fullmatch(r"[0-9]{4}", found):
        raise StoreError(f"the database has schema {found}, this program knows {head()}; install the newer version")
    raise StoreError("the database has a table alembic_version of another program; use a database of its own")


def upgrade(connection: Connection) -> tuple[str | None, str]:
    """Upgrade to our newest revision; returns the revisions before and after. Two processes may call it at once."""
    from alembic import command

    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
    connection.commit()
    try:
        before = current(connection)
        _refuse_unknown(before)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
        return before, head()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
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
