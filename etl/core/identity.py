"""Whose answers the proof of an account rests on: those of a host, and of the account that a key opens.

What is proven under a name counts only for the host and the key's account that were read. Another host is refused. A
changed key is held against evidence: the exchange has to show an order that is stored. So is a loopback host at another
port, because a simulator gets a new port whenever it starts.
"""

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from etl.core.orders import Key
from etl.core.paging import Page

_DEFAULT_PORTS = {"https": 443, "http": 80}


def host_of(base_url: str) -> str:
    """The host of a base URL, with its port unless that is the scheme's own, and its path if it has one."""
    parts = urlsplit(base_url)
    name = _unified((parts.hostname or "").rstrip("."))
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{name}{port}{parts.path.rstrip('/')}"


def _unified(name: str) -> str:
    """One way to write an IP address, as it stands in a URL."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name
    return f"[{address}]" if address.version == 6 else str(address)


def is_loopback(host: str) -> bool:
    """Whether a host, as `host_of` writes it, is this machine."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What an account's proof was read with, compared with the key in use."""

    host: str
    has_same_key: bool
    is_checked: bool
    """False: at some time the key changed while no stored order could show whether it opens the same account."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is stored under an account's name."""

    proven_until: int | None
    """The end of the newest proof, epoch milliseconds; None: nothing is proven."""
    has_orders: bool


class Recognition(Enum):
    """Whether an account may be read with this host and key, as far as this is known without a request."""

    KNOWN = "the host and the key are those that are remembered"
    NEW = "nothing rests on another host or key: remember these"
    OTHER_HOST = "the proof belongs to another host"
    UNCERTAIN = "the exchange has to show a stored order"


def recognize(remembered: Remembered | None, host: str, held: Held) -> Recognition:
    """`remembered` is None for a new account, and for one that was read by version 0.1.0, which remembered nothing."""
    is_unproven = held.proven_until is None
    if remembered is not None and remembered.host == host and remembered.has_same_key:
        return Recognition.NEW if is_unproven and not remembered.is_checked else Recognition.KNOWN
    if is_unproven and not held.has_orders:
        return Recognition.NEW
    if is_unproven or not has_moved(remembered, host) or is_restarted(remembered, host):
        return Recognition.UNCERTAIN
    return Recognition.OTHER_HOST


def has_moved(remembered: Remembered | None, host: str) -> bool:
    """Whether the host is another than the one that is remembered."""
    return remembered is not None and remembered.host != host


def is_restarted(remembered: Remembered | None, host: str) -> bool:
    """Whether both hosts are this machine: a simulator that may have restarted at another port."""
    return remembered is not None and is_loopback(remembered.host) and is_loopback(host)


class Outcome(Enum):
    """What the evidence says of an account whose recognition was uncertain."""

    CONFIRMED = "the same account of the same exchange answers"
    UNCHECKED = "there is no evidence; go on, and say so"
    REFUSED = "another account or exchange answers, or may answer"


def conclude(is_shown: bool | None, remembered: Remembered | None, host: str, held: Held, floor: int) -> Outcome:
    """`is_shown`: whether the exchange shows a stored order; None: it keeps none that could be asked for.

    Without evidence a changed key may be used. Another host may be used only where nothing is proven; on this machine
    where nothing is proven from `floor` on, the oldest instant that can still be read. Then no proof of the former host
    keeps anything from being read.
    """
    if is_shown is not None:
        return Outcome.CONFIRMED if is_shown else Outcome.REFUSED
    if not has_moved(remembered, host) or held.proven_until is None:
        return Outcome.UNCHECKED
    is_nothing_hidden = is_restarted(remembered, host) and held.proven_until <= floor
    return Outcome.UNCHECKED if is_nothing_hidden else Outcome.REFUSED


def shows(page: Page, stored: Collection[tuple[Key, int]]) -> bool:
    """Whether a page has one of these orders, given by key and order time. Ids alone could be alike by chance."""
    return any((order.key, order.order_time) in stored for order in page.orders)
