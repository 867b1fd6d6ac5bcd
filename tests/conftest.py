"""Fixtures for all tests: a real Postgres with a new database for each test, simulators, and the command.

Each test process starts one embedded server. FORCE_ORDERS_TEST_DATABASE_URL names another server on which the tests may
create databases and roles.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql
from sqlalchemy import Connection

from etl.embedded.server import EmbeddedPostgres
from etl.simulator.control import PREFIX
from etl.simulator.messages import Reply, Request
from etl.simulator.server import Simulator
from etl.store import migrate
from etl.store.engine import connection_to, engine_for
from tests.command import Command
from tests.databases import clone, data_directory, with_database
from tests.environment import bare_environment
from tests.roles import ROLE_PASSWORD, ROLES, as_role, rights

settings.register_profile("default", max_examples=100, deadline=None, derandomize=True)
settings.register_profile("fast", max_examples=20, deadline=None, derandomize=True)
settings.register_profile(
    "nightly",
    max_examples=2_000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


# A shell ignores SIGINT in programs that it starts in the background, and every command would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

LONGEST = ("property", "chaos")
_numbers = count()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those with the longest tests first: a long one that is left to the end keeps everybody waiting."""
    items.sort(key=lambda item: item.path.parent.name not in LONGEST)


@pytest.fixture
def tmp_path(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pytest's own. Under root other users may pass to it, as to a home directory: root's Postgres is one of them."""
    base = tmp_path_factory.getbasetemp()
    own = (one for one in base.parents if one.name.startswith("pytest-of-"))  # by default pytest's own, for each user
    top = next(own, base.parent)
    if os.geteuid() == 0:
        for one in (tmp_path, *tmp_path.parents):
            if one.is_relative_to(top) and one.stat().st_uid == 0 and not one.stat().st_mode & 0o1:
                one.chmod(0o711)
    return tmp_path


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The libpq URL of the server's database `postgres`, for a role that may create databases and roles."""
    named = os.environ.get("FORCE_ORDERS_TEST_DATABASE_URL")
    if named:
        yield named
        return
    with data_directory() as directory, EmbeddedPostgres(directory) as server:
        with psycopg.connect(server.libpq_url, autocommit=True) as admin:
            admin.execute("ALTER SYSTEM SET fsync = off")  # the data need not survive a crash
            admin.execute("ALTER SYSTEM SET max_wal_size = '128MB'")  # the directory may lie in memory
            admin.execute("SELECT pg_reload_conf()")
        yield with_database(server.libpq_url, "postgres")


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """The name of a database to clone: it has our schema, created by the owner, and the documented rights."""
    name = f"fo_template_{os.getpid()}"
    url = with_database(server_url, name)
    once, after_each_upgrade = rights(name)
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with psycopg.connect(url) as admin:
        admin.execute(once)
        for role in ROLES.values():
            admin.execute(f"ALTER ROLE {role} PASSWORD '{ROLE_PASSWORD}'; GRANT {role} TO CURRENT_USER")
    with connection_to(engine_for(as_role("owner", url))) as connection:
        migrate.upgrade(connection)
    with psycopg.connect(as_role("owner", url)) as owner:
        owner.execute(after_each_upgrade)
    yield name
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        admin.execute(f"DROP ROLE {', '.join(ROLES.values())}")  # their rights were dropped with the databases


@pytest.fixture
def database_url(server_url: str, template: str) -> Iterator[str]:
    """The libpq URL of a new database with our schema and no rows, for a role that may do anything."""
    name = _new_name()
    with clone(server_url, template, name) as url:
        with psycopg.connect(url) as admin:
            # A clone does not inherit the documented rights on the database itself.
            admin.execute("\n".join(line for line in rights(name)[0].splitlines() if " ON DATABASE " in line))
        yield url


@pytest.fixture
def writer_url(database_url: str) -> str:
    """The same database for the role that runs the nightly job."""
    return as_role("writer", database_url)


@pytest.fixture
def reader_url(database_url: str) -> str:
    """The same database for the role of an SQL user."""
    return as_role("reader", database_url)


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """The libpq URL of a new database without any table."""
    with clone(server_url, "template1", _new_name()) as url:
        yield url


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connection_to(engine_for(database_url)) as opened:
        yield opened


def _new_name() -> str:
    return f"fo_{os.getpid()}_{next(_numbers)}"


class CountingSimulator(Simulator):
    """Counts all requests to the exchange, even when a test resets the simulator's statistics."""

    requests = 0

    def answer(self, request: Request) -> Reply:
        self.requests += not request.path.startswith(PREFIX)
        return super().answer(request)


@pytest.fixture
def exchange(record_property: Callable[[str, object], None]) -> Iterator[Callable[..., Simulator]]:
    """Starts simulators, which end with the test: `exchange(scenario, histories=…)`, with the arguments of `Simulator`.

    pytest's JUnit report tells how many requests they received; `tests.dates` compares these numbers.
    """
    started: list[CountingSimulator] = []
    with ExitStack() as running:

        def start(*args: Any, **options: Any) -> Simulator:
            simulator = CountingSimulator(*args, **options)
            started.append(simulator)
            return running.enter_context(simulator)

        yield start
        record_property("requests", sum(one.requests for one in started))


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path, bare_environment(tmp_path))
