"""The embedded Postgres of several processes, which share, lose and leave it, and what a crash leaves behind."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from etl.embedded import cluster
from etl.embedded.server import EmbeddedPostgres, stop_server
from etl.errors import StoreError
from tests.databases import data_directory
from tests.postgres.embedding import AS_ROOT, Command, answers, ask, postmaster


def test_the_server_stays_until_the_last_process_ends(empty_dir: Path) -> None:
    first, second = Command(empty_dir), Command(empty_dir)  # at once, and the data are still to be made
    assert first.url() == (url := second.url())
    assert first.end() == ""
    assert ask(url, "SELECT 1") == 1
    assert second.end() == ""
    assert not answers(empty_dir)


def test_a_killed_process_leaves_the_server_to_the_next(data_dir: Path) -> None:
    killed = Command(data_dir)
    killed.url()
    killed.kill()
    assert answers(data_dir)
    with EmbeddedPostgres(data_dir) as server:
        assert ask(server.libpq_url, "SELECT 1") == 1
    assert not answers(data_dir)


def test_a_kept_server_stays_until_it_is_stopped(data_dir: Path) -> None:
    keeper = Command(data_dir, "keep")
    url = keeper.url()
    keeper.end()
    with EmbeddedPostgres(data_dir):
        pass
    assert ask(url, "SELECT 1") == 1
    assert stop_server(data_dir)
    assert not answers(data_dir)
    assert not stop_server(data_dir)


def test_keeping_ends_with_the_server_that_was_kept(data_dir: Path) -> None:
    keeper = Command(data_dir, "keep")
    keeper.url()
    keeper.end()
    os.kill(postmaster(data_dir), signal.SIGKILL)
    with EmbeddedPostgres(data_dir):
        assert answers(data_dir)
    assert not answers(data_dir)


def test_a_server_stopped_under_its_users_troubles_nobody(data_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    with EmbeddedPostgres(data_dir):
        assert stop_server(data_dir)
        newcomer = Command(data_dir)
        assert ask(newcomer.url(), "SELECT 1") == 1
    assert answers(data_dir)
    newcomer.end()
    assert not answers(data_dir)
    assert not caplog.records


def test_nothing_is_stopped_or_made_where_nothing_ever_ran(empty_dir: Path) -> None:
    assert not stop_server(empty_dir / "never")
    assert not (empty_dir / "never").exists()


# After a crash


def test_a_crashed_server_recovers_what_was_committed(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        ask(server.libpq_url, "CREATE TABLE kept AS SELECT 7 AS number")
        os.kill(postmaster(data_dir), signal.SIGKILL)
    with EmbeddedPostgres(data_dir) as server:
        assert ask(server.libpq_url, "SELECT number FROM kept") == 7


@pytest.mark.parametrize("content", ["", "\n", "12", "no number\n/nowhere\n"])
def test_a_half_written_pid_file_is_no_obstacle(data_dir: Path, content: str) -> None:
    with EmbeddedPostgres(data_dir):
        pass
    (data_dir / "postgres" / "postmaster.pid").write_text(content)
    with EmbeddedPostgres(data_dir) as server:
        assert ask(server.libpq_url, "SELECT 1") == 1
    assert not answers(data_dir)


def test_a_pid_that_now_belongs_to_another_program_is_no_obstacle(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir):
        lines = (data_dir / "postgres" / "postmaster.pid").read_text().splitlines(keepends=True)
    uid = (data_dir / "postgres").stat().st_uid
    other = subprocess.Popen(["sleep", "600"], user=uid if AS_ROOT else None)
    try:
        (data_dir / "postgres" / "postmaster.pid").write_text("".join([f"{other.pid}\n", *lines[1:]]))
        with EmbeddedPostgres(data_dir) as server:
            assert ask(server.libpq_url, "SELECT 1") == 1
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_pid_that_now_belongs_to_the_server_of_other_data_is_no_obstacle(data_dir: Path, made: Path) -> None:
    with data_directory() as elsewhere:
        subprocess.run(["cp", "-a", made, elsewhere], check=True)
        with EmbeddedPostgres(data_dir):
            lines = (data_dir / "postgres" / "postmaster.pid").read_text().splitlines(keepends=True)
        with EmbeddedPostgres(elsewhere) as other:
            (data_dir / "postgres" / "postmaster.pid").write_text("".join([f"{postmaster(elsewhere)}\n", *lines[1:]]))
            with EmbeddedPostgres(data_dir) as server:
                assert ask(server.libpq_url, "SELECT 1") == 1
            assert ask(other.libpq_url, "SELECT 1") == 1


def test_an_initdb_that_was_cut_short_is_done_again(empty_dir: Path) -> None:
    (empty_dir / "postgres.new").mkdir()
    (empty_dir / "postgres.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(empty_dir) as server:
        assert ask(server.libpq_url, "SELECT 1") == 1
    assert not (empty_dir / "postgres.new").exists()


def test_a_server_that_does_not_answer_is_left_to_recover(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = Command(data_dir)
    killed.url()
    killed.kill()
    monkeypatch.setattr(cluster, "PATIENCE_S", 0.1)
    monkeypatch.setattr(cluster, "CONNECT_TIMEOUT_S", 2)
    pid_file = data_dir / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([*lines[:7], "starting", ""]))
    with pytest.raises(StoreError, match=r"does not answer after 0 s; it may be recovering: see .*postgres\.log"):
        EmbeddedPostgres(data_dir).start()
    assert answers(data_dir)

    monkeypatch.undo()
    pid_file.write_text("\n".join([*lines, ""]))
    with EmbeddedPostgres(data_dir) as server:
        assert ask(server.libpq_url, "SELECT 1") == 1
    assert not answers(data_dir)
