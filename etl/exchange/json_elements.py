"""Splits an array or object that holds something JSON parsers refuse, so that the rest can be read."""

import re

_TOKEN = re.compile(
    rb"""[ \t\n\r]*(?:
        (?P<open>[\[{])
      | (?P<close>[\]}])
      | (?P<comma>,)
      | (?P<colon>:)
      | (?P<text>"[^"\\]*(?:\\.[^"\\]*)*")
      | (?P<word>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null|NaN|-?Infinity)
    )""",
    re.DOTALL | re.VERBOSE,
)
_SPACE = b" \t\n\r"
_CLOSING = {b"[": b"]", b"{": b"}"}


def split(body: bytes) -> list[bytes] | None:
    """The elements of an array, each byte by byte as received; None where the body is not an array.

    Follows the grammar of JSON, except that a text may hold any byte, nesting has no limit, and NaN and Infinity count
    as numbers. Nothing else is tolerated: if a quote or a bracket may be lost, the number of elements is unknown.
    Raises ValueError.
    """
    members = _members(body)
    return [value for _, value in members] if body.lstrip(_SPACE).startswith(b"[") else None


def split_object(body: bytes) -> list[tuple[bytes, bytes]] | None:
    """The keys of an object, in quotes, with their values, by the same rules; None where the body is not an object.

    A key that stands there twice is here twice.
    """
    members = _members(body)
    return members if body.lstrip(_SPACE).startswith(b"{") else None


def _members(body: bytes) -> list[tuple[bytes, bytes]]:
    """The values at the top of an array, or of an object with their keys."""
    members: list[tuple[bytes, bytes]] = []
    closing: list[bytes] = []
    awaited = "value"
    key = b""
    at = begun = 0
    while closing or awaited != "end":
        token = _TOKEN.match(body, at)
        if token is None:
            raise ValueError("the document is cut off or damaged")
        kind = str(token.lastgroup)
        at = token.end()
        if len(closing) == 1 and awaited in ("value", "first value"):
            begun = token.start(kind)
        match awaited, kind:
            case (("value" | "first value"), "open"):
                closing.append(_CLOSING[token[kind]])
                awaited = "first value" if token[kind] == b"[" else "first key"
            case (("value" | "first value"), ("text" | "word")):
                awaited = "end"
            case (("key" | "first key"), "text"):
                awaited = "colon"
                key = token[kind] if len(closing) == 1 else key
            case "colon", "colon":
                awaited = "value"
            case "end", "comma":
                awaited = "key" if closing[-1] == b"}" else "value"
            case (("end" | "first value" | "first key"), "close") if token[kind] == closing[-1]:
                closing.pop()
                awaited = "end"
            case _:
                raise ValueError("the document is damaged")
        if len(closing) == 1 and awaited == "end":
            members.append((key, body[begun:at]))
    if body[at:].strip(_SPACE):
        raise ValueError("there is text after the document")
    return members
