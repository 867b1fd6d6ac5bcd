"""A request as received, and a reply with the way its connection ends."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

JSON = "application/json;charset=utf-8"
HTML = "text/html"

Ending = Literal["whole", "cut", "drip", "reset", "close", "hang"]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `query` is the raw string after the question mark: a signature covers it byte by byte."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ip: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP reply and how it is sent.

    `ending`: whole; cut (half of the body under the full Content-Length, then closed); drip (the body comes byte by
    byte, one every `pace_ms`); reset (RST); close (nothing is sent); hang (nothing is sent, the connection stays open).
    `rows`: how many orders a page of force orders holds, None where it is none. `delay_ms`: how long it is held back.
    """

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    rows: int | None = None
    delay_ms: int = 0
    pace_ms: int = 0
    ending: Ending = "whole"

    @property
    def label(self) -> str:
        """Its name in the statistics: its status, or the way it ended."""
        return str(self.status) if self.ending == "whole" else self.ending


def json_reply(document: Any, status: int = 200) -> Reply:
    """A reply with `document` as compact JSON, non-ASCII symbols as they are."""
    return Reply(status, json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())


class RefusedError(Exception):
    """The exchange refuses a request: an HTTP status, Binance's negative code, its message."""

    def __init__(self, status: int, code: int, msg: str) -> None:
        super().__init__(f"{status} {code} {msg}")
        self.status, self.code, self.msg = status, code, msg

    @property
    def reply(self) -> Reply:
        """The refusal as it goes over the wire."""
        return json_reply({"code": self.code, "msg": self.msg}, self.status)
