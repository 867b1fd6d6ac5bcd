"""Who may pass through a directory and who may change a file, read off owners and modes. On POSIX systems only."""

import os
import stat
from hashlib import sha256
from pathlib import Path
from shlex import quote

DATA_OF_ROOT = Path("/var/lib/force-orders")
"""Where the embedded Postgres of root keeps data whose own directory is closed to other users: it runs as one."""

NOWHERE = Path("/nonexistent/force-orders")
"""The data directory of a user who has no home directory: nothing can be stored there."""


def is_root() -> bool:
    return os.name == "posix" and os.geteuid() == 0


def closed_above(path: Path, uid: int | None = None, gid: int | None = None) -> list[Path]:
    """The directories above a path through which this user may not pass; without `uid` any user but the owner.

    Directories that do not exist yet do not count.
    """

    return [one for one in path.resolve().parents if one.is_dir() and not _lets_through(one.stat(), uid, gid)]


def server_home(data_dir: Path) -> Path:
    """Where the embedded Postgres of a data directory lives: in it.

    Under root, whose Postgres runs as another user, it lives in a directory of its own below DATA_OF_ROOT if that user
    may not pass to the data directory: the mode of an existing directory is never changed.
    """
    own = data_dir.expanduser().resolve()
    if not is_root() or (own / "postgres").is_dir():
        return own
    elsewhere = DATA_OF_ROOT / sha256(bytes(own)).hexdigest()[:16]
    return elsewhere if (elsewhere / "postgres").is_dir() or closed_above(own / "postgres") else own


def data_places(data_dir: Path) -> list[Path]:
    """The data directory as it is named and, where the embedded Postgres lives elsewhere, that place."""
    home = server_home(data_dir)
    return [data_dir] if home == data_dir.expanduser().resolve() else [data_dir, home]


def _lets_through(directory: os.stat_result, uid: int | None, gid: int | None) -> bool:
    if directory.st_uid == uid:
        return bool(directory.st_mode & stat.S_IXUSR)
    return bool(directory.st_mode & (stat.S_IXGRP if directory.st_gid == gid else stat.S_IXOTH))


def make_data_directory(path: Path) -> None:
    """Create a directory for our data, and those above it, unless they exist.

    It is private. Under root, other users may pass through the new ones and not list them, because the embedded
    Postgres does not run as root. The mode of a directory that exists is never changed.
    """
    if not is_root():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    for one in reversed((path, *path.parents)):
        if one.is_dir() or (one != path and one.exists()):
            continue
        try:
            one.mkdir(mode=0o700)
            one.chmod(0o711)  # the umask may have closed it
        except FileExistsError:
            if not one.is_dir():  # else another process of ours was faster
                raise


def is_ours(found: os.stat_result) -> bool:
    """Whether this user or root owns a file."""
    return os.name != "posix" or found.st_uid in (0, os.geteuid())


def why_untrusted(path: Path, opened: os.stat_result) -> str | None:
    """Why somebody else may have written a file: whose it is, or who may write to it, and what to do; None: nobody.

    The owner of the file, and of the symbolic link by which it is named, must be this user or root. Its group may write
    if that is this user's own primary group, as files have it where each user has a group of his own. `opened` is what
    `fstat` tells of the file. Pipes and devices are not checked.
    """
    if os.name != "posix" or not stat.S_ISREG(opened.st_mode):
        return None
    return _why_not_owned(path, opened) or _why_writable(path, opened)


def why_untrusted_directory(path: Path) -> str | None:
    """The same of a directory, in which somebody else could put files in, or take some away.

    Others may write where the sticky bit is set, as in /tmp: nobody takes away what another owns there, and what
    somebody adds is refused for its own owner. Nobody writes to what is mounted read-only, as containers get it.
    """
    if os.name != "posix" or os.statvfs(path).f_flag & os.ST_RDONLY:
        return None
    found = path.stat()
    return _why_not_owned(path, found) or (None if found.st_mode & stat.S_ISVTX else _why_writable(path, found))


def _why_not_owned(path: Path, opened: os.stat_result) -> str | None:
    named = quote(str(path))
    for found, option in ((opened, ""), (path.lstat(), "-h ")):
        if not is_ours(found):
            take_over = f"chown {option}{_user(os.geteuid())} {named}"
            return f"the user {_user(found.st_uid)} owns it; if its content is yours: {take_over}"
    return None


def _why_writable(path: Path, opened: os.stat_result) -> str | None:
    named = quote(str(path))
    if opened.st_mode & stat.S_IWOTH:
        return f"every user may write to it: chmod o-w {named}"
    if opened.st_mode & stat.S_IWGRP and opened.st_gid != os.getegid():
        return f"the group {_group(opened.st_gid)} may write to it: chmod g-w {named}"
    return None


def _user(uid: int) -> str:
    import pwd  # not on Windows

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
