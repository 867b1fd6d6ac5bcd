"""What a response other than a page means: one table from (status, code) to an error, named by what the caller does.

Sources: the exchange's "Error Codes" page and responses observed in public. No other module looks at a status code.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime

from etl.core.text import printable
from etl.core.timeline import MINUTE, SECOND, to_millis
from etl.errors import (
    BannedError,
    BeyondRetentionError,
    ClockSkewError,
    ContractError,
    CredentialsError,
    DoubtedKeyError,
    ExchangeError,
    MaintenanceError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownSymbolError,
    WindowTooWideError,
)

LONGEST_BAN = 3 * 24 * 60 * MINUTE
"""The longest ban that the exchange documents, milliseconds; a later deadline is a mistake in the response."""

FIREWALL_PAUSE = MINUTE
"""Milliseconds. The firewall gives neither reason nor duration; this spreads a request's attempts over minutes."""

LONGEST_MESSAGE = 300
"""Characters of the exchange's message that an error quotes."""

_BY_CODE: dict[int, type[ExchangeError]] = {
    **dict.fromkeys((-1000, -1001, -1006, -1007, -1008), TransientError),
    -1016: MaintenanceError,
    **dict.fromkeys((-1021, -5028), ClockSkewError),
    **dict.fromkeys((-4165, -1127), WindowTooWideError),
    -4166: BeyondRetentionError,
    **dict.fromkeys((-1121, -1122), UnknownSymbolError),
    **dict.fromkeys((-2015, -2014, -2008, -2017, -1022, -1002), CredentialsError),
}

_ADVICE = {
    -2015: "the key is wrong, has no permission for futures, is bound to other IP addresses, or is for another host",
    -2014: "the API key has the wrong format",
    -2008: "the API key is unknown to this host",
    -2017: "the API key is locked on this account",
    -1002: "the key has no permission for this request",
    -1022: "the signature does not match: the secret does not belong to this key",
}


def classify(
    status: int, code: int | None, message: str, headers: Mapping[str, str], now: int, key_worked: Callable[[], bool]
) -> ExchangeError:
    """The error that a response other than a page stands for.

    `now` is the exchange's clock in epoch milliseconds. `key_worked` decides on DoubtedKeyError; it is called only
    where it decides, because it may wait for requests in flight.
    """
    said = printable(f"HTTP {status}" if code is None else f"HTTP {status}, code {code}: {message}")
    said = said if len(said) <= LONGEST_MESSAGE else f"{said[:LONGEST_MESSAGE]}…"
    if status in (418, 429) or code == -1003:
        until = cooldown_until(headers, message, now)
        kind = BannedError if status == 418 or "banned until" in message else ThrottledError
        return kind(f"the exchange demands a cooldown ({said})", until)
    if code == -2015 and key_worked():
        doubt = "a key that worked before is refused: it was withdrawn or changed, or this is a ban in disguise"
        return DoubtedKeyError(f"{doubt} ({said})", cooldown_until(headers, message, now))
    kind_by_code = _BY_CODE.get(code) if code is not None else None
    if kind_by_code in (TransientError, None) and status >= 500 and "maintenance" in message.lower():
        kind_by_code = MaintenanceError
    if kind_by_code is not None:
        advice = _ADVICE.get(code or 0)
        return kind_by_code(f"{advice} ({said})" if advice else f"the exchange refused the request ({said})")
    if status == 403:
        until = max(now + FIREWALL_PAUSE, cooldown_until(headers, message, now))
        return ThrottledError(f"the exchange's firewall refused the request, not because of the key ({said})", until)
    if status == 401:
        return CredentialsError(f"the exchange does not accept the key ({said})")
    if status >= 500 or status == 408:
        return TransientError(f"the exchange did not answer the request ({said})")
    if 300 <= status < 400:
        return RejectedError(f"a redirect is refused, because it would carry the key to another host ({said})")
    if status == 404:
        return RejectedError(f"there is no such endpoint on this host; check the base URL ({said})")
    if status == 451:
        return RejectedError(f"the exchange does not serve the region of this IP address ({said})")
    if status == 200:
        return ContractError(f"the exchange answered with something that is not a page ({said})")
    return RejectedError(f"the exchange refused the request ({said})")


def cooldown_until(headers: Mapping[str, str], message: str, now: int) -> int:
    """When a request may be sent again: the latest of Retry-After, "banned until …" and the next full minute.

    Retry-After is often 0, so it alone is not relied on. A deadline beyond the longest documented ban is shortened.
    """
    deadlines = [(now // MINUTE + 1) * MINUTE + SECOND]
    retry_after = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", retry_after):
        deadlines.append(now + int(retry_after) * SECOND)
    elif retry_after:
        with suppress(ValueError, TypeError, OverflowError):
            deadlines.append(to_millis(parsedate_to_datetime(retry_after)))
    banned = re.search(r"banned until (\d{13})\b", message)
    if banned:
        deadlines.append(int(banned[1]) + SECOND)
    return min(max(deadlines), now + LONGEST_BAN)
