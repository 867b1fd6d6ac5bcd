"""The main job, as a user runs it: the command against the simulator and a real Postgres."""

from tests.conftest import Command


def test_smoke(command: Command, exchange, database_url) -> None:
    done = command.against(exchange(), database_url)("backfill")
    assert done.returncode == 0, done.stderr
    print(done.stdout)
