"""Pings to the service behind the dead man's switch: their URLs, and what is said when one fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.errors import ConfigError, ExitCode
from etl.notifications import ping
from etl.notifications.ping import ping_end, ping_start, ping_url
from etl.settings.model import Settings
from tests.acceptance.listening import Listener, listening

TOKEN = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278"


def settings_of(directory: Path, url: str) -> Settings:
    file = directory / "ping.url"
    file.write_text(f"{url}\n")
    file.chmod(0o600)
    return Settings(ping_url_file=file)


@pytest.fixture
def service() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


@pytest.mark.parametrize(
    ("url", "suffix", "pinged"),
    [
        (f"https://hc-ping.com/{TOKEN}", "", f"https://hc-ping.com/{TOKEN}"),
        (f"https://hc-ping.com/{TOKEN}/", "start", f"https://hc-ping.com/{TOKEN}/start"),
        ("https://hc-ping.com/key/nightly?create=1", "3", "https://hc-ping.com/key/nightly/3?create=1"),
        ("http://127.0.0.1:8000/ping", "start", "http://127.0.0.1:8000/ping/start"),
        ("http://localhost/ping", "", "http://localhost/ping"),
    ],
)
def test_what_is_pinged(tmp_path: Path, url: str, suffix: str, pinged: str) -> None:
    assert ping_url(settings_of(tmp_path, url), suffix) == pinged


@pytest.mark.parametrize(
    "url",
    ["", TOKEN, f"http://hc-ping.com/{TOKEN}", f"ftp://127.0.0.1/{TOKEN}", f"https://[{TOKEN}", f"https://a b/{TOKEN}"],
)
def test_another_url_is_refused_and_not_shown(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        ping_url(settings_of(tmp_path, url), "")
    assert TOKEN not in str(refused.value)
    complaint = ping_start(settings_of(tmp_path, url))
    assert complaint is not None
    assert complaint.startswith("no ping was sent: ping_url_file: ")


def test_a_start_a_success_and_each_failure_have_a_path_of_their_own(tmp_path: Path, service: Listener) -> None:
    own = settings_of(tmp_path, f"http://127.0.0.1:{service.port}/{TOKEN}")
    assert [ping_start(own), *(ping_end(own, code) for code in ExitCode)] == [None] * (1 + len(ExitCode))
    assert service.paths == [f"/{TOKEN}{suffix}" for suffix in ("/start", "", "/1", "/2", "/3", "/4", "/5")]


def test_without_the_setting_nothing_is_pinged() -> None:
    assert (ping_start(Settings()), ping_end(Settings(), 1)) == (None, None)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    complaint = ping_start(Settings(ping_url_file=tmp_path / "none"))
    assert complaint is not None
    assert "cannot be read" in complaint


@pytest.mark.parametrize(
    ("status", "said"), [(404, "it answered with HTTP 404"), (302, "it answered with HTTP 302"), (200, None)]
)
def test_what_the_service_answers_is_said_without_the_url(tmp_path: Path, status: int, said: str | None) -> None:
    with listening(status) as service:
        complaint = ping_start(settings_of(tmp_path, f"http://127.0.0.1:{service.port}/{TOKEN}"))
    assert complaint == (said and f"no ping was sent: {said}")


def test_a_service_that_cannot_be_reached_is_said_without_the_url(tmp_path: Path) -> None:
    complaint = ping_start(settings_of(tmp_path, f"http://127.0.0.1:1/{TOKEN}"))
    assert complaint == "no ping was sent: the service cannot be reached (ConnectionError)"


def test_a_service_that_hangs_costs_no_more_than_the_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ping, "TIMEOUT_S", 0.2)
    with listening(silent=True) as service:
        complaint = ping_start(settings_of(tmp_path, f"http://127.0.0.1:{service.port}/"))
    assert complaint is not None
    assert complaint.startswith("no ping was sent: ")


def test_a_proxy_is_not_told_of_a_loopback_address(
    tmp_path: Path, service: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert ping_start(settings_of(tmp_path, f"http://127.0.0.1:{service.port}/")) is None
