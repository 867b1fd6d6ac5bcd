"""What a response other than a page means: one table from (status, code) to an error, named by what the caller does.

The error also says whom the response concerns. ThrottledError and BannedError concern the address, UnknownSymbolError
the symbol, CredentialsError and RejectedError the account. NotServedError, and TransientError that stays, concern the
host or the address unless another account is answered in the same run: then they are the account's own.

Sources: the exchange's "Error Codes" page and responses observed in public. No other module looks at a status code.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from etl.core.egress import LONGEST_BAN
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
    MissingParameterError,
    NoIsolatedMarginError,
    NotServedError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownSymbolError,
    WindowTooWideError,
)

SHORTEST_BAN = 2 * MINUTE
"""The shortest ban that the exchange documents, milliseconds."""

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
    **dict.fromkeys((-1121, -1122, -4141), UnknownSymbolError),
    -11001: NoIsolatedMarginError,
    -1102: MissingParameterError,
    **dict.fromkeys((-1109, -3003, -4109, -4402), RejectedError),
    **dict.fromkeys((-2015, -2014, -2008, -2017, -1022, -1002), CredentialsError),
}

_ADVICE = {
    -1109: "the account is not known in this market, or the exchange is under maintenance",
    -4109: "the account has no active futures wallet; a transfer of any amount to it makes it active",
    -3003: "the account has no margin account",
    -4402: "the exchange does not serve this account in its region",
    -2015: (
        "the key is wrong, has no permission for futures, is bound to other IP addresses, or is for another host; or "
        "the account was switched to Portfolio Margin, which takes that permission from every key that is older"
    ),
    -2014: "the API key has the wrong format",
    -2008: "the API key is unknown to this host",
    -2017: "the API key is locked on this account",
    -1002: "the key has no permission for this request",
    -1022: "the signature does not match: the secret does not belong to this key",
}


def refuse_download(status: int) -> None:
    """Raise what the status of a file's host means: NotServedError for a link that has expired, or another error."""
    if status in (401, 403, 404, 410):
        raise NotServedError(f"the link to the file is no longer served (HTTP {status})")
    if status != 200:
        refuse = TransientError if status >= 500 or status in (408, 429) else ContractError
        raise refuse(f"the host of the file answered with HTTP {status}")


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
        is_ban = status == 418 or "banned until" in message
        until = cooldown_until(headers, message, now, is_ban=is_ban)
        kind = BannedError if is_ban else ThrottledError
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
    if status == 503 and any(_retry_after(headers.get("Retry-After", ""), now)):
        return ThrottledError(f"the exchange wants a pause ({said})", cooldown_until(headers, message, now))
    if status >= 500 or status == 408:
        return TransientError(f"the exchange did not answer the request ({said})")
    if 300 <= status < 400:
        return NotServedError(f"a redirect is refused, because it would carry the key to another host ({said})")
    if status == 404:
        return NotServedError(f"there is no such endpoint on this host; check the base URL ({said})")
    if status == 451:
        return NotServedError(f"the exchange does not serve the region of this IP address ({said})")
    if status == 200:
        return ContractError(f"the exchange answered with something that is not a page ({said})")
    if code is None:
        return TransientError(f"something between here and the exchange answered, not the exchange itself ({said})")
    return RejectedError(f"the exchange refused the request ({said})")


def is_of_the_request(error: ExchangeError) -> bool:
    """Whether the exchange refused what was asked for, and neither the account nor the host."""
    return type(error) is RejectedError and error.code not in _BY_CODE


def cooldown_until(headers: Mapping[str, str], message: str, now: int, *, is_ban: bool = False) -> int:
    """When a request may be sent again: the latest of Retry-After, "banned until …" and the next full minute.

    Retry-After is often 0, so it alone is not relied on. A ban that names no time to come lasts the shortest ban. What
    is there and cannot be read counts as the longest ban, or as the shortest if this is no ban: a 429 is over with the
    minute. A deadline beyond the longest ban is a mistake in the response, and is shortened to it.
    """
    unreadable = now + (LONGEST_BAN if is_ban else SHORTEST_BAN)
    named = [unreadable if until is None else until for until in _retry_after(headers.get("Retry-After", ""), now)]
    if banned := re.search(r"banned until\W*(\w*)", message):
        until = _epoch_millis(banned[1])
        named.append(now + LONGEST_BAN if until is None else until + SECOND)
    elif is_ban and max(named, default=now) <= now:
        named.append(now + SHORTEST_BAN)
    return min(max([(now // MINUTE + 1) * MINUTE + SECOND, *named]), now + LONGEST_BAN)


def _retry_after(written: str, now: int) -> list[int | None]:
    """The instants that the header names, None for each that cannot be read.

    It holds seconds or a date. A header that was sent twice arrives as one, its values with commas between them; a date
    has a comma too.
    """
    if (date := _http_date(written)) is not None:
        return [date]
    seconds = [_seconds(value.strip()) for value in written.split(",") if value.strip()]
    return [None if length is None else now + length for length in seconds]


def _seconds(written: str) -> int | None:
    """Seconds as milliseconds, rounded up; what has more digits than any ban has is a ban of the longest kind."""
    number = re.fullmatch(r"([+-]?)([0-9]+)(?:\.([0-9]*))?", written)
    if number is None:
        return None
    sign, whole, fraction = number[1], number[2].lstrip("0"), number[3] or ""
    if sign == "-":
        return 0
    return LONGEST_BAN if len(whole) > 9 else int(whole or 0) * SECOND + -(-int(f"{fraction[:4]:0<4}") // 10)


def _http_date(written: str) -> int | None:
    try:
        moment = parsedate_to_datetime(written.strip())
        return to_millis(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, TypeError, OverflowError):
        return None


def _epoch_millis(written: str) -> int | None:
    """Of an instant in seconds, milliseconds, microseconds or nanoseconds, by its number of digits."""
    units = {10: 1, 13: 1_000, 16: 1_000_000, 19: 1_000_000_000}
    unit = units.get(len(written)) if re.fullmatch(r"[0-9]+", written) else None
    return None if unit is None else int(written) * SECOND // unit
