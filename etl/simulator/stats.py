"""What the exchange received: counts, and a log of every request for force orders."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from etl.simulator.clock import MINUTE_MS
from etl.simulator.pools import POOLS

LOG_LENGTH = 200_000  # the oldest entries are dropped


class LogEntry(NamedTuple):
    """One request for force orders: its market, its parameters as sent, its status and the server time."""

    start: str | None
    end: str | None
    symbol: str | None
    close_type: str | None
    limit: str | None
    rows: int
    status: str
    fault: str | None
    server_time_ms: int
    market: str
    current: str | None
    size: str | None
    isolated_symbol: str | None

    def document(self) -> dict[str, Any]:
        """The entry as JSON; numbers are numbers where they can be read as such."""
        return {
            "market": self.market,
            "startTime": _number(self.start),
            "endTime": _number(self.end),
            "symbol": self.symbol,
            "autoCloseType": self.close_type,
            "limit": _number(self.limit),
            "current": _number(self.current),
            "size": _number(self.size),
            "isolatedSymbol": self.isolated_symbol,
            "rows": self.rows,
            "status": _number(self.status),
            "fault": self.fault,
            "server_time_ms": self.server_time_ms,
        }


@dataclass(slots=True)
class PoolStats:
    """Requests and weight of one pool; `weight_by_minute` by the number of the minute."""

    requests: int = 0
    weight: int = 0
    weight_by_minute: Counter[int] = field(default_factory=Counter)

    def document(self) -> dict[str, Any]:
        """The counts as JSON."""
        return {
            "requests": self.requests,
            "weight": self.weight,
            "weight_by_minute": _by_minute(self.weight_by_minute),
        }


@dataclass(slots=True)
class Stats:
    """Counts of exchange requests since the last reset; control requests are not counted.

    `weight` and `weight_by_minute` are sums over all pools. `throttled` counts 429s, `bans` how often a ban began,
    `requests_during_ban` the requests sent during one, `pages` and `rows` the pages of force orders that went out
    whole.
    """

    requests: int = 0
    by_path: Counter[str] = field(default_factory=Counter)
    weight: int = 0
    weight_by_minute: Counter[int] = field(default_factory=Counter)
    pools: dict[str, PoolStats] = field(default_factory=lambda: {pool.name: PoolStats() for pool in POOLS})
    statuses: Counter[str] = field(default_factory=Counter)
    throttled: int = 0
    bans: int = 0
    requests_during_ban: int = 0
    pages: int = 0
    rows: int = 0
    log: deque[LogEntry] = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))

    def charge(self, pool: str, weight: int, minute: int) -> None:
        """Count the weight of one request."""
        self.weight += weight
        self.weight_by_minute[minute] += weight
        self.pools[pool].weight += weight
        self.pools[pool].weight_by_minute[minute] += weight

    def document(self) -> dict[str, Any]:
        """The statistics as JSON."""
        return {
            "requests": self.requests,
            "requests_by_path": dict(self.by_path),
            "weight": self.weight,
            "weight_by_minute": _by_minute(self.weight_by_minute),
            "pools": {name: pool.document() for name, pool in self.pools.items()},
            "statuses": dict(self.statuses),
            "throttled": self.throttled,
            "bans": self.bans,
            "requests_during_ban": self.requests_during_ban,
            "pages": self.pages,
            "rows": self.rows,
            "log": [entry.document() for entry in self.log],
        }


def _by_minute(weights: Counter[int]) -> list[dict[str, int]]:
    return [{"minute_ms": minute * MINUTE_MS, "weight": weight} for minute, weight in sorted(weights.items())]


def _number(text: str | None) -> int | str | None:
    return int(text) if text and text.isascii() and text.isdigit() else text
