"""config/force-orders.toml names every setting as it is, and is a settings file once its signs are taken away."""

import os
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from etl.settings.loading import PREFIX, load
from etl.settings.model import AccountKeys, Settings

EXAMPLE = (Path(__file__).resolve().parents[2] / "config" / "force-orders.toml").read_text(encoding="utf-8")
UNCOMMENTED = re.sub(r"^#(?=\S)", "", EXAMPLE, flags=re.MULTILINE)

FOR_EXAMPLE = {
    "database_url",
    "data_dir",
    "weight_budget",
    "egress",
    "dapi_base_url",
    "papi_base_url",
    "sapi_base_url",
    "notify_urls_file",
    "ping_url_file",
    "accounts_dir",
    "accounts",
    "backup_dir",
}
"""Settings without a default that could stand in a file."""


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and nothing of ours in the environment."""
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def values(settings: Settings) -> dict[str, Any]:
    return {one.name: getattr(settings, one.name) for one in fields(settings) if one.name not in FOR_EXAMPLE}


def shown() -> dict[str, Any]:
    return tomllib.loads(UNCOMMENTED)


def test_as_it_is_it_changes_nothing() -> None:
    assert tomllib.loads(EXAMPLE) == {}


def test_it_names_every_setting() -> None:
    assert set(shown()) == {one.name for one in fields(Settings)}


def test_it_shows_the_defaults() -> None:
    defaults = {name: [*value] if isinstance(value, tuple) else value for name, value in values(load()).items()}
    defaults["markets"] = defaults["markets"] or "auto"
    assert {name: value for name, value in shown().items() if name not in FOR_EXAMPLE} == defaults


def test_it_shows_every_way_to_name_a_key() -> None:
    ways = {way for account in shown()["accounts"].values() for way in account}
    assert ways == {one.name for one in fields(AccountKeys)}


def test_uncommented_it_loads(directory: Path) -> None:
    file = directory / "all.toml"
    accounts = directory / "accounts"
    accounts.mkdir()
    file.write_text(UNCOMMENTED.replace("/etc/force-orders/accounts", str(accounts)), encoding="utf-8")
    assert values(load(file)) == values(load())


@pytest.mark.parametrize("name", sorted({one.name for one in fields(Settings)} - {"accounts"}))
def test_each_setting_is_explained_with_its_variable(name: str) -> None:
    above = EXAMPLE.partition(f"\n#{name} = ")[0].rpartition("\n\n")[2]
    assert re.search(rf"\b{PREFIX}{name.upper()}\b", above)
