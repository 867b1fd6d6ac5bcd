"""Values from a settings file or a variable: what each kind accepts, and one sentence about what it does not.

Every check takes the value as it was written, in a file of its own type or in a variable as text, and returns what it
means; it raises ValueError with a sentence that does not show the value, which may be a secret in the wrong place.
"""

import ipaddress
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from etl.settings.secret import SecretStr

Check = Callable[[Any], Any]


def whole(least: int, greatest: int) -> Check:
    """A whole number within its bounds."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,18}", str(value).strip()):
            raise ValueError("must be a whole number")
        return within(int(value), least, greatest)

    return check


def number(above: float, greatest: float) -> Check:
    """A number greater than `above`."""

    def check(value: Any) -> float:
        try:
            found = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            found = math.nan
        if not above < found <= greatest:
            raise ValueError(f"must be a number above {above:g} and at most {greatest:g}")
        return found

    return check


def within(value: int, least: int, greatest: int) -> int:
    if not least <= value <= greatest:
        raise ValueError(f"must be from {least} to {greatest}")
    return value


def text(longest: int) -> Check:
    """A text that is not empty."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= longest:
            raise ValueError(f"must be a text of 1 to {longest} characters")
        return value

    return check


def some_of(*names: str) -> Check:
    """One or more of these names, in their order: a list, or a text with commas between them."""

    def check(value: Any) -> tuple[str, ...]:
        listed = value.split(",") if isinstance(value, str) else value
        found = {one.strip() if isinstance(one, str) else None for one in listed} if isinstance(listed, list) else set()
        if not found or not found <= {*names}:
            raise ValueError(f"must be some of {', '.join(names)}")
        return tuple(name for name in names if name in found)

    return check


def path(value: Any) -> Path:
    """The path of a file or directory; `~` is the user's home directory."""
    written = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(written, str) or not written:
        raise ValueError("must be a path")
    try:
        return Path(written).expanduser()
    except RuntimeError:
        raise ValueError("must be a path; the home directory of ~ is not known") from None


def database_url(value: Any) -> SecretStr:
    """The URL of a Postgres."""
    scheme = value.partition("://")[0] if isinstance(value, str) else ""
    if scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise ValueError("must be the URL of a Postgres, such as postgresql://user:password@host:5432/database")
    return SecretStr(value)


def base_url(value: Any) -> str:
    """The address of the exchange, without a slash at its end. The key goes there: plain http only to a loopback."""
    scheme, host = _scheme_and_host(value) if isinstance(value, str) else ("", None)
    if scheme not in ("http", "https") or not host:
        raise ValueError("must be the address of the exchange, such as https://fapi.binance.com")
    if scheme == "http" and not _is_loopback(host):
        raise ValueError("must begin with https://; plain http is for a loopback address only")
    return str(value).rstrip("/")


def _scheme_and_host(value: str) -> tuple[str, str | None]:
    """Nothing of what is no plain URL: what the library says of it would quote a password in it."""
    if not re.fullmatch(r"[\w.:/%\[\]~-]+", value, re.ASCII) or value.endswith(":"):
        return "", None
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises ValueError where it is none
    except ValueError:
        return "", None
    return parts.scheme, parts.hostname


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
