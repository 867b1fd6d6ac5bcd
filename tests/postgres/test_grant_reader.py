"""`db grant-reader ROLE`: a role that reads the reports, and is refused everywhere else."""

import json
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import conninfo, sql
from psycopg.errors import InsufficientPrivilege

from etl.store.connection_parameters import url_of
from tests.command import Command
from tests.roles import as_role

REPORTS = (
    *("force_orders", "daily", "symbols", "cascades", "coverage", "runs"),
    *("watermarks", "gaps", "jobs", "verifications", "quarantine", "revisions"),
    "run_wallets",
    *("force_orders_as_of", "daily_as_of", "symbols_as_of", "cascades_as_of"),
)
ELSEWHERE = (
    *("force_orders", "force_order_revisions", "quarantined_orders", "runs", "coverage", "cooldowns"),
    *("effective_coverage", "watermarks", "coverage_gaps", "alembic_version", "force_orders_as_of(now())"),
)

Connect = Callable[[], psycopg.Connection]
"""Connects as the new role."""

pytestmark = pytest.mark.usefixtures("new_role")  # made before the database, and so dropped after it


@pytest.fixture(params=['bi "team"', "50% :a %s 'b' $1"])
def new_role(request: pytest.FixtureRequest, server_url: str, worker_id: str) -> Iterator[str]:
    """A role that nobody gave any right; its name needs quoting."""
    name = f"{request.param} {worker_id}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        yield name
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture
def connect(database_url: str, new_role: str) -> Connect:
    return lambda: psycopg.connect(conninfo.make_conninfo(database_url, user=new_role))


def test_the_owner_gives_a_role_the_reports_and_nothing_else(
    command: Command, database_url: str, new_role: str, connect: Connect
) -> None:
    owner = as_role("owner", database_url)
    for _ in range(2):
        done = command("db", "grant-reader", new_role, FORCE_ORDERS_DATABASE_URL=owner)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"{new_role} may read the report views\n"
    for report in REPORTS:
        with connect() as connection:
            assert connection.execute(f"SELECT count(*) FROM report_{report}").fetchone() == (0,)
    for other in ELSEWHERE:
        with connect() as connection, pytest.raises(InsufficientPrivilege):
            connection.execute(f"SELECT count(*) FROM {other}")
    for change in ("DELETE FROM force_orders", "UPDATE report_runs SET status = 'failed'", "CREATE TABLE t ()"):
        with connect() as connection, pytest.raises(InsufficientPrivilege):
            connection.execute(change)


def test_a_command_that_needs_more_names_the_role_and_doctor_says_what_it_lacks(
    command: Command, database_url: str, new_role: str
) -> None:
    owner, own = as_role("owner", database_url), conninfo.conninfo_to_dict(database_url) | {"user": new_role}
    assert command("db", "grant-reader", new_role, FORCE_ORDERS_DATABASE_URL=owner).returncode == 0
    there = {"FORCE_ORDERS_DATABASE_URL": url_of({name: str(value) for name, value in own.items()})}
    for words in ("status", "report", "db upgrade"):
        refused = command(*words.split(), **there)
        assert (refused.returncode, refused.stderr.count("\n")) == (5, 1)
        assert f"the role {new_role} may only read the report views; 'force-orders doctor' says what" in refused.stderr
    examined = {one["check"]: one for one in json.loads(command("doctor", "--json", **there).stdout)}
    assert examined["schema"]["detail"] == "not checked: the role may not read it"
    assert "the role lacks INSERT ON account_markets, " in examined["rights"]["detail"]


def test_before_it_the_role_may_not_even_connect(new_role: str, connect: Connect) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        connect()


def test_a_role_that_can_do_more_is_named_with_what_it_can_do(
    command: Command, database_url: str, new_role: str
) -> None:
    with psycopg.connect(database_url) as admin:
        admin.execute(sql.SQL("GRANT SELECT ON force_orders, runs TO {}").format(sql.Identifier(new_role)))
    done = command("db", "grant-reader", new_role, FORCE_ORDERS_DATABASE_URL=as_role("owner", database_url))
    assert done.returncode == 0
    assert done.stderr.endswith("also has other rights, granted elsewhere: force_orders, runs\n")


def test_a_role_that_is_not_there_is_no_role_to_grant_to(command: Command, database_url: str) -> None:
    done = command("db", "grant-reader", "nobody", FORCE_ORDERS_DATABASE_URL=database_url)
    assert done.returncode == 2
    assert done.stderr == "force-orders: there is no role nobody; make it first: CREATE ROLE nobody LOGIN\n"


def test_who_does_not_own_the_reports_is_told_what_the_owner_has_to_run(
    command: Command, writer_url: str, new_role: str
) -> None:
    done = command("db", "grant-reader", new_role, FORCE_ORDERS_DATABASE_URL=writer_url)
    assert done.returncode == 5
    assert "let the owner run: GRANT CONNECT ON DATABASE" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_tables_may_lie_in_a_schema_whose_name_needs_quoting(
    command: Command, empty_database_url: str, new_role: str
) -> None:
    with psycopg.connect(empty_database_url) as admin:
        admin.execute('CREATE SCHEMA "Other Schema"')
    url = f"{empty_database_url}&options=-c%20search_path%3D%22Other%5C%20Schema%22"
    assert command("db", "upgrade", FORCE_ORDERS_DATABASE_URL=url).returncode == 0
    done = command("db", "grant-reader", new_role, FORCE_ORDERS_DATABASE_URL=url)
    assert (done.returncode, done.stderr) == (0, "")
    with psycopg.connect(conninfo.make_conninfo(url, user=new_role)) as reader:
        assert reader.execute("SELECT count(*) FROM report_runs").fetchone() == (0,)
