"""The socket of the embedded Postgres: wherever files for a while are kept, and although something deleted it."""

import shutil
from pathlib import Path

import pytest

from etl.embedded.cluster import ANY_USERS_TEMPORARY, Cluster
from etl.embedded.server import EmbeddedPostgres, stop_server
from etl.errors import StoreError
from tests.postgres.embedding import AS_ROOT, ask

LONG = "long" * 30


def socket_dir(data_dir: Path) -> Path:
    found = Cluster(data_dir).ready_socket_dir()
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["a space", "a,comma", "a:colon", "ü", LONG, "it's"])
def test_the_directory_for_temporary_files_may_have_any_name(
    name: str, empty_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / name))
    with EmbeddedPostgres(empty_dir / LONG) as server:
        assert ask(server.libpq_url, "SELECT 1") == 1
        assert socket_dir(empty_dir / LONG).parent == Path(ANY_USERS_TEMPORARY)
    assert list((tmp_path / name).iterdir()) == []


@pytest.mark.skipif(not AS_ROOT, reason="only root's server runs as another user")
def test_it_may_be_closed_to_the_server_s_user(
    empty_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "closed"))
    with EmbeddedPostgres(empty_dir / LONG) as server:
        assert ask(server.libpq_url, "SELECT 1") == 1


def test_a_server_whose_socket_was_deleted_is_started_anew(empty_dir: Path) -> None:
    home = empty_dir / LONG
    with EmbeddedPostgres(home) as server:
        ask(server.libpq_url, "CREATE TABLE kept AS SELECT 7 AS number")
        server.keep_running()
    shutil.rmtree(socket_dir(home))
    with EmbeddedPostgres(home) as server:
        assert ask(server.libpq_url, "SELECT number FROM kept") == 7


def test_unless_another_process_uses_it_which_is_said(empty_dir: Path) -> None:
    home = empty_dir / LONG
    with EmbeddedPostgres(home):
        shutil.rmtree(socket_dir(home))
        with pytest.raises(StoreError, match="was deleted while another process uses it"):
            EmbeddedPostgres(home).start()
        assert stop_server(home)
        with EmbeddedPostgres(home) as server:
            assert ask(server.libpq_url, "SELECT 1") == 1
