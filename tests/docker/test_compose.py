"""docker-compose.yml brings up what it promises: a private Postgres with our schema, and the scheduler beside it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from etl.core.timeline import iso
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from tests.docker.composed import (
    HISTORY,
    PASSWORD,
    SINCE,
    UNTIL,
    USER,
    Project,
    engine,
    environment_of_first_process,
    root_processes,
    said,
    secret_files,
)
from tests.waiting import wait_until

pytestmark = pytest.mark.docker

SECRETS = {"pgpass": f"*:*:*:*:{PASSWORD}\n", "binance_api_key": DEMO_KEY, "binance_api_secret": f"{DEMO_SECRET}\n"}
PROGRAM = ("run", "--rm", "force-orders")


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return secret_files(tmp_path_factory.mktemp("secrets"), SECRETS)


@pytest.fixture(scope="module")
def project(front_end: tuple[str, ...], images: dict[str, str], secrets: Path) -> Iterator[Project]:
    """Up, with the simulator as its exchange."""
    environment = images | {"FORCE_ORDERS_SECRETS": str(secrets)}
    found = Project(front_end, environment, beside=("tests/docker/exchange.yml",))
    try:
        found("up", "--detach", "--no-build")
        yield found
    finally:
        with_demo(found)("down", "--volumes", "--timeout", "5")


def test_the_file_by_itself_is_sound_and_shows_no_password(front_end: tuple[str, ...], secrets: Path) -> None:
    shown = Project(front_end, {"FORCE_ORDERS_SECRETS": str(secrets)})("config")
    assert "schedule" in shown
    assert not [word for word in (PASSWORD, DEMO_KEY, DEMO_SECRET, "ports:") if word in shown]


def test_the_scheduler_reads_what_the_exchange_has_as_soon_as_it_is_up(project: Project) -> None:
    wait_until(lambda: project.orders("schedule", SINCE, UNTIL) == len(HISTORY))


def test_it_is_healthy_once_history_is_read(project: Project) -> None:
    wait_until(lambda: project.is_healthy("schedule"))


def test_the_migration_came_once_and_an_upgrade_again_is_harmless(project: Project) -> None:
    assert project.containers()["migrate"]["State"]["ExitCode"] == 0
    assert "already" in project("run", "--rm", "migrate")


def test_other_commands_stand_beside_it(project: Project) -> None:
    assert "0 orders new" in project(*PROGRAM, "backfill", "--since", iso(SINCE), "--until", iso(UNTIL))
    project(*PROGRAM, "verify", "--since", iso(SINCE), "--until", iso(UNTIL))


def test_nothing_runs_as_root_in_the_end(project: Project) -> None:
    for service, container in project.containers().items():
        assert container["Config"]["User"] == ("" if service == "postgres" else USER)
        if container["State"]["Running"]:
            assert root_processes(container["Id"]) == []


def test_no_container_may_do_more_than_it_has_to(project: Project) -> None:
    for service, container in project.containers().items():
        confined = container["HostConfig"]
        assert confined["ReadonlyRootfs"], service
        assert confined["CapDrop"] == ["ALL"], service
        assert confined["SecurityOpt"] == ["no-new-privileges:true"], service
        assert not confined["Privileged"], service
        assert not confined["PortBindings"], service
        assert bool(confined["CapAdd"]) == (service == "postgres")


def test_no_secret_is_in_the_environment_of_a_container(project: Project) -> None:
    shown = str(project.containers())
    assert not [word for word in (PASSWORD, DEMO_KEY, DEMO_SECRET) if word in shown]
    assert not shows_a_secret(environment_of_first_process(project.container("schedule")))


def test_its_metrics_are_for_the_network_of_the_project_only(project: Project) -> None:
    asking = "import sys; from urllib.request import urlopen; print(urlopen(sys.argv[1]).read().decode())"
    told = project("run", "--rm", "--entrypoint", "python", "migrate", "-c", asking, "http://schedule:9464/metrics")
    assert "force_orders_database_up 1.0" in told


def test_a_scheduler_that_hangs_is_sick(project: Project) -> None:
    signal_all("STOP", project.container("schedule"))
    try:
        assert not project.is_healthy("schedule")
    finally:
        signal_all("CONT", project.container("schedule"))
    wait_until(lambda: project.is_healthy("schedule"))


def test_without_the_database_it_is_sick_and_it_goes_on_once_that_is_back(project: Project) -> None:
    engine("stop", project.container("postgres"))
    assert not project.is_healthy("schedule")
    engine("start", project.container("postgres"))
    wait_until(lambda: project.is_healthy("schedule"))
    assert project.containers()["schedule"]["RestartCount"] == 0


def test_a_scheduler_that_dies_is_started_again(project: Project) -> None:
    signal_all("KILL", project.container("schedule"))
    wait_until(lambda: project.containers()["schedule"]["RestartCount"] == 1)
    wait_until(lambda: project.containers()["schedule"]["State"]["Running"])


def test_a_wrong_password_is_one_line(project: Project, tmp_path: Path) -> None:
    wrong = secret_files(tmp_path, {"pgpass": "*:*:*:*:wrong-one\n"})
    other = replace(project, environment={**project.environment, "FORCE_ORDERS_SECRETS": str(wrong)})
    refused = other("run", "--rm", "--no-deps", "migrate", code=5)
    assert "password authentication failed" in refused
    assert "wrong-one" not in refused


def test_a_stop_is_heard(project: Project) -> None:
    project("stop", "schedule")
    assert project.containers()["schedule"]["State"]["ExitCode"] == 130
    project("up", "--detach", "--no-build")


def test_down_and_up_again_goes_on_where_it_ended(project: Project) -> None:
    runs = "SELECT count(*) FROM runs WHERE command = 'backfill'"
    before = project.number("schedule", runs)
    project("down", "--timeout", "5")
    assert not engine("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={project.name}")

    project("up", "--detach", "--no-build")
    wait_until(lambda: project.is_healthy("schedule"))
    assert project.orders("schedule", SINCE, UNTIL) == len(HISTORY)
    assert project.number("schedule", runs) == before
    assert not shows_a_secret(environment_of_first_process(project.container("postgres")))


def test_a_demo_beside_it_adds_nothing_to_it(project: Project) -> None:
    counted = "SELECT count(*) FROM runs"
    before = project.number("schedule", counted)
    demo = with_demo(project)
    demo("up", "--detach", "--no-build", "demo")
    wait_until(lambda: demo.orders("demo", SINCE, UNTIL) == len(HISTORY))
    assert project.number("schedule", counted) == before


def with_demo(project: Project) -> Project:
    return replace(project, profile=("--profile", "demo"))


def signal_all(name: str, container: str) -> None:
    """To every process in it but the first and the one that sends it, which may end with it."""
    said("docker", "exec", container, "sh", "-c", f"kill -{name} -1")


def shows_a_secret(shown: str) -> bool:
    return any(word in shown for word in (PASSWORD, DEMO_KEY, DEMO_SECRET))
