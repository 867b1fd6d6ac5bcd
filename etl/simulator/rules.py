"""What the exchange refuses, in the order in which it checks: key, parameters, clock, signature, window.

Codes and messages: Binance's error-code page; windows and retention as sister endpoints refuse them.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from etl.simulator.accounts import KEY_LENGTH, Account
from etl.simulator.capital_flow import DEFAULT_FLOWS, GREATEST_FLOWS, FlowQuery
from etl.simulator.markets import CURSOR
from etl.simulator.messages import RefusedError, Request
from etl.simulator.numbered import NumberedQuery
from etl.simulator.orders import CloseType
from etl.simulator.page import Query
from etl.simulator.scenario import DAY_MS, WEEK_MS, Scenario, WindowRule
from etl.simulator.signatures import is_signed_by, signed_part

DEFAULT_LIMIT = 50
DEFAULT_SIZE = 10
GREATEST_LIMIT = 100
DEFAULT_RECV_WINDOW_MS = 5_000
GREATEST_RECV_WINDOW_MS = 60_000
GREATEST_LEAD_MS = 1_000  # a timestamp must be less than this ahead of the server, whatever recvWindow is


@dataclass(frozen=True, slots=True)
class Reach:
    """The windows that an endpoint answers. `default_ms`: the length of one with an end alone, or with none.

    `rule` and `longest_ms` bound a length; `kept_days`: how far back a window may begin, 0: any.
    """

    rule: WindowRule
    longest_ms: int
    kept_days: int
    default_ms: int = WEEK_MS
    longest_name: str = "7 days"


def signer_of(request: Request, params: Mapping[str, str], accounts: Mapping[str, Account], now_ms: int) -> Account:
    """The account that signed the request, by its key; raises RefusedError."""
    key = request.headers.get("x-mbx-apikey", "")
    if key not in accounts and (len(key) != KEY_LENGTH or not key.isalnum()):
        raise RefusedError(401, -2014, "API-key format invalid.")
    for name in ("timestamp", "signature"):
        if not params.get(name):
            raise RefusedError(400, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    if key not in accounts:
        raise RefusedError(401, -2015, f"Invalid API-key, IP, or permissions for action, request ip: {request.ip}")
    check_clock(number_of(params, "timestamp") or 0, number_of(params, "recvWindow"), now_ms)
    payload, signature = signed_part(request.query)
    if not is_signed_by(accounts[key], payload, signature):
        raise RefusedError(400, -1022, "Signature for this request is not valid.")
    return accounts[key]


def check_clock(timestamp_ms: int, recv_window_ms: int | None, now_ms: int) -> None:
    """Refuse a request whose timestamp is outside `timestamp < now + 1000 and now - timestamp <= recvWindow`."""
    recv_window_ms = DEFAULT_RECV_WINDOW_MS if recv_window_ms is None else recv_window_ms
    if recv_window_ms > GREATEST_RECV_WINDOW_MS:
        raise RefusedError(400, -1131, f"recvWindow must be less than {GREATEST_RECV_WINDOW_MS}")
    if timestamp_ms >= now_ms + GREATEST_LEAD_MS:
        raise RefusedError(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - timestamp_ms > recv_window_ms:
        raise RefusedError(400, -1021, "Timestamp for this request is outside of the recvWindow.")


def holder_of(request: Request, accounts: Mapping[str, Account]) -> Account:
    """The account whose key came with a request that needs no signature; raises RefusedError."""
    key = request.headers.get("x-mbx-apikey", "")
    if key not in accounts:
        raise RefusedError(401, -2014, "API-key format invalid.")
    return accounts[key]


def check_parameters(pairs: Sequence[tuple[str, str]], known: Collection[str] = CURSOR) -> None:
    """Refuse a parameter that is duplicate, empty or unknown to the endpoint."""
    counts = Counter(name for name, _ in pairs)
    if len(counts) < len(pairs):
        raise RefusedError(400, -1101, "Duplicate values for a parameter detected.")
    read = sum(name in known for name in counts)
    if read < len(pairs):
        counted = f"read '{read}' parameter(s) but was sent '{len(pairs)}'"
        raise RefusedError(400, -1104, f"Not all sent parameters were read; {counted}.")
    for name, value in pairs:
        if not value:
            raise RefusedError(400, -1105, f"Parameter '{name}' was empty.")


def query_of(params: Mapping[str, str], symbols: Collection[str], scenario: Scenario, now_ms: int) -> Query:
    """The query of these parameters with all defaults filled in; raises RefusedError."""
    symbol, close_type = params.get("symbol"), params.get("autoCloseType")
    if symbol is not None and symbol not in symbols:
        raise RefusedError(400, -1121, "Invalid symbol.")
    if close_type not in (None, "LIQUIDATION", "ADL"):
        raise RefusedError(400, -1130, "Data sent for parameter 'autoCloseType' is not valid.")
    limit = limit_of(params, "limit", DEFAULT_LIMIT, GREATEST_LIMIT, scenario)
    start_ms, end_ms = window_of(params, _reach(scenario), scenario, now_ms)
    return Query(start_ms, end_ms, limit, symbol, cast(CloseType | None, close_type))


def numbered_query_of(
    params: Mapping[str, str], pairs: Collection[str], scenario: Scenario, now_ms: int
) -> NumberedQuery:
    """The query of these parameters of a margin endpoint, of which `pairs` can be isolated; raises RefusedError."""
    isolated_symbol, current = params.get("isolatedSymbol"), number_of(params, "current")
    if isolated_symbol is not None and isolated_symbol not in pairs:
        raise RefusedError(400, -1121, "Invalid symbol.")
    if current is not None and current < 1:
        raise RefusedError(400, -1130, "Data sent for parameter 'current' is not valid.")
    size = limit_of(params, "size", DEFAULT_SIZE, GREATEST_LIMIT, scenario)
    start_ms, end_ms = window_of(params, _reach(scenario), scenario, now_ms)
    return NumberedQuery(start_ms, end_ms, 1 if current is None else current, size, isolated_symbol)


def flow_query_of(params: Mapping[str, str], scenario: Scenario, now_ms: int) -> FlowQuery:
    """The query of these parameters of capital-flow; raises RefusedError."""
    limit = number_of(params, "limit")
    if limit is not None and limit < 1:
        raise RefusedError(400, -1130, "Data sent for parameter 'limit' is not valid.")
    start_ms, end_ms = number_of(params, "startTime"), number_of(params, "endTime")
    if start_ms is None:
        end_ms = now_ms if end_ms is None else end_ms
        start_ms = end_ms - WEEK_MS
    elif end_ms is None:
        end_ms = start_ms + WEEK_MS
    if not 0 <= end_ms - start_ms <= WEEK_MS:
        raise RefusedError(400, -1127, "More than 168 hours between startTime and endTime.")
    if scenario.retention_days:
        start_ms = max(start_ms, now_ms - scenario.retention_days * DAY_MS)
    return FlowQuery(
        start_ms,
        end_ms,
        limit=min(limit or DEFAULT_FLOWS, GREATEST_FLOWS),
        after_id=number_of(params, "fromId"),
        symbol=params.get("symbol"),
        asset=params.get("asset"),
        kind=params.get("type"),
    )


def limit_of(params: Mapping[str, str], name: str, default: int, greatest: int, scenario: Scenario) -> int:
    """The most rows of a page; raises RefusedError."""
    asked = number_of(params, name)
    if asked is None:
        return default
    if asked < 1 or (asked > greatest and scenario.limit_above_max == "refused"):
        raise RefusedError(400, -1130, f"Data sent for parameter '{name}' is not valid.")
    return min(asked, greatest)


def window_of(params: Mapping[str, str], reach: Reach, scenario: Scenario, now_ms: int) -> tuple[int, int]:
    """Both ends in milliseconds, with the defaults filled in; raises RefusedError."""
    start_ms, end_ms = number_of(params, "startTime"), number_of(params, "endTime")
    if start_ms is None:
        end_ms = now_ms if end_ms is None else end_ms
        start_ms = end_ms - reach.default_ms
    elif end_ms is None:  # observed: startTime alone is silently shortened to 7 days
        end_ms = min(now_ms, start_ms + reach.default_ms)
    elif end_ms < start_ms:
        raise RefusedError(400, -4188, "startTime can not be later than endTime.")
    elif end_ms == start_ms and scenario.equal_ends == "refused":
        raise RefusedError(400, -1102, "Mandatory parameter 'endTime' was not sent, was empty/null, or malformed.")
    elif _too_long(end_ms - start_ms, reach):
        raise RefusedError(400, -4165, f"Maximum time interval is {reach.longest_name}.")
    if reach.rule == "cut":
        end_ms = min(end_ms, start_ms + reach.longest_ms)
    oldest_ms = now_ms - reach.kept_days * DAY_MS
    if reach.kept_days and scenario.beyond_retention == "error" and start_ms < oldest_ms:
        raise RefusedError(400, -4166, f"Search window is restricted to recent {reach.kept_days} days only.")
    return start_ms, end_ms


def _reach(scenario: Scenario) -> Reach:
    """That of forced orders."""
    return Reach(scenario.window_rule, scenario.longest_window_ms, scenario.retention_days)


def _too_long(length_ms: int, reach: Reach) -> bool:
    if reach.rule == "lt":
        return length_ms >= reach.longest_ms
    return reach.rule == "le" and length_ms > reach.longest_ms


def number_of(params: Mapping[str, str], name: str) -> int | None:
    """A parameter that is a whole number, None where it was not sent; raises RefusedError."""
    text = params.get(name)
    if text is None:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
        raise RefusedError(
            400, -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
        )
    return int(text)
