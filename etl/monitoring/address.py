"""Where to listen, as it is typed: `[HOST:]PORT`."""

import re
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Address

from etl.core.text import printable
from etl.errors import ConfigError

LOOPBACK = "127.0.0.1"

_FORM = re.compile(r"(?:(?P<host>[^:]*|\[.*\]):)?(?P<port>[0-9]{1,5})")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")


@dataclass(frozen=True, slots=True)
class Address:
    """A host, by name or number and without brackets, and a port; 0: one that is free."""

    host: str
    port: int

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.host

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.is_ipv6 else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Without a host: for this machine only. Raises ConfigError with one line."""
    typed = _FORM.fullmatch(text.strip())
    host = _host(typed["host"]) if typed else None
    if typed is None or host is None or int(typed["port"]) >= 1 << 16:
        raise ConfigError(
            f"{printable(text)!r} is no address to listen at; write PORT or HOST:PORT, such as 9464, 0.0.0.0:9464 "
            "or [::1]:9464"
        )
    return Address(host, int(typed["port"]))


def _host(typed: str | None) -> str | None:
    """A host that can be listened at; None: that is none."""
    if typed is None:
        return LOOPBACK
    if typed.startswith("["):
        with suppress(ValueError):
            return str(IPv6Address(typed[1:-1]))
        return None
    return typed if _NAME.fullmatch(typed) else None
