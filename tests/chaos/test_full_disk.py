"""A disk without room: the table of orders can grow no further, and Postgres is refused in the middle of a page."""

import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

import psycopg
import pytest

from etl.simulator.scenario import Scenario
from tests.chaos.ownserver import OwnServer, own_server
from tests.chaos.recovering import assert_it_ends_clearly, assert_the_next_run_completes_it, run_into
from tests.chaos.scenes import BURSTY, Scenes, pages, scene
from tests.waiting import wait_until

SEGMENT = 16 << 20
"""Bytes of a segment of the write-ahead log: files of that size must still fit."""

BLOCK = 8192
FILLED_BLOCKS = SEGMENT // BLOCK - 5
"""So many blocks of the table are somebody else's before the run: a few of its pages fit, the rest does not."""

DISK = 192 << 20
LEFT_FREE = 32 << 10
SLOW = Scenario(latency_ms=100)
ONE_BY_ONE = {"FORCE_ORDERS_CONCURRENCY": "1"}
"""So that the run takes two seconds: the disk is full long before its end."""

FILL = """
    INSERT INTO force_orders (account, market, symbol, order_id, close_type, order_time, update_time, raw,
                              first_seen_at, changed_at, first_run_id, last_run_id)
    SELECT 'somebody', 'usdm', 'BTCUSDT', number, 'UNKNOWN', now(), now(), to_jsonb(repeat('x', 1800)),
           now(), now(), 0, 0
      FROM generate_series(1, 4 * %s) AS number
"""


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process can be set on Linux only")
def test_a_table_that_cannot_grow_ends_the_run_with_5_and_once_there_is_room_the_next_completes_it(
    scenes: Scenes, server: OwnServer
) -> None:
    """By RLIMIT_FSIZE, whose signal Postgres ignores to report what the write returns."""
    with scenes() as lab:
        with closing(psycopg.connect(lab.database_url, autocommit=True)) as somebody:
            somebody.execute(FILL, [FILLED_BLOCKS])
            server.limit_files(SEGMENT)
            try:
                for _ in range(2):
                    assert_it_ends_clearly(lab("backfill"), "could not extend file")
                    assert lab.last_run()["status"] == "failed"
                assert pages(lab) > 0
            finally:
                server.limit_files(-1)
            somebody.execute("DELETE FROM force_orders WHERE account = 'somebody'")
        assert_the_next_run_completes_it(lab)


@contextmanager
def small_disk() -> Iterator[Path]:
    """A file system of its own, of `DISK` bytes; skips where none may be mounted."""
    directory = Path("/tmp") / f"fo-disk-{os.getpid()}"  # noqa: S108
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=755", "none", str(directory)]
    try:
        if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("a file system can be mounted by root only, and not in every container")
        try:
            yield directory
        finally:
            subprocess.run(["umount", directory], check=True)
    finally:
        directory.rmdir()


def test_a_disk_that_becomes_full_ends_the_run_with_5_and_once_there_is_room_the_next_completes_it(
    tmp_path: Path,
) -> None:
    with small_disk() as disk, own_server(disk) as server, scene(server, tmp_path, SLOW, BURSTY, **ONE_BY_ONE) as lab:
        ballast = disk / "ballast"
        full = run_into(lab, lambda: fill_up(ballast))
        ballast.unlink()
        assert_it_ends_clearly(full, "No space left on device")
        assert_the_next_run_completes_it(lab)


def fill_up(ballast: Path) -> None:
    """A file that leaves `LEFT_FREE` of its file system, which others write to meanwhile."""
    with ballast.open("wb") as file:
        wait_until(lambda: fills_up(file))


def fills_up(file: BinaryIO) -> bool:
    """Whether the room that was there was still there when it was taken."""
    room = os.fstatvfs(file.fileno())
    try:
        os.posix_fallocate(file.fileno(), 0, max(room.f_bavail * room.f_frsize - LEFT_FREE, 1))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
    return True
