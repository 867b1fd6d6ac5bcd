"""However the command is started: from any directory, by any user, with any stream closed, in any locale."""

import codecs
import locale
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.lab import Labs, assert_table_equals_history
from tests.combining import few_of
from tests.command import Command
from tests.environment import bare_environment
from tests.forking import Process

STDIN, STDOUT, STDERR = 0, 1, 2
ALONE_AND_TOGETHER = ((STDOUT,), (STDERR,), (STDIN, STDOUT, STDERR))
CLOSED = "force-orders: the output cannot be written: stdout is closed\n"

SOURCES = Path("/usr/share/i18n")
"""Where glibc has what locales are made of."""

NOBODY, NAMELESS = 65534, 54_321
AS_ROOT = os.geteuid() == 0


def with_closed(command: Command, closed: tuple[int, ...], *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command without these descriptors, to its end."""
    closing = " ".join(f"{number}>&-" for number in closed)
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {closing}', "sh", *command.words(*words)],
        cwd=command.directory,
        env=command.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "closed",
    [
        pytest.param(some, id="".join(map(str, some)), marks=[] if some in ALONE_AND_TOGETHER else pytest.mark.slow)
        for count in (1, 2, 3)
        for some in combinations((STDIN, STDOUT, STDERR), count)
    ],
)
def test_any_stream_may_be_closed(lab: Labs, closed: tuple[int, ...]) -> None:
    quiet = lab()
    done = with_closed(quiet.command, closed, "backfill")
    assert (done.returncode, quiet.last_run()["status"]) == (0, "succeeded")
    assert_table_equals_history(quiet)
    assert done.stdout.startswith("" if STDOUT in closed else "backfill succeeded in ")
    assert done.stderr == (CLOSED if STDOUT in closed and STDERR not in closed else "")
    for words in ("status", "report --html -", "export --format csv --out -", "--help"):
        shown = with_closed(quiet.command, closed, *words.split())
        assert (words, shown.returncode) == (words, 1 if STDOUT in closed else 0)
        assert "force-orders: " not in shown.stdout, "no message takes the way of a result"


FEW = ("ISO-8859-1", "UTF-8", "EUC-JP")
"""Encodings of the ordinary run: of one byte, of all characters, of several bytes."""


LANGUAGES = (
    *("de_DE", "de_CH", "fr_FR", "sv_SE", "da_DK", "cs_CZ", "hu_HU", "tr_TR", "az_AZ", "lt_LT", "el_GR", "ru_RU"),
    *("he_IL", "ar_EG", "fa_IR", "hi_IN", "bn_BD", "th_TH", "my_MM", "am_ET", "ja_JP", "ko_KR", "vi_VN", "en_IN"),
)
"""With decimal commas, groups of two and four digits, other digits, calendars, cases and orders of letters."""


def locales() -> dict[str, list[str]]:
    """The locales of this machine's C library by encoding, as far as Python knows it; none without their sources."""
    listed = SOURCES / "SUPPORTED"
    lines = listed.read_text().splitlines() if listed.is_file() and shutil.which("localedef") else []
    by_charset: dict[str, list[str]] = {}
    for name, charset in (line.split() for line in lines if len(line.split()) == 2):
        if is_known(charset):
            by_charset.setdefault(charset, []).append(name)
    return by_charset


def some_or_all() -> list[Any]:
    """The encodings; all but a few are slow."""
    return [pytest.param(one, marks=[] if one in FEW else pytest.mark.slow) for one in sorted(locales())]


def is_known(charset: str) -> bool:
    with suppress(LookupError):
        return bool(codecs.lookup(charset))
    return False


TEXT = "BTC币 → ü USDT"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("locales")


def make_locale(source: str, charset: str, target: Path) -> None:
    making = ["localedef", "--force", "-i", source, "-f", charset, str(target)]
    assert subprocess.run(making, capture_output=True, check=False).returncode in (0, 1), "warnings are no failure"


@pytest.mark.skipif(not locales(), reason="no locales can be made here")
@pytest.mark.parametrize("charset", some_or_all())
def test_every_encoding_shows_every_text(charset: str, made: Path, command: Command, database_url: str) -> None:
    make_locale("POSIX", charset, made / charset)
    chosen = {"LOCPATH": str(made), "LC_ALL": charset, "PYTHONUTF8": "0"}
    shown = subprocess.run(
        command.words("db", "query", r"SELECT U&'BTC\5E01 \2192 \00FC USDT' AS text"),
        env=command.environment | {"FORCE_ORDERS_DATABASE_URL": database_url} | chosen,
        cwd=command.directory, capture_output=True, encoding=charset, timeout=120, check=False,
    )  # fmt: skip
    expected = TEXT if charset == "UTF-8" else TEXT.encode(charset, "replace").decode(charset)
    assert (shown.returncode, shown.stderr, shown.stdout.splitlines()[-1].rstrip()) == (0, "", expected)


@pytest.mark.slow
@pytest.mark.skipif(not locales(), reason="no locales can be made here")
def test_no_language_changes_a_result(made: Path, command: Command, database_url: str) -> None:
    """As in a program that asks for the user's language; the command itself does not."""
    query = "SELECT 1234567.5 AS number, date '2026-02-03' AS day, 'i' < 'I' AS sorted, upper('i') AS upper"
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        [*threads.map(lambda name: make_locale(name, "UTF-8", made / f"{name}.UTF-8"), LANGUAGES)]
    said: dict[str, list[str]] = {}
    for name in LANGUAGES:
        environment = command.environment | {"FORCE_ORDERS_DATABASE_URL": database_url, "LOCPATH": str(made)}
        prepare = ("locale:setlocale", [locale.LC_ALL, f"{name}.UTF-8"])
        done = Process(["db", "query", query], command.directory, environment, prepare=prepare).end()
        assert (name, done.returncode, done.stderr) == (name, 0, "")
        said.setdefault(done.stdout, []).append(name)
    assert len(said) == 1, said


@pytest.mark.parametrize(
    "words", few_of(["status --check", "report", "accounts list", "config example", "db revisions"], 2)
)
def test_no_command_fails_where_the_locale_has_ascii_only(lab: Labs, words: str) -> None:
    plain = lab()
    assert plain("backfill", "--since", "20d").returncode == 0
    shown = plain.command.cold(*words.split(), LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.isascii()
    assert "?" in shown.stdout or words != "db revisions"


def as_user(uid: int, directory: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command as another user, whose environment this is besides the bare one."""
    bare = {name: value for name, value in bare_environment(directory).items() if name != "HOME"}
    return Process(words, directory, bare | environment, prepare=("os:setuid", [uid])).end()


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A directory that only root may enter, with a settings file that nobody else may read."""
    directory = tmp_path / "closed"
    directory.mkdir(mode=0o700)
    (directory / "force-orders.toml").write_text("weight_budget = 100\n")
    return directory


@pytest.mark.skipif(not AS_ROOT, reason="only root becomes another user")
class TestAsAnotherUser:
    def test_a_directory_that_the_user_may_not_enter_has_no_settings_file(self, closed: Path) -> None:
        shown = as_user(NOBODY, closed, "config", "show", HOME="/nonexistent")
        assert (shown.returncode, shown.stderr) == (0, "")
        assert re.search(r"weight_budget +– +default", shown.stdout)

    def test_what_it_names_and_may_not_read_is_said(self, closed: Path, tmp_path: Path) -> None:
        named = closed / "force-orders.toml"
        for words in (["--config", str(named), "status"], ["db", "restore", str(named)], ["db", "stop"]):
            refused = as_user(NOBODY, tmp_path, *words, FORCE_ORDERS_DATA_DIR=str(closed / "data"), HOME="/nonexistent")
            assert refused.returncode in (2, 5), refused.stderr
            assert len(refused.stderr.splitlines()) == 1
            assert "should not happen" not in refused.stderr

    def test_a_nameless_user_without_a_home_gets_as_far_as_its_own_server(self, tmp_path: Path) -> None:
        keys = {"BINANCE_API_KEY": "key", "BINANCE_API_SECRET": "secret"}
        for words in ("config show", "status", "sync"):
            done = as_user(
                NAMELESS, tmp_path, *words.split(), FORCE_ORDERS_DATABASE_URL="postgresql://me@127.0.0.1:1/db", **keys
            )
            refused = (5, True) if words != "config show" else (0, False)
            assert (done.returncode, "Connection refused" in done.stderr) == refused, done.stderr

    def test_without_a_server_it_is_told_what_is_missing(self, tmp_path: Path) -> None:
        refused = as_user(NAMELESS, tmp_path, "status")
        assert (refused.returncode, "FORCE_ORDERS_DATA_DIR" in refused.stderr) == (2, True)
        (tmp_path / "data").mkdir()
        (tmp_path / "data").chmod(0o777)
        refused = as_user(NAMELESS, tmp_path, "status", FORCE_ORDERS_DATA_DIR=str(tmp_path / "data"))
        assert refused.returncode == 5
        assert f"could not look up effective user ID {NAMELESS}" in refused.stderr
