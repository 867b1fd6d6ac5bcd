"""What the rows of every endpoint are checked with: JSON types that coerce nothing, and the reasons of a reject."""

import json
import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Annotated, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Raw

from etl.core.orders import FieldType, Reject
from etl.core.timeline import DAY

_BIGINT = 1 << 63
_THIRTEEN_DIGITS = range(10**12, 10**13)
"""Epoch milliseconds of the years 2001 to 2286. A time in seconds has fewer digits, one in microseconds has more: such
a row is rejected rather than stored under 1970."""

CLOCK_MARGIN = DAY
"""Milliseconds by which a time may be later than the row was received. A version with a later one would be the newest
for so long that no right version could replace it."""

Integer: TypeAlias = int | Annotated[str, Meta(pattern=r"\A[+-]?[0-9]{1,19}\Z")] | None
Time: TypeAlias = (
    Annotated[int, Meta(ge=_THIRTEEN_DIGITS.start, lt=_THIRTEEN_DIGITS.stop)]
    | Annotated[str, Meta(pattern=r"\A[1-9][0-9]{12}\Z")]
    | None
)
Boolean: TypeAlias = bool | Literal["true", "false"] | None
Text: TypeAlias = str | None

TYPE_NAMES = {
    FieldType.INTEGER: "an integer",
    FieldType.DECIMAL: "a decimal",
    FieldType.BOOLEAN: "a boolean",
    FieldType.TEXT: "text",
}
TIME_NAME = "a time in epoch milliseconds"

NUMBER = re.compile(rb"[+-]?(?:[0-9]{1,60}(?:\.[0-9]{0,60})?|\.[0-9]{1,60})(?:[eE][+-]?[0-9]{1,2})?")
_PLAIN = rb"[0-9]{1,60}+(?:\.[0-9]{0,60}+)?"
DECIMAL = re.compile(rb'"%b"|null|"%b"|%b' % (_PLAIN, NUMBER.pattern, NUMBER.pattern))
"""A decimal as it is written, text or number: a JSON number would become a float. What is usual is tried first."""

LONGEST_NAME = 64
"""Characters of a symbol or an asset; a longer text is no name, and too long for an index."""

DEEPEST = 200
"""How deeply a row may be nested. What reads it later has less room on its stack than what reads it first."""

_TOO_DEEP = "the row is nested too deeply"
_UNSTORABLE = "the row holds characters that the database cannot store"
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(rb"[][{}]")
_PLACE = re.compile(r"\$\.(\w+)")
_json = msgspec.json.Decoder(Raw)

Row = TypeVar("Row")


def decode(raw: bytes, row_of: msgspec.json.Decoder[Row], expected: Mapping[str, str]) -> tuple[str, Row] | Reject:
    """The row's text and its values, or why it is rejected. `expected`: the name of each key's type.

    If a key occurs twice, the last value counts, as in Postgres, and each value must have the key's type.
    """
    try:
        text = str(raw, "utf-8")
        _json.decode(raw)
        if "\\u0000" in text and _NUL.search(text):
            return Reject(text, _UNSTORABLE, is_json=False)
        if _is_too_deep(raw):
            return Reject(text, _TOO_DEEP, is_json=False)
        return text, row_of.decode(raw)
    except msgspec.ValidationError as error:
        return Reject(text, _reason_of(error, expected), is_json=True)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError) as error:
        return Reject(_legible(raw), _why_not_json(raw, error), is_json=False)


def may_be_unstorable(array: bytes, length: int) -> bool:
    """Whether a row of an array of so many may be one that `decode` rejects for its characters or its nesting."""
    return b"\\u0000" in array or array.count(b"[") + array.count(b"{") > length + DEEPEST


def _is_too_deep(raw: bytes) -> bool:
    """Whether the JSON is nested more deeply than DEEPEST; brackets in texts do not count."""
    if raw.count(b"[") + raw.count(b"{") <= DEEPEST:
        return False
    steps = (1 if bracket in b"[{" else -1 for bracket in _BRACKET.findall(_TEXT.sub(b"", raw)))
    return max(accumulate(steps), default=0) > DEEPEST


def is_bigint(value: int | str) -> bool:
    """Whether Postgres can hold the integer."""
    return -_BIGINT <= int(value) < _BIGINT


def _reason_of(error: msgspec.ValidationError, expected: Mapping[str, str]) -> str:
    """Built from the key that the error names; an error without a key is about the whole row."""
    place = _PLACE.search(str(error))
    return f"{place[1]} is not {expected[place[1]]}" if place else "the row is not an object"


def _why_not_json(raw: bytes, error: Exception) -> str:
    """Why the database cannot store the row as JSON."""
    if isinstance(error, RecursionError):
        return _TOO_DEEP
    if isinstance(error, UnicodeDecodeError):
        return "the row is not UTF-8"
    constants: list[str] = []
    try:
        json.loads(raw, parse_float=str, parse_int=str, parse_constant=constants.append)
    except (ValueError, RecursionError):
        return "the row is not JSON"
    return "the row holds NaN or Infinity, which are not JSON" if constants else _UNSTORABLE


def _legible(raw: bytes) -> str:
    r"""The row as text, with `\x…` for bytes that are not UTF-8. JSON has no such escape, so it is no valid row."""
    return raw.decode(errors="backslashreplace").replace("\0", r"\x00")
