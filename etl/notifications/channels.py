"""The channels that somebody named, and the sending of a message to all of them: in a bounded time, in silence."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from etl.accounts.secret_files import read_secret_text
from etl.errors import ConfigError
from etl.notifications import delivery
from etl.notifications.message import Message, message_of
from etl.notifications.summary import Digest
from etl.settings.model import Settings
from etl.settings.secret import SecretStr

LOADING = 10
"""Seconds that Apprise may take to load its plugins, before the channels' own time begins."""

_SETTING = "notify_urls_file"


@dataclass(frozen=True)
class Channel:
    """Where messages go. Its name shows the number of the URL in the file and its scheme, nothing else."""

    number: int
    url: SecretStr

    @property
    def name(self) -> str:
        scheme = re.match(r"([a-z][a-z0-9]{0,14})://", self.url.get_secret_value(), re.IGNORECASE)
        return f"channel {self.number}" + (f" ({scheme[1].lower()})" if scheme else "")


@dataclass(frozen=True)
class Delivery:
    """What became of a message at one channel."""

    channel: Channel
    fault: str | None


def notify(settings: Settings, digest: Digest) -> list[str]:
    """Tell the channels of the settings what is worth saying of a night; a line for each that was not reached.

    Waits `notify_timeout_seconds` at most, and not much longer. Raises nothing: a night is what it is, whoever hears of
    it. Settings that can reach nobody are told of even when there is nothing to say.
    """
    if settings.notify_urls_file is None:
        return []
    try:
        channels = read_channels(settings)
        message = message_of(digest, settings.notify_about, settings.notify_gap_days)
        deliveries = [] if message is None else send(channels, message, settings.notify_timeout_seconds)
    except ConfigError as error:
        return [f"nobody can be notified: {error}"]
    except Exception as error:  # its text may hold a URL
        return [f"nobody was notified: this should not happen ({type(error).__name__})"]
    return [f"{one.channel.name} was not notified: {one.fault}" for one in deliveries if one.fault]


def read_channels(settings: Settings) -> list[Channel]:
    """Those of `notify_urls_file`; raises ConfigError where there is none, or no Apprise to reach it by."""
    if settings.notify_urls_file is None:
        raise ConfigError(f"no channel: set {_SETTING}; 'force-orders config example' explains it")
    lines = read_secret_text(_SETTING, settings.notify_urls_file).splitlines()
    urls = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not urls:
        raise ConfigError(f"{_SETTING}: there is no URL in the file")
    if importlib.util.find_spec("apprise") is None:
        raise ConfigError("notifications need Apprise: pip install 'force-orders-etl[notify]'")
    return [Channel(number, SecretStr(url)) for number, url in enumerate(urls, 1)]


def send(channels: Sequence[Channel], message: Message, seconds: float) -> list[Delivery]:
    """To all at once; who has not taken it after so many seconds is given up."""
    errand = delivery.Errand(
        urls=[channel.url.get_secret_value() for channel in channels],
        gravity=message.gravity,
        title=message.title,
        body=message.body,
        seconds=seconds,
    )
    answers = _run_courier(errand)
    late = f"it did not answer within {seconds:g} s"
    return [Delivery(channel, answers.get(channel.number, late)) for channel in channels]


def _run_courier(errand: delivery.Errand) -> dict[int, str | None]:
    """What went wrong, by the number of the channel; None: nothing. Who has not answered is missing."""
    with subprocess.Popen(  # noqa: S603 - our own program, by its path
        [sys.executable, "-P", "-W", "ignore", delivery.__file__],
        env={name: value for name, value in os.environ.items() if not name.startswith(("BINANCE_", "FORCE_ORDERS_"))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            told, _ = process.communicate(json.dumps(errand).encode(), errand["seconds"] + LOADING)
        except subprocess.TimeoutExpired:
            process.kill()
            told, _ = process.communicate()
        finally:
            process.kill()
            process.wait()
    if process.returncode > 0:
        raise ConfigError("Apprise does not start; see what 'apprise --version' says")
    lines = told.decode(errors="replace").splitlines(keepends=True)
    return dict(json.loads(line) for line in lines if line.endswith("\n"))
