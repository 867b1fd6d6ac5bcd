"""`~` in every variable that names a file, and a user who has no home directory."""

from pathlib import Path

import pytest

from etl.accounts.key_sources import PrivateKeyFile, SecretFile, source_of_variables
from etl.errors import ConfigError
from etl.file_access import DATA_OF_ROOT, NOWHERE
from etl.settings.loading import settings_file
from etl.settings.model import Settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("secret", ["BINANCE_API_SECRET_FILE", "BINANCE_API_PRIVATE_KEY_FILE"])
def test_a_key_file_may_be_in_the_home_directory(home: Path, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_KEY_FILE", "~/the.key")
    monkeypatch.setenv(secret, "~/the.secret")
    found = source_of_variables()
    assert found is not None
    assert found.key == SecretFile(home / "the.key", "BINANCE_API_KEY_FILE")
    kind = PrivateKeyFile if "PRIVATE" in secret else SecretFile
    assert found.secret == kind(home / "the.secret", secret)


def test_so_may_the_settings_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "own.toml").touch()
    assert settings_file(Path("~/own.toml")) == home / "own.toml"
    monkeypatch.setenv("FORCE_ORDERS_CONFIG", "~/own.toml")
    assert settings_file(None) == home / "own.toml"
    with pytest.raises(ConfigError, match=r"there is no settings file ~nobody-of-this-name/own\.toml"):
        settings_file(Path("~nobody-of-this-name/own.toml"))


@pytest.mark.parametrize(("as_root", "expected"), [(True, DATA_OF_ROOT), (False, NOWHERE)])
def test_without_one_the_settings_are_made_all_the_same(
    as_root: bool, expected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object, **__: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("platformdirs.user_data_path", unknown)
    monkeypatch.setattr("etl.settings.model.is_root", lambda: as_root)
    assert Settings().data_dir == expected
