"""A worker's jobs use one connection after the other, and none leaves anything on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from etl.errors import StoreError
from etl.fleet.kept_connections import KeptConnections
from etl.settings.model import Settings
from etl.settings.secret import SecretStr
from etl.store import locks, runs


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=SecretStr(database_url), data_dir=tmp_path)


@pytest.fixture
def kept() -> Iterator[KeptConnections]:
    connections = KeptConnections()
    yield connections
    connections.close()


def pid(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def test_the_next_job_uses_the_connection_of_the_last_one(kept: KeptConnections, settings: Settings) -> None:
    with kept.of_job(settings) as first:
        own = pid(first)
        with kept.of_job(settings) as second:
            assert pid(second) != own, "jobs that run at once have one each"
    with kept.of_job(settings) as third:
        assert pid(third) == own


def test_what_a_job_locked_and_did_not_commit_ends_with_it(
    kept: KeptConnections, settings: Settings, connection: Connection
) -> None:
    with kept.of_job(settings) as of_job:
        assert locks.hold_account(of_job, "main", "usdm")
        run_id = runs.start(of_job, "sync")
        of_job.commit()
        of_job.execute(text("DELETE FROM runs"))
    assert locks.hold_account(connection, "main", "usdm"), "another process may read the account"
    alive = connection.execute(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")).scalar_one()
    assert alive == 1, "only the one above: the run counts as ended"
    assert connection.execute(text("SELECT id FROM runs")).scalars().all() == [run_id]


def test_a_connection_that_failed_is_not_used_again(kept: KeptConnections, settings: Settings) -> None:
    own = []

    def fail() -> None:
        with kept.of_job(settings) as broken:
            own.append(pid(broken))
            broken.execute(text("SELECT 1 / 0"))

    with pytest.raises(StoreError):
        fail()
    with kept.of_job(settings) as another:
        assert [pid(another)] != own


def test_a_connection_that_was_cut_while_idle_costs_no_job(
    kept: KeptConnections, settings: Settings, connection: Connection
) -> None:
    with kept.of_job(settings) as first:
        own = pid(first)
    connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": own})
    with kept.of_job(settings) as second:
        assert pid(second) != own
