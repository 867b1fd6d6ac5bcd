"""The files of a statement: whole, where a link or a pipe leads, without a secret, and clean in a browser."""

import json
import os
import threading
from pathlib import Path

import pytest

from tests.acceptance.browsing import Browser, chromium
from tests.acceptance.endings import assert_one_line
from tests.acceptance.exporting import exporting
from tests.acceptance.lab import ask
from tests.acceptance.stating import AUGUST, quarantine, told
from tests.command import Command

LETTERS = "PQDHNBUF-"


@pytest.fixture
def state(command: Command, writer_url: str) -> Command:
    return exporting(command, writer_url)


def test_it_names_no_secret_no_path_and_no_address(state: Command, database_url: str, writer_url: str) -> None:
    ask(database_url)
    (state.directory / "deep").mkdir()
    (state.directory / "deep" / "orders.csv").write_text("x")
    keys = {"BINANCE_API_KEY": "k" * 64, "BINANCE_API_SECRET": "s" * 64}
    code, said, page, text = told(state, *AUGUST, "--export", str(state.directory / "deep/orders.csv"), **keys)
    for shown in (json.dumps(said), page, text):
        for secret in (str(state.directory), "deep", "pa55word", "k" * 64, "s" * 64, "postgresql://", "fo_writer"):
            assert secret not in shown
    assert code == 0


def test_a_file_is_replaced_through_a_link_and_a_device_stays(state: Command, database_url: str) -> None:
    ask(database_url)
    (state.directory / "target").write_text("older")
    (state.directory / "link.json").symlink_to("target")
    (state.directory / "null.html").symlink_to("/dev/null")
    assert state("statement", *AUGUST, "--out", "link.json", "--out", "null.html").returncode == 0
    assert (state.directory / "link.json").is_symlink()
    assert json.loads((state.directory / "target").read_text())["complete"] is True
    assert Path("/dev/null").is_char_device()
    (state.directory / "full.html").symlink_to("/dev/full")
    failed = state("statement", *AUGUST, "--out", "full.html")
    assert_one_line(failed, 1, "full.html cannot be written: No space left on device")


def test_a_pipe_gets_the_bytes(state: Command, database_url: str) -> None:
    ask(database_url)
    pipe, read = state.directory / "pipe.json", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    assert state("statement", *AUGUST, "--out", "pipe.json").returncode == 0
    reader.join(30)
    assert json.loads(read[0])["complete"] is True


@pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")
def test_a_browser_has_nothing_to_complain_about(state: Command, database_url: str, tmp_path: Path) -> None:
    for account in ("main", "<b>desk</b>"):
        ask(database_url, account=account)
    quarantine(database_url)
    _, said, _, _ = told(state, "--from", "2026-01-01", "--until", "2026-12-31")
    program = chromium()
    assert program is not None
    with Browser(program, tmp_path / "profile", width=500) as browser:
        browser.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
        browser.open(f"file://{state.directory}/s.html")
        assert browser.complaints() == []
        assert len(browser.requests()) == 1
        assert browser.value("document.documentElement.scrollWidth") == 390
        for calendar in said["calendar"]:
            letters = browser.value(
                f"[...document.querySelectorAll('.calendar')].find(one => one.caption.textContent.startsWith("
                f"{json.dumps(calendar['account'])})).tBodies[0].innerText"
            )
            assert len([sign for sign in letters if sign in LETTERS]) == 365 + 12, "a letter a day, and a dash a month"
        background = browser.value("getComputedStyle(document.querySelector('td.quarantined')).backgroundColor")
        assert background != "rgba(0, 0, 0, 0)", "the policy lets its own style through"
