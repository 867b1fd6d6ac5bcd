"""Takes a message to channels through Apprise: a program of its own, of which nothing but our own words comes back.

The plugins behind the channels log, warn and print as they like, URLs with their tokens included; some wait without end
or leave threads behind. All of that stays in this process and ends with it.

Reads one JSON object from stdin, an `DeliveryRequest`; writes a line [number of the channel from 1, what went wrong or null] to
stdout for each channel that is done. Imports nothing of ours, so that it runs by the path of this file.
"""

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from threading import Lock, Thread
from typing import TYPE_CHECKING, TextIO, TypedDict

if TYPE_CHECKING:
    from apprise import AppriseResult, NotifyBase


class DeliveryRequest(TypedDict):
    """A message, where to take it, and how many seconds to wait for those who take it."""

    urls: list[str]
    severity: str
    title: str
    body: str
    seconds: float


UNREADABLE = "Apprise can make nothing of its URL, or lacks a package for it; see https://appriseit.com/services"


def main() -> None:
    answers = _only_answers_on_stdout()
    request: DeliveryRequest = json.load(sys.stdin)
    _carry(request, answers)
    os._exit(0)  # whatever still waits is left behind


def _only_answers_on_stdout() -> TextIO:
    """A stream to where stdout led; what others print there goes nowhere from now on."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return answers


def _carry(request: DeliveryRequest, answers: TextIO) -> None:
    """To all channels at once; each answer is written as it comes."""
    writing = Lock()

    def take(number: int, channel: "NotifyBase | None") -> None:
        fault = _fault(channel, request)
        with writing:
            answers.write(json.dumps([number, fault]) + "\n")
            answers.flush()

    channels = list(_channels(request["urls"]))
    deadline = time.monotonic() + request["seconds"]
    ways = [Thread(target=take, args=(number, one), daemon=True) for number, one in enumerate(channels, 1)]
    for way in ways:
        way.start()
    for way in ways:
        way.join(max(0, deadline - time.monotonic()))
    writing.acquire()  # nobody is left in the middle of a line


def _channels(urls: list[str]) -> "Iterator[NotifyBase | None]":
    """None where Apprise does not understand the URL. A message that is too long for a channel loses its end."""
    from apprise import Apprise, AppriseAsset, OverflowMode

    # Without a limit of its own Apprise sends in our thread, not in a pool that is waited for at the end.
    asset = AppriseAsset(service_timeout=0, app_id="force-orders", app_desc="force-orders")
    for url in urls:
        channel = Apprise.instantiate(url, asset=asset)
        if channel is not None and channel.overflow_mode is OverflowMode.UPSTREAM:
            channel.overflow_mode = OverflowMode.TRUNCATE
        yield channel


def _fault(channel: "NotifyBase | None", request: DeliveryRequest) -> str | None:
    from apprise import Apprise, NotifyFormat

    if channel is None:
        return UNREADABLE
    try:
        result = Apprise(channel, asset=channel.asset).notify(
            request["body"], request["title"], request["severity"], body_format=NotifyFormat.TEXT
        )
    except Exception as error:
        return f"Apprise failed ({type(error).__name__})"
    return None if result else _reason(result)


def _reason(result: "AppriseResult") -> str:
    """Why a channel did not take the message, without a word of what the plugin logged: that may hold a token."""
    logged = " ".join(entry.message for entry in result.logs())
    if status := re.search(r"\berror=([3-5]\d\d)\b", logged):
        return f"it answered with HTTP {status[1]}"
    return "it cannot be reached" if "onnection error" in logged else "it did not take the message"


if __name__ == "__main__":
    main()
