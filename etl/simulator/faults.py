"""Faults injected on purpose: which request they hit, and how they change the correct reply."""

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from random import Random
from typing import Any, Literal, get_args

from etl.simulator.messages import HTML, Reply, json_reply

Kind = Literal[
    "status", "code", "key", "skew", "redirect", "garbage", "object", "huge",
    "gzip_bomb", "cut", "gzip_lie", "slow", "drip", "reset", "close", "hang", "throttle", "ban",
]  # fmt: skip

UNKNOWN_ERROR = "Unknown error, please check your request or try again later."
BODIES: Mapping[int, str] = {
    202: "",
    403: "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n</body>\r\n</html>\r\n",
    408: '{"code":-1007,"msg":"Timeout waiting for response from backend server."}',
    451: '{"code":0,"msg":"Service unavailable from a restricted location."}',
    500: '{"code":-1001,"msg":"Internal error; unable to process your request. Please try again."}',
    502: "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n</body>\r\n</html>\r\n",
    503: json.dumps({"code": 0, "msg": UNKNOWN_ERROR}),
    504: "",
}


@dataclass(frozen=True, slots=True)
class When:
    """Which requests a fault hits, counted from 1 since the fault was set, on its path and of its account only."""

    first: int = 1
    last: int | None = None
    every: int = 1
    probability: float = 1.0
    seed: int = 0

    def hits(self, number: int) -> bool:
        """Whether the fault hits that request; the random choice depends on the number and the seed only."""
        if number < self.first or (self.last is not None and number > self.last) or (number - self.first) % self.every:
            return False
        return self.probability >= 1 or Random(f"{self.seed}/{number}").random() < self.probability


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, of one path or account or of all. Each kind reads only the values it needs.

    status: `status` with `body` (202: an empty one) · code: 400 with `code` and `msg` · key: 401 -2015 · skew: -1021 ·
    redirect: 302 to `location` · garbage: 200 without JSON · object: 200 with an object · huge: 200 with `mib` MiB of
    no order · gzip_bomb: an empty page behind `mib` MiB of spaces, honestly packed into a small body · cut: half a
    body · gzip_lie: plain text called gzip · slow: `ms` late · drip: the body, one byte every `ms` · reset, close,
    hang: no answer · throttle: the minute's weight is used up, 429 · ban: 418 for `seconds` of the server clock.
    """

    kind: Kind
    at: When = field(default_factory=When)
    path: str | None = None
    account: str | None = None
    status: int = 503
    body: str | None = None
    code: int = -1000
    msg: str = UNKNOWN_ERROR
    location: str = "https://elsewhere.invalid/"
    mib: int = 64
    ms: int = 1000
    seconds: int = 120


def faults_from(documents: Any) -> tuple[Fault, ...]:
    """The faults of a JSON array. `at`: 3, [2, 5], [2, null], {"every": 7} or {"probability": 0.1, "seed": 1}.

    Raises ValueError, one line, for what it cannot read.
    """
    if not isinstance(documents, list):
        raise ValueError("faults are a JSON array")
    return tuple(_fault(one) for one in documents)


def _fault(document: Any) -> Fault:
    if not isinstance(document, dict) or document.get("kind") not in get_args(Kind):
        raise ValueError(f"a fault needs a kind, one of {', '.join(get_args(Kind))}")
    known = {one.name: one for one in fields(Fault)}
    for name, value in document.items():
        if name not in known:
            raise ValueError(f"a fault has no {name!r}")
        if name in {"status", "code", "mib", "ms", "seconds"} and type(value) is not int:
            raise ValueError(f"{name} of a fault must be a whole number, not {value!r}")
    return Fault(**{**document, "at": _when(document["at"]) if "at" in document else When()})


def _when(at: Any) -> When:
    match at:
        case bool():
            pass
        case int() if at > 0:
            return When(first=at, last=at)
        case [int(first), int() | None as last]:
            return When(first=first, last=last)
        case {"every": int(every)} if every > 0 and len(at) == 1:
            return When(first=every, every=every)
        case {"probability": int() | float() as probability, "seed": int(seed)} if len(at) == 2:
            return When(probability=float(probability), seed=seed)
        case {"probability": int() | float() as probability} if len(at) == 1:
            return When(probability=float(probability))
    raise ValueError(f"cannot read the 'at' of a fault: {at!r}")


class Script:
    """The active faults, and how many requests each has counted."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = tuple(faults)
        self._seen = [0] * len(self._faults)

    def next(self, path: str, account: str | None = None) -> Fault | None:
        """The fault of the next request on that path with that account's key: the first in the list that hits it."""
        found = None
        for index, fault in enumerate(self._faults):
            if fault.path in (None, path) and fault.account in (None, account):
                self._seen[index] += 1
                if found is None and fault.at.hits(self._seen[index]):
                    found = fault
        return found


def replacement(fault: Fault) -> Reply | None:
    """The reply that replaces the correct one, which is then not computed; None for the other kinds."""
    match fault.kind:
        case "status":
            body = BODIES.get(fault.status, "") if fault.body is None else fault.body
            reply = Reply(fault.status, body.encode())
            return replace(reply, content_type=HTML) if body.startswith("<") else reply
        case "code":
            return json_reply({"code": fault.code, "msg": fault.msg}, 400)
        case "key":
            return json_reply({"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, 401)
        case "skew":
            return json_reply({"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}, 400)
        case "redirect":
            return Reply(302, b"", HTML, (("Location", fault.location),))
        case "garbage":
            return Reply(200, b"\x00\x01 no page at all [{")
        case "object":
            return json_reply({"orders": [], "total": 0})
        case "huge":
            return Reply(200, b'["' + b"x" * (fault.mib * 1024 * 1024) + b'"]')
        case "gzip_bomb":
            return Reply(200, _packed_spaces(fault.mib), headers=(("Content-Encoding", "gzip"),))
        case "reset" | "close" | "hang":
            return Reply(0, b"", ending=fault.kind)
        case _:
            return None


def spoiled(reply: Reply, fault: Fault) -> Reply:
    """The correct reply, damaged in transit; kinds that replace the reply do not change it here."""
    match fault.kind:
        case "cut":
            return replace(reply, ending="cut")
        case "gzip_lie":
            return replace(reply, headers=(*reply.headers, ("Content-Encoding", "gzip")))
        case "slow":
            return replace(reply, delay_ms=reply.delay_ms + fault.ms)
        case "drip":
            return replace(reply, ending="drip", pace_ms=fault.ms)
        case _:
            return reply


def _packed_spaces(mib: int) -> bytes:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    spaces = b" " * (1024 * 1024)
    return b"".join([*(packer.compress(spaces) for _ in range(mib)), packer.compress(b"[]"), packer.flush()])
