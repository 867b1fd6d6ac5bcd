"""What several unit tests start from."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.unit.connecting import Connecting
from tests.unit.keyfiles import ACCOUNTS, KEY, PEM, SECRET, private


@pytest.fixture
def connect() -> Iterator[Connecting]:
    """Starts simulators and connects to them, until the test ends: `connect(*faults, switches={…}, …)`."""
    with ExitStack() as running:
        yield Connecting(running)


@pytest.fixture
def bare_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and nothing of ours in the environment."""
    for name in os.environ:
        if name.upper().startswith(("FORCE_ORDERS_", "BINANCE_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def main_account(bare_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account `main`, by its variables."""
    monkeypatch.setenv("BINANCE_API_KEY", KEY)
    monkeypatch.setenv("BINANCE_API_SECRET", SECRET)


@pytest.fixture
def two_accounts(bare_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The accounts `desk` and `fund`, by a settings file."""
    private("force-orders.toml", ACCOUNTS)
    private("desk.key", KEY + "\n")
    private("fund.pem", PEM)
    monkeypatch.setenv("DESK_SECRET", SECRET)
    monkeypatch.setenv("FUND_KEY", "fund-key")


@pytest.fixture
def accounts_dir(bare_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory that the settings name."""
    made = bare_directory / "accounts"
    made.mkdir()
    monkeypatch.setenv("FORCE_ORDERS_ACCOUNTS_DIR", str(made))
    return made
