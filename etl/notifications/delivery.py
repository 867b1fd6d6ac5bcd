"""Delivers a message through Apprise, as a program of its own whose output contains only our own words.

Apprise's plugins log and print URLs with their tokens; some never return or leave threads behind. All of that stays in
this process and ends with it.

Reads one `DeliveryRequest` as JSON from stdin. Writes a line [number of the channel from 1, fault or null] to stdout
for each channel that is done. Imports nothing of ours, so that it can run by the path of this file.
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
    """A message, the URLs of its channels, and how many seconds to wait for them."""

    urls: list[str]
    severity: str
    title: str
    body: str
    seconds: float


UNSUPPORTED = "Apprise does not accept its URL, or lacks a package for it; see https://appriseit.com/services"


def main() -> None:
    answers = _redirected_stdout()
    request: DeliveryRequest = json.load(sys.stdin)
    _deliver(request, answers)
    os._exit(0)  # without waiting for the plugins' threads


def _redirected_stdout() -> TextIO:
    """A stream to the former stdout; from now on, what plugins print to stdout is discarded."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return answers


def _deliver(request: DeliveryRequest, answers: TextIO) -> None:
    """Send to all channels at once; each answer is written when it arrives."""
    writing = Lock()

    def send(number: int, channel: "NotifyBase | None") -> None:
        fault = _fault(channel, request)
        with writing:
            answers.write(json.dumps([number, fault]) + "\n")
            answers.flush()

    channels = list(_channels(request["urls"]))
    deadline = time.monotonic() + request["seconds"]
    threads = [Thread(target=send, args=(number, one), daemon=True) for number, one in enumerate(channels, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    writing.acquire()  # never released, so that no thread writes half a line while the process exits


def _channels(urls: list[str]) -> "Iterator[NotifyBase | None]":
    """None if Apprise does not accept the URL. A message that is too long for a channel is truncated."""
    from apprise import Apprise, AppriseAsset, OverflowMode

    # With a timeout of its own, Apprise would send in a thread pool and wait for the pool when the process ends.
    asset = AppriseAsset(service_timeout=0, app_id="force-orders", app_desc="force-orders")
    for url in urls:
        channel = Apprise.instantiate(url, asset=asset)
        if channel is not None and channel.overflow_mode is OverflowMode.UPSTREAM:
            channel.overflow_mode = OverflowMode.TRUNCATE
        yield channel


def _fault(channel: "NotifyBase | None", request: DeliveryRequest) -> str | None:
    from apprise import Apprise, NotifyFormat

    if channel is None:
        return UNSUPPORTED
    try:
        result = Apprise(channel, asset=channel.asset).notify(
            request["body"], request["title"], request["severity"], body_format=NotifyFormat.TEXT
        )
    except Exception as error:
        return f"Apprise failed ({type(error).__name__})"
    return None if result else _reason(result)


def _reason(result: "AppriseResult") -> str:
    """Why a channel did not take the message, in our own words: what the plugin logged may contain a token."""
    logged = " ".join(entry.message for entry in result.logs())
    if status := re.search(r"\berror=([3-5]\d\d)\b", logged):
        return f"it answered with HTTP {status[1]}"
    return "it cannot be reached" if "onnection error" in logged else "it did not take the message"


if __name__ == "__main__":
    main()
