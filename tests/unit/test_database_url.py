"""A database URL as people write and keep it: what is left out, and what is wrong with it in one line."""

import pytest

from etl.errors import ConfigError
from etl.settings.checks import database_url
from etl.store.engine import parse_url

URL = "postgresql://fo:secret@host:5432/db"


@pytest.mark.parametrize("around", ["\n", "\r\n", " ", "\t", "\n\n"])
def test_white_space_around_it_is_left_out(around: str) -> None:
    assert database_url(f"{around}{URL}{around}").get_secret_value() == URL


@pytest.mark.parametrize("inside", ["\n", "\r", "\t", "\x00", "\x7f"])
def test_a_control_character_in_it_is_said(inside: str) -> None:
    with pytest.raises(ValueError, match="line break or another control character") as refused:
        database_url(URL.replace("host", f"ho{inside}st"))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["schema", "pgbouncer", "connection_limit", "currentSchema", "sslaccept", "charset"])
def test_a_parameter_of_other_programs_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=f"parameter '{name}', which libpq does not know: remove it") as refused:
        parse_url(f"{URL}?sslmode=disable&{name}=secret")
    assert ("search_path" in str(refused.value)) == ("schema" in name.lower())
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["postgresql://fo:1/c?cret=x@host/db", "postgresql://fo:1/c?cret@host/db"])
def test_what_may_be_part_of_a_password_is_never_shown(url: str) -> None:
    with pytest.raises(ConfigError, match="percent-encoded") as refused:
        parse_url(url)
    assert "cret" not in str(refused.value)
