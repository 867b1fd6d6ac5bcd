"""The address to listen at, typed as `[HOST:]PORT`."""

import re
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Address

from etl.core.text import printable
from etl.errors import ConfigError

LOOPBACK = "127.0.0.1"

_LABEL = r"[A-Za-z0-9_-]{1,63}"
_FORM = re.compile(rf"(?:(?P<name>{_LABEL}(?:\.{_LABEL})*):|\[(?P<ipv6>.*)\]:)?(?P<port>[0-9]{{1,5}})")


@dataclass(frozen=True, slots=True)
class Address:
    """A host (a name, or an IP address without brackets) and a port; port 0 is any free one."""

    host: str
    port: int

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.host

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.is_ipv6 else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Without a host: the loopback address. Raises ConfigError with one line."""
    typed = _FORM.fullmatch(text.strip())
    with suppress(ValueError):
        if typed and int(typed["port"]) < 1 << 16:
            host = typed["name"] or LOOPBACK if typed["ipv6"] is None else str(IPv6Address(typed["ipv6"]))
            return Address(host, int(typed["port"]))
    raise ConfigError(
        f"{printable(text)!r} is no address to listen at; write PORT or HOST:PORT, such as 9464, 0.0.0.0:9464 "
        "or [::1]:9464"
    )
