"""The dead man's switch: tells a monitoring service that a run began and how it ended, so that silence is noticed.

It speaks the protocol of healthchecks.io: URL/start, URL after a success, URL/EXIT-CODE after anything else. The URL is
a secret, since who knows it can report a success: it is never shown.
"""

import ipaddress
from threading import Thread
from urllib.parse import urlsplit, urlunsplit

import requests

from etl.accounts.secret_files import read_secret_text
from etl.errors import ConfigError, ExitCode
from etl.settings.model import Settings

TIMEOUT_S = 5.0
"""Seconds that a ping may take, whatever hangs."""

_SETTING = "ping_url_file"


def ping_start(settings: Settings) -> str | None:
    """Say that a run begins. Returns a complaint if that failed, and raises nothing.

    Without the setting it does nothing.
    """
    return _ping(settings, "start")


def ping_end(settings: Settings, exit_code: int) -> str | None:
    """Say how a run ended, as `ping_start` does.

    Nothing is said of a run that a signal stopped: it is no failure, and if no other makes up for it, the service
    notices that no end follows the start.
    """
    return None if exit_code == ExitCode.STOPPED else _ping(settings, str(int(exit_code)) if exit_code else "")


def ping_url(settings: Settings, suffix: str) -> str:
    """The URL of the file with a suffix to its path; raises ConfigError, without the URL."""
    assert settings.ping_url_file is not None  # noqa: S101 – the caller has looked
    url = read_secret_text(_SETTING, settings.ping_url_file).strip()
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        raise ConfigError(f"{_SETTING}: the file contains no URL") from None
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigError(f"{_SETTING}: the file contains no URL")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ConfigError(f"{_SETTING}: the URL must begin with https://; http is for a loopback address only")
    path = f"{parts.path.rstrip('/')}/{suffix}" if suffix else parts.path
    return urlunsplit(parts._replace(path=path, fragment=""))


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ping(settings: Settings, suffix: str) -> str | None:
    if settings.ping_url_file is None:
        return None
    try:
        url = ping_url(settings, suffix)
    except ConfigError as error:
        return f"no ping was sent: {error}"
    faults = [f"it did not answer within {TIMEOUT_S:g} s"]
    thread = Thread(target=lambda: faults.append(_sent(url)), daemon=True)
    thread.start()
    thread.join(TIMEOUT_S)
    return f"no ping was sent: {faults[-1]}" if faults[-1] else None


def _sent(url: str) -> str:
    """What went wrong; empty if nothing did. The library's own words quote the URL."""
    try:
        with requests.Session() as session:
            session.trust_env = urlsplit(url).scheme == "https"  # no proxy in front of a loopback address
            with session.get(url, timeout=TIMEOUT_S, allow_redirects=False, stream=True) as answer:
                return "" if answer.status_code < 300 else f"it answered with HTTP {answer.status_code}"
    except Exception as error:
        return f"the service cannot be reached ({type(error).__name__})"
