"""The system user that runs the server. Postgres refuses to run as root, so root needs another user for it."""

import logging
import os
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from etl.embedded.file_locks import POLL_S
from etl.errors import StoreError

NAME = "pgserver"
USERADD_TIMEOUT_S = 2.0

logger = logging.getLogger(__name__)


class SystemUser(NamedTuple):
    """The user and group of the server's processes. None: our own."""

    uid: int | None = None
    gid: int | None = None


def server_user(data: Path) -> SystemUser:
    """Under root the owner of the data, or for new data the user `pgserver`, who is added if needed."""
    if os.geteuid() != 0:
        return SystemUser()
    if (owner := data.stat()).st_uid != 0:
        return SystemUser(owner.st_uid, owner.st_gid)
    import pwd

    useradd = ("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME)
    deadline = time.monotonic() + USERADD_TIMEOUT_S  # where several start at once, all but one fail to add the user
    while time.monotonic() < deadline:
        with suppress(KeyError):
            user = pwd.getpwnam(NAME)
            return SystemUser(user.pw_uid, user.pw_gid)
        with suppress(FileNotFoundError):
            subprocess.run(useradd, capture_output=True, check=False)  # noqa: S603
        time.sleep(POLL_S)
    raise StoreError(
        f"Postgres does not run as root, and the user {NAME} cannot be added for it: run as another user, "
        "or set FORCE_ORDERS_DATABASE_URL"
    )


def give(path: Path, user: SystemUser) -> None:
    """Make the user the owner of a file or directory."""
    if user.uid is not None and user.gid is not None:
        os.chown(path, user.uid, user.gid)


def is_closed(directory: Path) -> bool:
    """Whether users other than the owner and the group cannot pass through a directory."""
    return not directory.stat().st_mode & stat.S_IXOTH


def let_through(uid: int, data: Path, binary: Path) -> None:
    """Let the server's user pass through the directories above these paths (`x`, not `r`), and read the wheel.

    Only root needs this: /root is closed to other users, and root's umask may close the wheel. The directories stay
    open, because Postgres uses absolute paths at its start, at its end and for libraries that it loads in between. The
    data themselves stay 0700.
    """
    for directory in {*data.parents, *binary.parents}:
        if is_closed(directory) and directory.stat().st_uid != uid:
            logger.info("the user of the embedded Postgres, and others, may now pass through %s", directory)
            directory.chmod(stat.S_IMODE(directory.stat().st_mode) | stat.S_IXOTH)
    wheel = binary.parent.parent
    if not (wheel / "lib").stat().st_mode & stat.S_IROTH:
        subprocess.run(("chmod", "-R", "o+rX", wheel), check=False)  # noqa: S603, S607
