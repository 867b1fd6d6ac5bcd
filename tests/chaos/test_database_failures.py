"""What happens to Postgres in the middle of a run: one clear line, exit 5, nothing half-written, and the next run."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import psycopg

from etl.simulator.scenario import Scenario
from tests.acceptance.lab import FORCE_ORDERS, Lab
from tests.chaos.judging import dead_runs
from tests.chaos.ownserver import OwnServer, cut_connections
from tests.chaos.recovering import assert_it_ends_clearly, assert_the_next_run_completes_it, run_into
from tests.chaos.scenes import Scenes, asked, come_to, pages, start

SLOW = Scenario(latency_ms=40)


def test_a_server_killed_in_mid_run_ends_it_with_5_and_the_next_run_completes_the_table(
    scenes: Scenes, server: OwnServer
) -> None:
    with scenes(SLOW) as lab:
        assert_it_ends_clearly(run_into(lab, server.crash))
        assert_it_ends_clearly(lab("backfill"))
        server.start()
        assert_the_next_run_completes_it(lab)
        assert len(dead_runs(lab)) == 1, "nobody could write that it failed"


def test_a_server_stopped_at_once_ends_the_run_with_5(scenes: Scenes, server: OwnServer) -> None:
    with scenes(SLOW) as lab:
        assert_it_ends_clearly(run_into(lab, server.stop_at_once))
        server.start()
        assert_the_next_run_completes_it(lab)


def test_a_connection_that_is_cut_ends_the_run_with_5(scenes: Scenes) -> None:
    with scenes(SLOW) as lab:
        done = run_into(lab, lambda: cut_connections(lab.database_url))
        assert_it_ends_clearly(done)
        # Postgres says who did it, but its last words may be lost with the connection.
        assert re.search("administrator|closed the connection unexpectedly", done.stderr)
        assert lab.last_run()["status"] == "failed"
        assert lab.last_run()["error"] in done.stderr
        assert_the_next_run_completes_it(lab)


def test_a_statement_that_takes_too_long_ends_the_run_with_5_and_the_ledger_says_so(
    scenes: Scenes, server: OwnServer
) -> None:
    with scenes(SLOW) as lab:
        server.alter(lab.database_url, "SET statement_timeout = '200ms'")
        with ExitStack() as held:
            done = run_into(lab, lambda: held.enter_context(locked_coverage(lab)))
        assert_it_ends_clearly(done, "statement timeout")
        assert lab.last_run()["status"] == "failed"
        assert "statement timeout" in lab.last_run()["error"]
        server.alter(lab.database_url, "RESET statement_timeout")
        assert_the_next_run_completes_it(lab)


def test_a_lock_that_nobody_releases_ends_a_run_before_anything_is_written(scenes: Scenes) -> None:
    with scenes() as lab:
        with locked_coverage(lab):
            assert_it_ends_clearly(lab("backfill", FORCE_ORDERS_PATIENCE_SECONDS="2"))
        assert pages(lab) == 0
        assert_the_next_run_completes_it(lab)


def test_a_read_only_database_ends_a_run_with_5_before_anything_is_asked_for(scenes: Scenes, server: OwnServer) -> None:
    with scenes() as lab:
        server.alter(lab.database_url, "SET default_transaction_read_only = on")
        done = lab("backfill")
        assert_it_ends_clearly(done, "read-only")
        assert lab.stats()["requests"] == 0
        server.alter(lab.database_url, "RESET default_transaction_read_only")
        assert_the_next_run_completes_it(lab)


def test_a_database_that_becomes_read_only_in_mid_run_ends_it_with_5(scenes: Scenes, server: OwnServer) -> None:
    with scenes(SLOW) as lab:
        with ExitStack() as read_only:
            done = run_into(lab, lambda: read_only.enter_context(server.read_only()))
            assert_it_ends_clearly(done, "read-only")
        assert_the_next_run_completes_it(lab)
        assert len(dead_runs(lab)) == 1


def test_a_ban_that_arrives_while_the_database_is_down_is_kept_by_the_next_run(
    scenes: Scenes, server: OwnServer
) -> None:
    with scenes(Scenario(latency_ms=3_000), FORCE_ORDERS_CONCURRENCY="1") as lab:
        lab.tell("faults", [{"kind": "ban", "path": FORCE_ORDERS, "seconds": 3_600}])
        process = start(lab, "backfill")
        assert come_to(process, lambda: asked(lab) > 0)  # the answer is still on its way
        server.crash()
        assert_it_ends_clearly(process.end())
        server.start()
        lab.tell("scenario", {"latency_ms": 0})
        sent = lab.stats()["requests"]
        assert lab.sql("SELECT FROM cooldowns") == [], "nobody could write it"
        again = lab("sync")
        assert again.returncode == 4, again.stderr
        assert "nothing is sent until then" in again.stderr
        assert lab("accounts", "check").returncode == 4
        assert lab.stats()["requests"] == sent
        assert len(lab.sql("SELECT FROM cooldowns WHERE until > now() + interval '50 minutes'")) == 1, "it knows now"


@contextmanager
def locked_coverage(lab: Lab) -> Iterator[None]:
    """Another session has the table `coverage` for itself."""
    with closing(psycopg.connect(lab.database_url)) as other:
        other.execute("LOCK TABLE coverage IN ACCESS EXCLUSIVE MODE")
        yield
