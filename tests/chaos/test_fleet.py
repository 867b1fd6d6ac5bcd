"""Each of three workers loses its process, its connections or its rights: no job is lost, or done twice at once."""

from contextlib import closing
from pathlib import Path
from random import Random

import psycopg

from tests.chaos.fleet import ACCOUNTS, BLOWS, end, fleet, leave_alone, restore_rights, strike
from tests.chaos.ownserver import OwnServer
from tests.waiting import wait_until

EXIT_DATABASE = 5
SHORT = ("nothing", "kill -9", "every connection cut", "a right revoked for a minute")


def test_each_worker_in_turn_loses_its_process_its_connections_and_its_rights(
    server: OwnServer, tmp_path: Path
) -> None:
    lot = Random("fleet/short")
    with fleet(server, tmp_path) as three:
        wrong = [
            complaint
            for name, worker in zip(SHORT, (three.workers[0], *three.workers), strict=True)
            for complaint in strike(three, worker, name, lot)
        ]
        assert [*wrong, *leave_alone(three)] == []
    assert set(SHORT) < BLOWS.keys()


def test_a_worker_whose_jobs_hang_ends_before_others_take_them(server: OwnServer, tmp_path: Path) -> None:
    with fleet(server, tmp_path) as three:
        three.next_night()
        wait_until(lambda: len(three.lab.sql("SELECT DISTINCT worker FROM runs")) == len(three.workers))
        with closing(psycopg.connect(three.lab.database_url)) as other:
            other.execute("LOCK TABLE runs, procrastinate_workers, procrastinate_jobs IN ACCESS EXCLUSIVE MODE")
            wait_until(lambda: EXIT_DATABASE in [worker.process.poll() for worker in three.workers if worker.process])
        said = "".join(worker.log.read_text() for worker in three.workers)
        assert "the heartbeat fails and is sent again: the database did not answer within 0.8 s" in said
        assert "did not stop" in said
        assert leave_alone(three) == []


def test_the_scheduler_enqueues_a_night_once_it_may(server: OwnServer, tmp_path: Path) -> None:
    with fleet(server, tmp_path) as three:
        scheduler = three.workers[0]
        end(scheduler)
        three.tell("REVOKE INSERT ON procrastinate_jobs FROM {role}", role=scheduler.role)
        three.start(scheduler, "schedule", "--enqueue-only")
        wait_until(lambda: "cannot be enqueued yet: permission denied" in scheduler.log.read_text())
        restore_rights(three, scheduler)
        wait_until(lambda: f"enqueued {ACCOUNTS} jobs, due at " in scheduler.log.read_text())
        assert leave_alone(three) == []
