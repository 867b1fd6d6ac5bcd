"""Sends a message to all notification channels of the settings, within a bounded time."""

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from etl.accounts.secret_files import read_secret_text
from etl.child_environment import child_environment
from etl.errors import ConfigError
from etl.notifications import delivery
from etl.notifications.message import Message, message_of
from etl.notifications.summary import NotificationSummary
from etl.settings.model import Settings
from etl.settings.secret import SecretStr

STARTUP_S = 10
"""Seconds that Apprise may take to load its plugins, before the channels' own time begins."""

_SETTING = "notify_urls_file"

PASSED_ON = frozenset(
    (
        *("PYTHONPATH", "PYTHONHOME", "LANG", "LC_ALL", "SYSTEMROOT"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
        *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "DISPLAY"),
    )
)
"""Variables that Apprise gets: how to load it, how to reach the network, and the desktop for its notifications."""


@dataclass(frozen=True)
class Channel:
    """An Apprise URL. Its name shows the number of the URL in the file and its scheme; the rest is secret."""

    number: int
    url: SecretStr

    @property
    def name(self) -> str:
        scheme = re.match(r"([a-z][a-z0-9]{0,14})://", self.url.get_secret_value(), re.IGNORECASE)
        return f"channel {self.number}" + (f" ({scheme[1].lower()})" if scheme else "")


@dataclass(frozen=True)
class DeliveryResult:
    """Whether a channel took the message; `fault` says why not."""

    channel: Channel
    fault: str | None


def notify(settings: Settings, summary: NotificationSummary) -> list[str]:
    """Send the settings' channels a message if the summary calls for one; a line for each channel that failed.

    Waits `notify_timeout_seconds`, and up to 10 s more for Apprise to start. Raises nothing: a failing channel never
    changes how a run ends. Settings that cannot work are reported even if there is nothing to send.
    """
    if settings.notify_urls_file is None:
        return []
    try:
        channels = read_channels(settings)
        message = message_of(summary, settings.notify_about, settings.notify_gap_days)
        results = [] if message is None else send(channels, message, settings.notify_timeout_seconds)
    except ConfigError as error:
        return [f"notifications cannot be sent: {error}"]
    except Exception as error:  # its text may hold a URL
        return [f"no notification was sent: this should not happen ({type(error).__name__})"]
    return [f"{one.channel.name} was not notified: {one.fault}" for one in results if one.fault]


def read_channels(settings: Settings) -> list[Channel]:
    """The channels in `notify_urls_file`; raises ConfigError if there is none, or if Apprise is not installed."""
    if settings.notify_urls_file is None:
        raise ConfigError(f"no channel: set {_SETTING}; 'force-orders config example' explains it")
    lines = read_secret_text(_SETTING, settings.notify_urls_file).splitlines()
    urls = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not urls:
        raise ConfigError(f"{_SETTING}: the file contains no URL")
    if importlib.util.find_spec("apprise") is None:
        raise ConfigError("notifications need Apprise: pip install 'force-orders-etl[notify]'")
    return [Channel(number, SecretStr(url)) for number, url in enumerate(urls, 1)]


def send(channels: Sequence[Channel], message: Message, seconds: float) -> list[DeliveryResult]:
    """Send to all channels at once and wait so many seconds; raises ConfigError if Apprise does not start."""
    request = delivery.DeliveryRequest(
        urls=[channel.url.get_secret_value() for channel in channels],
        severity=message.severity,
        title=message.title,
        body=message.body,
        seconds=seconds,
    )
    answers = _run_delivery(request)
    late = f"it did not answer within {seconds:g} s"
    return [DeliveryResult(channel, answers.get(channel.number, late)) for channel in channels]


def _run_delivery(request: delivery.DeliveryRequest) -> dict[int, str | None]:
    """What went wrong, by the channel's number; None: nothing. Channels that did not answer are missing."""
    with subprocess.Popen(  # noqa: S603 - our own program, by its path
        [sys.executable, "-P", "-W", "ignore", delivery.__file__],
        env=child_environment(*PASSED_ON),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            output, _ = process.communicate(json.dumps(request).encode(), request["seconds"] + STARTUP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        finally:
            process.kill()
            process.wait()
    if process.returncode > 0:
        raise ConfigError("Apprise does not start; run 'apprise --version' to see why")
    lines = output.decode(errors="replace").splitlines(keepends=True)
    return dict(json.loads(line) for line in lines if line.endswith("\n"))
