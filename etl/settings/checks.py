"""Checks of settings: which values each kind of setting accepts.

A check takes the value as written: of any TOML type from a file, text from a variable. It returns the parsed value, or
raises ValueError. The message never contains the value, which may be a secret in the wrong place.
"""

import math
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from etl.core.hosts import is_loopback
from etl.settings.secret import SecretStr

Check = Callable[[Any], Any]


def whole(least: int, greatest: int) -> Check:
    """A whole number from `least` to `greatest`."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,18}", str(value).strip()):
            raise ValueError("must be a whole number")
        if not least <= int(value) <= greatest:
            raise ValueError(f"must be from {least} to {greatest}")
        return int(value)

    return check


def number(above: float, greatest: float) -> Check:
    """A number greater than `above` and at most `greatest`."""

    def check(value: Any) -> float:
        try:
            found = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            found = math.nan
        if not above < found <= greatest:
            raise ValueError(f"must be a number above {above:g} and at most {greatest:g}")
        return found

    return check


def time_zone(value: Any) -> str:
    """The IANA name of a time zone. What a machine without time zone data cannot say, the database says when asked."""
    if (
        not isinstance(value, str)
        or not re.fullmatch(r"[A-Z][\w+-]*(/[\w+-]+)*", value, re.ASCII)
        or not _is_zone(value)
    ):
        raise ValueError("must be the name of a time zone, such as Europe/Berlin or Asia/Tokyo")
    return value


def _is_zone(name: str) -> bool:
    """True also where this machine has no time zone data, as many slim images: Postgres has its own."""
    from zoneinfo import ZoneInfo  # only here: most settings have no time zone

    for known in () if name == "UTC" else (name, "Etc/UTC"):
        try:
            ZoneInfo(known)
        except (KeyError, OSError, ValueError):  # unknown; a directory; a file that is no time zone
            continue
        return known == name
    return True


def yes_or_no(value: Any) -> bool:
    """`true` or `false`, in a variable as text."""
    found = {"true": True, "false": False}.get(str(value).strip().lower())
    if found is None:
        raise ValueError("must be true or false")
    return found


def text(longest: int) -> Check:
    """A text of 1 to `longest` characters."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= longest:
            raise ValueError(f"must be a text of 1 to {longest} characters")
        return value

    return check


def some_of(*names: str) -> Check:
    """One or more of these names, returned in this order; written as a list, or as text with commas."""

    def check(value: Any) -> tuple[str, ...]:
        listed = value.split(",") if isinstance(value, str) else value
        found = {one.strip() if isinstance(one, str) else None for one in listed} if isinstance(listed, list) else set()
        if not found or not found <= {*names}:
            raise ValueError(f"must be some of {', '.join(names)}")
        return tuple(name for name in names if name in found)

    return check


def income_types(value: Any) -> tuple[str, ...]:
    """Kinds of income in the exchange's words, as a list or as text with commas; an empty list, or `none`: none.

    The exchange adds kinds over the years, so each word of its form is accepted.
    """
    if value in ("none", ["none"]):
        return ()
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(
        isinstance(one, str) and re.fullmatch(r"[A-Z][A-Z0-9_]{0,60}", one.strip()) for one in listed
    ):
        raise ValueError("must be kinds of income as the exchange writes them, such as INSURANCE_CLEAR, FUNDING_FEE")
    return tuple(dict.fromkeys(one.strip() for one in listed))


def auto_or_some_of(*names: str) -> Check:
    """As `some_of`; the word `auto` alone gives none of them."""
    some = some_of(*names)

    def check(value: Any) -> tuple[str, ...]:
        if value in ("auto", ["auto"]):
            return ()
        try:
            found: tuple[str, ...] = some(value)
        except ValueError as error:
            raise ValueError(f"{error}, or auto") from None
        return found

    return check


def path(value: Any) -> Path:
    """The path of a file or directory; `~` is the user's home directory."""
    written = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(written, str) or not written:
        raise ValueError("must be a path")
    try:
        return Path(written).expanduser()
    except RuntimeError:
        raise ValueError("must be a path; the home directory for ~ is unknown") from None


def expanded(path: Path) -> Path:
    """The path with the home directory for `~`, as far as that is known."""
    with suppress(RuntimeError):
        return path.expanduser()
    return path


def database_url(value: Any) -> SecretStr:
    """The URL of a Postgres database. White space around it, such as the end of a file's line, is left out."""
    url = value.strip() if isinstance(value, str) else ""
    if url.partition("://")[0] not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise ValueError(
            "must be the URL of a Postgres database, such as postgresql://user:password@host:5432/database"
        )
    if re.search(r"[\x00-\x1f\x7f]", url):
        raise ValueError("has a line break or another control character in it; write it in one line")
    return SecretStr(url)


def base_url(value: Any) -> str:
    """The address of the exchange, without a trailing slash. It receives the key: plain http only for a loopback."""
    scheme, host = _scheme_and_host(value) if isinstance(value, str) else ("", None)
    if scheme not in ("http", "https") or not host:
        raise ValueError("must be the address of the exchange, such as https://fapi.binance.com")
    if scheme == "http" and not is_loopback(host):
        raise ValueError("must begin with https://; plain http is allowed for a loopback address only")
    return str(value).rstrip("/")


def _scheme_and_host(value: str) -> tuple[str, str | None]:
    """Of a plain URL only: for any other the library's error message could quote a password."""
    if not re.fullmatch(r"[\w.:/%\[\]~-]+", value, re.ASCII) or value.endswith(":"):
        return "", None
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises ValueError for an invalid port
    except ValueError:
        return "", None
    return parts.scheme, parts.hostname
