"""A simulator with many accounts, their keys, and long-running commands as processes that end with the test."""

import json
import signal
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from etl.simulator.accounts import Account
from tests.acceptance.lab import Lab
from tests.forking import Process


def with_keys(lab: Lab, accounts: list[Account], **settings: object) -> Lab:
    """The lab whose command knows these accounts, from a directory of files, and the key of none other."""
    directory = lab.command.directory / "accounts"
    directory.mkdir()
    keys: dict[str, str] = {}
    for number, one in enumerate(accounts):
        keys |= {f"KEY_{number}": one.key, f"SECRET_{number}": one.secret}
        (directory / f"{one.name}.toml").write_text(
            f'api_key_variable = "KEY_{number}"\napi_secret_variable = "SECRET_{number}"\n'
        )
    written = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    (lab.command.directory / "force-orders.toml").write_text(f'accounts_dir = "accounts"\n{written}')
    for name in ("BINANCE_API_KEY", "BINANCE_API_SECRET"):
        lab.command.environment.pop(name, None)
    lab.command.environment.update(keys)
    return lab


def history_of(lab: Lab, account: str) -> dict[tuple[str, int], dict[str, Any]]:
    """Every order that the simulator has of an account."""
    said = requests.get(f"{lab.simulator.url}/sim/history", params={"account": account}, timeout=30).content
    return {(row["symbol"], row["orderId"]): row for row in json.loads(said, parse_float=Decimal)}


@dataclass
class Staying:
    """Commands that run until they are stopped, with their output in files."""

    directory: Path
    running: ExitStack
    started: list[Process] = field(default_factory=list)

    def __call__(self, lab: Lab, *words: str, **environment: str) -> Process:
        number = len(self.started)
        out, err = (
            self.running.enter_context((self.directory / f"{number}.{end}").open("wb")) for end in ("out", "err")
        )
        process = lab.command.into(out.fileno(), err.fileno(), *words, **environment)
        self.started.append(process)
        self.running.callback(process.wait)
        self.running.callback(process.kill)
        return process

    def said(self, process: Process) -> tuple[str, str]:
        """What a process has printed so far to stdout and stderr."""
        number = self.started.index(process)
        out, err = ((self.directory / f"{number}.{end}").read_text(encoding="utf-8") for end in ("out", "err"))
        return out, err

    def stop(self, process: Process, number: int = signal.SIGTERM) -> int:
        """Sends a signal and returns the exit code, after 0.3 s, or 3 s if twelve processes share two cores."""
        process.send_signal(number)
        return process.wait(20)
