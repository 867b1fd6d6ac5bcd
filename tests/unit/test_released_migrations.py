"""A released migration is never edited: databases that have run it would keep the old schema."""

from hashlib import sha256

from tests.environment import ROOT

RELEASED = {
    name: digest
    for digest, name in (line.split() for line in (ROOT / "tests/migrations.sha256").read_text("utf-8").splitlines())
}
"""Written by `sha256sum migrations/versions/0* > tests/migrations.sha256` at each release."""

MIGRATIONS = {
    str(file.relative_to(ROOT)): sha256(file.read_bytes()).hexdigest()
    for file in sorted((ROOT / "migrations" / "versions").glob("0*"))
}


def test_a_released_migration_is_as_it_was_released() -> None:
    assert RELEASED
    assert {name: MIGRATIONS.get(name) for name in RELEASED} == RELEASED


def test_a_new_migration_comes_after_the_released_ones() -> None:
    assert sorted(MIGRATIONS)[: len(RELEASED)] == sorted(RELEASED)
