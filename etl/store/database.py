"""The database in use: a server by URL, or the embedded one in the data directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from etl.errors import StoreError
from etl.file_access import server_home
from etl.store import migrate
from etl.store.engine import LOCK_TIMEOUT_S, connection_to, engine_for, store_errors
from etl.store.rights import QUERY_ROLE, make_query_role
from etl.waits import WAITS, Reason


@contextmanager
def open_database(
    url: str | None,
    data_dir: Path,
    patience_s: int | None = None,
    lock_timeout_s: int = LOCK_TIMEOUT_S,
    *,
    only_reads: bool = False,
) -> Iterator[Connection]:
    """A connection to a database with our schema until the block ends.

    Without `url` the embedded server is started and its schema upgraded as needed. Of any other server the schema is
    only checked. `patience_s` and `lock_timeout_s`: see `engine_for`; `only_reads`: see `migrate.check`. Raises
    StoreError, and ConfigError for an invalid URL.
    """
    with (
        address(url, data_dir) as reachable,
        connection_to(engine_for(reachable, patience_s, lock_timeout_s)) as connection,
    ):
        if url is None and migrate.is_behind(connection):
            with WAITS.blocking(Reason.SCHEMA):
                migrate.upgrade(connection)
        migrate.check(connection, only_reads=only_reads)
        yield connection


@contextmanager
def open_for_queries(url: str | None, data_dir: Path, lock_timeout_s: int) -> Iterator[Connection]:
    """As `open_database`, for statements that are not ours: on the embedded server, for a role that may only read."""
    with open_database(url, data_dir, None, lock_timeout_s, only_reads=True) as connection:
        if url is not None:
            yield connection
            return
        with store_errors():
            make_query_role(connection)
        with (
            address(url, data_dir) as reachable,
            connection_to(engine_for(reachable, None, lock_timeout_s, user=QUERY_ROLE)) as limited,
        ):
            yield limited


@contextmanager
def address(url: str | None, data_dir: Path) -> Iterator[str]:
    """The libpq URL of the database in use, which is reachable until the block ends."""
    if url is not None:
        yield url.replace("postgresql+psycopg://", "postgresql://", 1)
        return
    from etl.embedded.server import EmbeddedPostgres

    with EmbeddedPostgres(data_dir) as server:
        yield server.libpq_url


@contextmanager
def kept_address(url: str | None, data_dir: Path) -> Iterator[str]:
    """As `address`, but the embedded server stays up afterwards, for other programs such as psql."""
    if url is not None:
        with address(url, data_dir) as reachable:
            yield reachable
        return
    from etl.embedded.server import EmbeddedPostgres

    with EmbeddedPostgres(data_dir) as server:
        server.keep_running()
        yield server.libpq_url


def stop_embedded(url: str | None, data_dir: Path) -> bool:
    """Stop the embedded server, even if it is in use; False where none ran."""
    if url is not None:
        raise StoreError("the database in use is your own server, which this program does not stop")
    from etl.embedded.server import stop_server

    return stop_server(data_dir)


def has_embedded_data(data_dir: Path) -> bool:
    """Whether the embedded server of a data directory has data already."""
    return (server_home(data_dir) / "postgres").is_dir()
