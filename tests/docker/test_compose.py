"""docker-compose.yml brings up what it promises: a private Postgres with our schema, and the program beside it."""

import os
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from etl.core.timeline import DAY, iso, to_millis
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from etl.simulator.history import Generated, generate
from etl.simulator.server import history_seed
from tests.docker.conftest import PATIENCE_S, ROOT, said

pytestmark = pytest.mark.docker

PASSWORD = "correct-horse-battery-staple"
SECRETS = {"pgpass": f"*:*:*:*:{PASSWORD}\n", "binance_api_key": DEMO_KEY, "binance_api_secret": f"{DEMO_SECRET}\n"}

PROGRAM = ("run", "--rm", "force-orders")
SCRIPT = """
import os, sys
from etl.cli import run
from etl.simulator.server import Simulator

with Simulator() as exchange:
    os.environ["FORCE_ORDERS_BASE_URL"] = exchange.url
    sys.exit(run(sys.argv[1:]))
"""
BESIDE_AN_EXCHANGE = ("run", "--rm", "--entrypoint", "python", "force-orders", "-c", SCRIPT)
"""The program takes plain http from a loopback address only, so the simulator has to run in its container."""

Compose = Callable[..., str]


@pytest.fixture(scope="module")
def front_end(container_engine: None) -> tuple[str, ...]:
    for words in (("docker", "compose"), ("docker-compose",)):
        if said(*words, "version") is not None:
            return words
    pytest.skip("neither 'docker compose' nor 'docker-compose' is here")


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the head of the file says: private to the user whom the program runs as."""
    directory = tmp_path_factory.mktemp("secrets")
    for name, secret in SECRETS.items():
        file = directory / name
        file.touch(mode=0o600)
        file.write_text(secret)
        if os.geteuid() == 0:
            os.chown(file, 1000, 1000)
    return directory


@pytest.fixture(scope="module")
def compose(front_end: tuple[str, ...], secrets: Path) -> Compose:
    """`docker compose WORDS…` in a project of its own; gives what it prints, errors and logs included."""
    user = f"{os.getuid()}:{os.getgid()}" if os.geteuid() else "1000:1000"
    project = {"COMPOSE_PROJECT_NAME": f"fo{uuid.uuid4().hex[:8]}", "FORCE_ORDERS_SECRETS": str(secrets)}

    def run(*words: str, code: int = 0, **environment: str) -> str:
        done = subprocess.run(
            [*front_end, *words],
            cwd=ROOT,
            env=os.environ | project | {"FORCE_ORDERS_USER": user} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    return run


@pytest.fixture(scope="module")
def project(compose: Compose, postgres_image: str, program_image: str) -> Iterator[Compose]:
    """Postgres up and migrated."""
    images = {"POSTGRES_IMAGE": postgres_image, "FORCE_ORDERS_IMAGE": program_image}

    def run(*words: str, code: int = 0) -> str:
        return compose(*words, code=code, **images)

    try:
        run("up", "--detach", "--no-build")
        assert said("docker", "wait", container(run, "migrate")) == "0\n", run("logs")
        yield run
    finally:
        run("down", "--volumes", "--timeout", "5")


def container(run: Compose, service: str) -> str:
    return run("ps", "--all", "--quiet", service).strip()


def test_the_file_is_sound_and_shows_no_password(compose: Compose) -> None:
    shown = compose("config")
    assert PASSWORD not in shown
    assert DEMO_SECRET not in shown
    assert "ports:" not in shown


def test_nothing_runs_as_root_in_the_end(project: Compose, program_image: str) -> None:
    processes = said("docker", "top", container(project, "postgres"), "-eo", "pid,uid,args")
    assert processes is not None
    assert all(line.split()[1] != "0" for line in processes.splitlines()[1:]), processes
    assert said("docker", "image", "inspect", "--format", "{{.Config.User}}", program_image) == "1000:1000\n"


def test_no_secret_is_in_the_environment_of_a_container(project: Compose) -> None:
    for service in ("postgres", "migrate"):
        shown = said("docker", "inspect", container(project, service))
        assert shown is not None
        assert PASSWORD not in shown


def test_the_schema_is_there_and_an_upgrade_again_is_harmless(project: Compose) -> None:
    assert "already" in project("run", "--rm", "migrate")


def test_a_backfill_ends_with_the_history_of_the_exchange(project: Compose) -> None:
    today = to_millis(datetime.now(UTC)) // DAY * DAY
    since, until = today - 40 * DAY, today - 2 * DAY
    history = generate(history_seed(1, "main"), since, until, Generated().profile)
    span = ("--since", iso(since), "--until", iso(until))

    done = project(*BESIDE_AN_EXCHANGE, "backfill", *span)
    assert f"{len(history)} orders new" in done
    assert "gaps: none" in done
    asked = project(*PROGRAM, "db", "query", "SELECT 'orders: ' || count(*) FROM force_orders")
    assert f"orders: {len(history)}" in asked


def test_a_wrong_password_is_one_line(project: Compose, secrets: Path) -> None:
    pgpass = secrets / "pgpass"
    pgpass.write_text("*:*:*:*:wrong-one\n")
    try:
        refused = project("run", "--rm", "migrate", code=5)
    finally:
        pgpass.write_text(SECRETS["pgpass"])
    assert "password authentication failed" in refused
    assert "wrong-one" not in refused


def test_what_was_stored_outlives_the_containers(project: Compose) -> None:
    count = (*PROGRAM, "db", "query", "SELECT 'runs: ' || count(*) FROM runs")
    before = runs_in(project(*count))
    project(*BESIDE_AN_EXCHANGE, "backfill", "--since", "3d")
    project("rm", "--stop", "--force", "-v")

    project("up", "--detach", "--no-build")
    assert runs_in(project(*count)) == before + 1


def runs_in(printed: str) -> int:
    found = re.search(r"runs: (\d+)", printed)
    assert found is not None, printed
    return int(found[1])
