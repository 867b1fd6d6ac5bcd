"""Data directories for embedded servers."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.embedded.server import EmbeddedPostgres
from tests.databases import data_directory


@pytest.fixture(scope="session")
def made() -> Iterator[Path]:
    """Data made once, to copy: a second less for every test."""
    with data_directory() as path:
        with EmbeddedPostgres(path):
            pass
        yield path / "postgres"


@pytest.fixture
def empty_dir() -> Iterator[Path]:
    with data_directory() as path:
        yield path


@pytest.fixture
def data_dir(empty_dir: Path, made: Path) -> Path:
    subprocess.run(["cp", "-a", made, empty_dir], check=True)
    return empty_dir
