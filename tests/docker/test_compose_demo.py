"""The demo of docker-compose.yml: on a machine without any key, an invented account in a database of its own."""

from collections.abc import Iterator

import pytest

from tests.docker.composed import HISTORY, PASSWORD, SINCE, UNTIL, USER, Project, engine, root_processes, secret_files
from tests.waiting import wait_until

pytestmark = pytest.mark.docker

UP = ("up", "--detach", "--no-build", "demo")


@pytest.fixture(scope="module")
def demo(
    front_end: tuple[str, ...], images: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """Up, with the password of Postgres and no key of an exchange."""
    secrets = secret_files(tmp_path_factory.mktemp("no-key"), {"pgpass": f"*:*:*:*:{PASSWORD}\n"})
    found = Project(front_end, images | {"FORCE_ORDERS_SECRETS": str(secrets)}, profile=("--profile", "demo"))
    try:
        found(*UP)
        yield found
    finally:
        found("down", "--volumes", "--timeout", "5")


def test_it_starts_what_it_needs_and_nothing_of_a_real_account(demo: Project) -> None:
    assert set(demo.containers()) == {"postgres", "simulator", "demo-database", "demo-migrate", "demo"}


def test_its_history_arrives_through_the_same_program(demo: Project) -> None:
    wait_until(lambda: demo.orders("demo", SINCE, UNTIL) == len(HISTORY))
    wait_until(lambda: demo.is_healthy("demo"))
    demo.command("demo", "verify")


def test_invented_orders_do_not_stand_beside_real_ones(demo: Project) -> None:
    assert tables(demo, "force_orders") == ""
    assert "force_orders" in tables(demo, "demo")


def test_making_its_database_leaves_no_volume_behind(demo: Project) -> None:
    mounts = demo.containers()["demo-database"]["Mounts"]
    assert [mount for mount in mounts if mount["Type"] == "volume"] == []


def test_nothing_of_it_runs_as_root_or_may_write_to_its_root(demo: Project) -> None:
    for service, container in demo.containers().items():
        assert container["Config"]["User"] == ("" if service == "postgres" else USER)
        assert container["HostConfig"]["ReadonlyRootfs"], service
        assert container["HostConfig"]["CapDrop"] == ["ALL"], service
        assert PASSWORD not in str(container)
        if container["State"]["Running"]:
            assert root_processes(container["Id"]) == []


def test_the_simulator_is_reached_by_its_own_account_only(demo: Project) -> None:
    asking = "from urllib.request import urlopen; urlopen('http://simulator:8080/fapi/v1/ping')"
    refused = demo("run", "--rm", "--entrypoint", "python", "demo-migrate", "-c", asking, code=1)
    assert "Connection refused" in refused


def test_down_and_up_again_goes_on_where_it_ended(demo: Project) -> None:
    runs = "SELECT count(*) FROM runs WHERE command = 'backfill'"
    before = demo.number("demo", runs)
    demo("down", "--timeout", "5")
    assert not engine("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={demo.name}")

    demo(*UP)
    assert demo.orders("demo", SINCE, UNTIL) == len(HISTORY)
    assert demo.number("demo", runs) == before


def tables(demo: Project, database: str) -> str:
    url = f"postgresql://force_orders@postgres/{database}?passfile=/run/secrets/pgpass"
    listed = "SELECT 'table: ' || tablename FROM pg_tables WHERE schemaname = 'public'"
    told = demo("run", "--rm", "--entrypoint", "psql", "demo-database", "--tuples-only", "--command", listed, url)
    return "".join(line for line in told.splitlines() if "table: " in line)
