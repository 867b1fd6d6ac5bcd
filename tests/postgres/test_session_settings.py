"""No setting of a role or a database changes what a session of ours reads: each that the server has is tried."""

from collections.abc import Iterator
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy import text

from etl.store.engine import connection_to, engine_for

VALUES = text(r"""
    SELECT 1.5::float8 / 7, 0.1::float4, 1e-7::numeric,
           extract(epoch FROM timestamptz '2026-09-01 12:34:56.789Z')::float8,
           timestamptz '2026-09-01 12:34:56.789Z', timestamptz '2026-09-01 12:34:56.789Z'::text,
           to_jsonb(timestamptz '2026-09-01Z'), date '2026-02-03', '2026-02-03'::text::date,
           interval '1 day 2 hours', interval '1 day 2 hours'::text, '\xdead'::bytea, '\xdead'::bytea::text,
           '{"a": "币安人生"}'::jsonb, ARRAY['a', NULL], CAST(:names AS text[]), CAST(:nothing AS text) = NULL,
           'it''s \n', '币安人生USDT', quote_ident('plain'), 'force_orders'::regclass::text,
           tstzmultirange(tstzrange('2026-09-01Z', '2026-09-02Z')),
           tstzmultirange(tstzrange('2026-09-01Z', '2026-09-02Z'))::text,
           pg_get_viewdef('watermarks'::regclass),
           (SELECT string_agg(pg_get_constraintdef(oid), ';' ORDER BY conname)
              FROM pg_constraint WHERE conrelid = 'force_orders'::regclass)
""")
"""A value of each type that the program reads, and what reads the text of one."""

SETTABLE = """
    SELECT name, vartype, boot_val, min_val, max_val, enumvals FROM pg_settings
     WHERE context IN ('user', 'superuser') AND name <> ALL (%s) ORDER BY name
"""

OF_THE_ADMINISTRATOR = ("search_path", "role", "session_authorization")
WITH_A_LIMIT_OF_THE_MACHINE = ("max_stack_depth",)

TEXTS = {
    "DateStyle": ["German", "SQL, DMY", "Postgres, MDY", "ISO, DMY"],
    "TimeZone": ["Asia/Kathmandu", "America/St_Johns"],
    "client_encoding": ["LATIN1", "SQL_ASCII", "EUC_CN"],
    "default_text_search_config": ["pg_catalog.german"],
    "lc_messages": ["POSIX"],
    "lc_monetary": ["POSIX"],
    "lc_numeric": ["POSIX"],
    "lc_time": ["POSIX"],
    "timezone_abbreviations": ["Australia", "India"],
}


def others(vartype: str, default: str, least: str, greatest: str, named: list[str] | None) -> list[str]:
    """Values of a setting other than its default."""
    every = {"bool": ["on", "off"], "enum": named or [], "integer": [least, greatest], "real": [least, greatest]}
    return [one for one in every.get(vartype, []) if one != default]


@pytest.fixture
def odd_values(database_url: str) -> Iterator[tuple[str, str]]:
    """Each setting of the server that a session may change, with each kind of odd value."""
    with psycopg.connect(database_url) as admin:
        left_out = [*OF_THE_ADMINISTRATOR, *WITH_A_LIMIT_OF_THE_MACHINE]
        rows = admin.execute(SETTABLE, [left_out]).fetchall()
    return ((name, value) for name, *kind in rows for value in TEXTS.get(name, others(*kind)))


def read(url: str, **options: str) -> list[object]:
    """What a session reads that begins with these settings."""
    words = " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in options.items())
    beginning = f"{url}&options={quote(words, safe='')}" if words else url
    with connection_to(engine_for(beginning)) as connection:
        return list(connection.execute(VALUES, {"names": ["a", None], "nothing": "something"}).one())


@pytest.mark.parametrize("name", TEXTS)
def test_a_setting_that_changes_texts_changes_none_of_ours(database_url: str, name: str) -> None:
    assert read(database_url, **{name: TEXTS[name][0]}) == read(database_url)


@pytest.mark.slow
def test_every_session_reads_the_same_whatever_it_began_with(
    database_url: str, odd_values: Iterator[tuple[str, str]]
) -> None:
    expected, tried = read(database_url), set()
    for name, value in odd_values:
        assert (name, value, read(database_url, **{name: value})) == (name, value, expected)
        tried.add(name)
    assert len(tried) > 100
    assert TEXTS.keys() <= tried


def test_the_settings_of_a_session_do_change_what_is_read(database_url: str) -> None:
    """Else the test above could not fail."""
    query = str(VALUES).replace(":names", "'{a}'").replace(":nothing", "'a'")
    found = []
    for odd in ("extra_float_digits=1", "extra_float_digits=-15", "quote_all_identifiers=on", "TimeZone=Asia/Tokyo"):
        with psycopg.connect(make_conninfo(database_url, options=f"-c {odd}")) as connection:
            found.append(str(connection.execute(query.encode()).fetchone()))
    assert len(set(found)) == 4
