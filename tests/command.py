"""The command as a user types it."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from etl.simulator.server import Simulator
from tests.forking import Process


@dataclass(frozen=True)
class Command:
    """`force-orders` as a separate process, in its own directory and environment.

    It is forked from a process that has imported everything (tests/forking.py), unless a test calls `cold` or starts
    `words` itself.
    """

    directory: Path
    environment: dict[str, str]

    def __call__(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return self.start(*arguments, **environment).end()

    def start(self, *arguments: str, **environment: str) -> Process:
        """Start the command and return at once."""
        return self.into(None, None, *arguments, **environment)

    def into(self, stdout: int | None, stderr: int | None, *arguments: str, **environment: str) -> Process:
        """As `start`, but stdout and stderr are these file descriptors; None: a pipe."""
        return Process(arguments, self.directory, self.environment | environment, stdout=stdout, stderr=stderr)

    def cold(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run the command in a new interpreter, to its end."""
        return subprocess.run(
            self.words(*arguments),
            cwd=self.directory,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def words(self, *arguments: str) -> list[str]:
        return [sys.executable, "-W", "error", "-m", "etl", *arguments]

    def against(self, simulator: Simulator, database_url: str, **environment: str) -> "Command":
        """The same command, with the main account's key, this exchange and this database.

        It reads USDⓈ-M alone unless the test names other markets, so that what it reads and costs is counted easily.
        """
        own = {
            "FORCE_ORDERS_MARKETS": "usdm",
            "FORCE_ORDERS_BASE_URL": simulator.url,
            "FORCE_ORDERS_DATABASE_URL": database_url,
            "BINANCE_API_KEY": DEMO_KEY,
            "BINANCE_API_SECRET": DEMO_SECRET,
        }
        return Command(self.directory, self.environment | own | environment)
