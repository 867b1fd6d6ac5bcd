"""Weight: what an address has used of a pool in the running minute, and the refusals above the limit."""

from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

from etl.simulator.clock import MINUTE_MS
from etl.simulator.messages import RefusedError
from etl.simulator.pools import FUTURES, Pool
from etl.simulator.scenario import Scenario

Standing = Literal["free", "throttled", "banned"]

ADVICE = "Please use the websocket for live updates"


@dataclass(frozen=True, slots=True)
class Usage:
    """What one address did in a pool in one minute of the server clock. `refusals` counts its 429s of that minute,
    `exports` its requests for order exports.

    A ban is of the address: it holds in every pool.
    """

    minute: int = 0
    own: int = 0
    refusals: int = 0
    banned_until_ms: int = 0
    pool: Pool = FUTURES
    exports: int = 0

    def standing(self, scenario: Scenario, now_ms: int) -> Standing:
        """How the exchange treats the request that led to this usage."""
        if now_ms < self.banned_until_ms:
            return "banned"
        return "throttled" if self.used(scenario, now_ms) > self.pool.limit(scenario) else "free"

    def used(self, scenario: Scenario, now_ms: int) -> int:
        """The value of the pool's header: the weight of all traffic from this address."""
        return self.own + self.pool.others(scenario) * (now_ms % MINUTE_MS) // MINUTE_MS


def current(usage: Usage, now_ms: int) -> Usage:
    """The usage in the minute of `now_ms`: a new minute begins at 0, a ban continues."""
    minute = now_ms // MINUTE_MS
    return usage if usage.minute == minute else replace(usage, minute=minute, own=0, refusals=0, exports=0)


def charged(usage: Usage, weight: int, scenario: Scenario, now_ms: int) -> Usage:
    """The usage after one more request. Refused requests cost too; those sent during a ban do not."""
    usage = current(usage, now_ms)
    if now_ms < usage.banned_until_ms:
        return usage
    usage = replace(usage, own=usage.own + weight)
    if usage.standing(scenario, now_ms) == "free":
        return usage
    usage = replace(usage, refusals=usage.refusals + 1)
    return banned(usage, scenario.ban_seconds, now_ms) if usage.refusals > scenario.strikes + 1 else usage


def exported(usage: Usage, scenario: Scenario, now_ms: int) -> Usage:
    """The usage, already charged, of a request for an order export: one too many in a minute earns a ban at once."""
    usage = replace(usage, exports=usage.exports + 1)
    too_many = usage.exports > scenario.export_calls_a_minute
    return banned(usage, scenario.ban_seconds, now_ms) if too_many else usage


def banned(usage: Usage, seconds: int, now_ms: int) -> Usage:
    """The usage of an address that is banned from now on."""
    return replace(usage, banned_until_ms=now_ms + seconds * 1000)


def used_up(usage: Usage, scenario: Scenario) -> Usage:
    """The usage of an address whose minute is used up, the running request being the first that is refused."""
    return replace(usage, own=max(usage.own, usage.pool.limit(scenario) + 1), refusals=max(usage.refusals, 1))


def refusal(ip: str, usage: Usage, scenario: Scenario, now_ms: int) -> RefusedError | None:
    """The 429 or 418 that this usage causes, if any."""
    standing = usage.standing(scenario, now_ms)
    if standing == "throttled":
        limit = f"current limit of IP({ip}) is {usage.pool.limit(scenario)} requests per minute"
        return RefusedError(429, -1003, f"Too many requests; {limit}. {ADVICE} to avoid polling the API.")
    if standing == "banned":
        until = f"IP({ip}) banned until {usage.banned_until_ms}"
        return RefusedError(418, -1003, f"Way too many requests; {until}. {ADVICE} to avoid bans.")
    return None


def retry_after(usage: Usage, scenario: Scenario, now_ms: int) -> str | None:
    """The Retry-After header of a 429 or 418: real seconds to its end, rounded up, or as the scenario says."""
    if scenario.retry_after != "seconds":
        return "0" if scenario.retry_after == "0" else None
    end_ms = usage.banned_until_ms if now_ms < usage.banned_until_ms else (now_ms // MINUTE_MS + 1) * MINUTE_MS
    return str(ceil((end_ms - now_ms) / 1000 / scenario.clock_speed))
