"""A container engine and its images; without them the tests are skipped and say what is missing.

POSTGRES_IMAGE, PYTHON_IMAGE and FORCE_ORDERS_IMAGE, as docker-compose.yml reads them, name others than the usual ones.
"""

import os
import subprocess

import pytest

from tests.docker.composed import said
from tests.environment import ROOT


@pytest.fixture(scope="session")
def container_engine() -> None:
    if said("docker", "info") is None:
        pytest.skip("no container engine: 'docker info' fails")


@pytest.fixture(scope="session")
def postgres_image(container_engine: None) -> str:
    return image_at_hand(os.environ.get("POSTGRES_IMAGE") or "postgres:17-alpine")


@pytest.fixture(scope="session")
def program_image(container_engine: None) -> str:
    """The program's image: the one named, or one built here of config/deploy/Dockerfile."""
    named = os.environ.get("FORCE_ORDERS_IMAGE")
    if named:
        return image_at_hand(named)
    base = image_at_hand(os.environ.get("PYTHON_IMAGE") or "python:3.13-slim")
    tag = "force-orders:test"
    dockerfile = ("--file", "config/deploy/Dockerfile", "--build-arg", f"PYTHON_IMAGE={base}")
    subprocess.run(["docker", "build", *dockerfile, "--tag", tag, "."], cwd=ROOT, check=True, timeout=1_200)
    return tag


@pytest.fixture(scope="module", params=["docker compose", "docker-compose"])
def front_end(request: pytest.FixtureRequest, container_engine: None) -> tuple[str, ...]:
    """Compose as a part of the docker command (2), and as a command of its own (1.29 in Debian 12)."""
    words = tuple(str(request.param).split())
    if said(*words, "version") is None:
        pytest.skip(f"no '{request.param}' here")
    return words


@pytest.fixture(scope="module")
def images(postgres_image: str, program_image: str) -> dict[str, str]:
    """As docker-compose.yml reads them."""
    return {"POSTGRES_IMAGE": postgres_image, "FORCE_ORDERS_IMAGE": program_image}


def image_at_hand(name: str) -> str:
    if said("docker", "image", "inspect", name) is None and said("docker", "pull", name) is None:
        pytest.skip(f"no image {name} here, and no registry that gives it")
    return name
