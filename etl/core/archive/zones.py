"""The time zone of a file of the web page, as its name or an operator says it."""

import re
from datetime import timedelta, timezone

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])([0-9]{1,2})(?::?([0-9]{2}))?", re.IGNORECASE)
_IN_NAME = re.compile(r"\(UTC(--|\+|-\+)([0-9]{1,2})(?::?([0-9]{2}))?\)")


def parse_offset(text: str) -> timezone | None:
    """`UTC+8`, `-06:00`; None for anything else, such as the name of a zone."""
    return _zone(found[1], found[2], found[3]) if (found := _OFFSET.fullmatch(text.strip())) else None


def zone_in_name(name: str) -> timezone | None:
    """Of `Binance-Futures-Order-History-202603230503(UTC--6)_abcd.csv`: six hours behind UTC.

    None where the name has none. `(UTC-8)` is left open: it was never observed, and may be either side of UTC.
    """
    found = _IN_NAME.search(name)
    return _zone("-" if found[1] == "--" else "+", found[2], found[3]) if found else None


def _zone(sign: str, hours: str, minutes: str | None) -> timezone | None:
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return timezone(-offset if sign == "-" else offset) if offset < timedelta(hours=24) else None
