"""The system user that runs the server. Postgres refuses to run as root, so root needs another user for it."""

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from etl.child_environment import child_environment
from etl.embedded.file_locks import POLL_S
from etl.errors import StoreError
from etl.file_access import DATA_OF_ROOT, closed_above, is_root

NAME = "pgserver"
USERADD_TIMEOUT_S = 2.0


class SystemUser(NamedTuple):
    """The user and group of the server's processes. None: our own."""

    uid: int | None = None
    gid: int | None = None


def server_user(data: Path) -> SystemUser:
    """Under root the owner of the data, or for new data the user `pgserver`, who is added if needed."""
    if not is_root():
        return SystemUser()
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return SystemUser(owner.st_uid, owner.st_gid)
    import pwd

    useradd = ("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME)
    deadline = time.monotonic() + USERADD_TIMEOUT_S  # where several start at once, all but one fail to add the user
    while time.monotonic() < deadline:
        with suppress(KeyError):
            user = pwd.getpwnam(NAME)
            return SystemUser(user.pw_uid, user.pw_gid)
        with suppress(FileNotFoundError):
            subprocess.run(useradd, env=child_environment(), capture_output=True, check=False)  # noqa: S603
        time.sleep(POLL_S)
    raise StoreError(
        f"Postgres does not run as root, and the user {NAME} cannot be added for it: run as another user, "
        "or set FORCE_ORDERS_DATABASE_URL"
    )


def give(path: Path, user: SystemUser) -> None:
    """Make the user the owner of a file or directory."""
    if user.uid is not None and user.gid is not None:
        os.chown(path, user.uid, user.gid)


def refuse_closed(data: Path) -> None:
    """Raise StoreError, which names the way out, where the server's user may not pass to its data.

    Postgres uses absolute paths at its start, at its end and for libraries that it loads in between.
    """
    user = server_user(data)
    if user.uid is None or not (closed := closed_above(data, user.uid, user.gid)):
        return
    move = f"run 'mv -T {quote(str(data.parent))} {DATA_OF_ROOT}' and " if data.exists() else ""
    raise StoreError(
        f"root's Postgres runs as another user, who may not pass through {closed[-1]}: {move}set "
        f"FORCE_ORDERS_DATA_DIR to {DATA_OF_ROOT if move else f'a directory such as {DATA_OF_ROOT}'}"
    )
