"""docker-compose.yml as a project of its own, and what the engine tells of its containers."""

import json
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from etl.core.timeline import DAY, iso, to_millis
from etl.simulator.history import Generated, generate
from etl.simulator.server import history_seed
from tests.environment import ROOT

USER = f"{os.getuid()}:{os.getgid()}" if os.geteuid() else "1000:1000"
"""Whom the program runs as: the owner of the secrets."""

PASSWORD = "correct-horse-battery-staple"
PATIENCE_S = 300

TODAY = to_millis(datetime.now(UTC)) // DAY * DAY
SINCE, UNTIL = TODAY - 40 * DAY, TODAY - 2 * DAY
HISTORY = generate(history_seed(1, "main"), SINCE, UNTIL, Generated().profile)
"""A part of the exchange's own history that no longer changes."""


@dataclass(frozen=True)
class Project:
    """`docker compose WORDS…` with the repository's file, for a project that shares nothing with any other."""

    front_end: tuple[str, ...]
    environment: Mapping[str, str]
    beside: tuple[str, ...] = ()
    """Files that are added to docker-compose.yml."""
    profile: tuple[str, ...] = ()
    name: str = field(default_factory=lambda: f"fo{uuid.uuid4().hex[:8]}")

    def __call__(self, *words: str, code: int = 0) -> str:
        """What it prints, errors and logs included."""
        files = [option for file in ("docker-compose.yml", *self.beside) for option in ("--file", file)]
        done = subprocess.run(
            [*self.front_end, *files, *self.profile, *words],
            cwd=ROOT,
            env={**os.environ, "COMPOSE_PROJECT_NAME": self.name, "FORCE_ORDERS_USER": USER, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def container(self, service: str) -> str:
        """The id of its container, which may have ended. 1.29 mixes its warnings into what it prints."""
        found = re.findall(r"^[0-9a-f]{64}$", self("ps", "--all", "--quiet", service), flags=re.MULTILINE)
        assert len(found) == 1, found
        return str(found[0])

    def containers(self) -> Mapping[str, Any]:
        """Each service's container as `docker inspect` describes it."""
        ids = engine("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={self.name}").split()
        found = json.loads(engine("inspect", *ids))
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}

    def command(self, service: str, *words: str) -> str:
        """What `force-orders WORDS…` prints in the container of a service."""
        return self("exec", "-T", service, "force-orders", *words)

    def number(self, service: str, sql: str) -> int:
        """The one number that a query answers."""
        printed = self.command(service, "db", "query", f"SELECT 'n: ' || ({sql})")
        found = re.search(r"n: (\d+)", printed)
        assert found is not None, printed
        return int(found[1])

    def orders(self, service: str, since: int, until: int) -> int:
        """How many are stored of those between two instants, epoch milliseconds; 0 before there are any tables."""
        span = f"order_time >= '{iso(since)}' AND order_time < '{iso(until)}'"
        return self.number(service, f"SELECT count(*) FROM force_orders WHERE {span}")

    def is_healthy(self, service: str) -> bool:
        """What the container's own check finds, asked now and not at its next turn."""
        kind, check = self.containers()[service]["Config"]["Healthcheck"]["Test"]
        assert kind == "CMD-SHELL"
        return said("docker", "exec", self.container(service), "sh", "-c", check) is not None


def said(*words: str, environment: Mapping[str, str] | None = None) -> str | None:
    """What a program prints; None where it fails, does not come to an end or is not there."""
    if shutil.which(words[0]) is None:
        return None
    try:
        done = subprocess.run(
            words,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    return done.stdout


def engine(*words: str) -> str:
    """What `docker WORDS…` prints."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def secret_files(directory: Path, contents: Mapping[str, str]) -> Path:
    """As the head of docker-compose.yml says: private to the user whom the program runs as."""
    for name, content in contents.items():
        file = directory / name
        file.touch(mode=0o600)
        file.write_text(content)
        if os.geteuid() == 0:
            os.chown(file, 1000, 1000)
    return directory


def root_processes(container: str) -> list[str]:
    """Those that run as root, but for the engine's own looks at whether Postgres answers."""
    rows = engine("top", container, "-eo", "pid,uid,args").splitlines()[1:]
    return [row for row in rows if row.split()[1] == "0" and "pg_isready" not in row]


def environment_of_first_process(container: str) -> str:
    """Read as whoever it runs as, since nobody else may."""
    user = engine("top", container, "-eo", "pid,uid").splitlines()[1].split()[1]
    return engine("exec", "--user", user, container, "cat", "/proc/1/environ")
