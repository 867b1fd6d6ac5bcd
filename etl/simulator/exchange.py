"""The exchange without its sockets: a request and the real time go in, a reply comes out."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl

from etl.simulator import weights
from etl.simulator.accounts import Account
from etl.simulator.calls import Call
from etl.simulator.clock import MINUTE_MS
from etl.simulator.endpoints import price, served
from etl.simulator.export_endpoints import EXPORT_PATHS, download
from etl.simulator.exports import DOWNLOADS, route_of
from etl.simulator.faults import Fault, Script, replacement, spoiled
from etl.simulator.markets import BY_PATH
from etl.simulator.messages import RefusedError, Reply, Request
from etl.simulator.pools import pool_of
from etl.simulator.scenario import Scenario
from etl.simulator.stats import LogEntry, Stats
from etl.simulator.venue import Histories, Venue
from etl.simulator.weights import Usage


class Exchange(Venue):
    """What the exchange knows, and its traffic: usage by address and pool, bans, faults, statistics."""

    def __init__(
        self,
        scenario: Scenario,
        accounts: Sequence[Account],
        histories: Histories,
        faults: Iterable[Fault],
        real_ms: float,
    ) -> None:
        super().__init__(scenario, accounts, histories, real_ms)
        self.stats = Stats()
        self.script = Script(faults)
        self._usage: dict[tuple[str, str], Usage] = {}
        self._banned_until: dict[str, int] = {}

    def answer(self, request: Request, real_ms: float) -> Reply:
        """The reply to an exchange request, charged and counted."""
        now_ms = self.now_ms(real_ms)
        pairs = parse_qsl(request.query, keep_blank_values=True)
        account = self.by_key.get(request.headers.get("x-mbx-apikey", ""))
        fault = self.script.next(route_of(request.path), account.name if account else None)
        call = Call(request, pairs, dict(pairs), fault, now_ms)
        if route_of(request.path) == DOWNLOADS:
            return self._file(call)
        before = self._usage_of(request)
        usage = self._charge(call, before)
        refused = weights.refusal(request.ip, usage, self.scenario, now_ms)
        reply = self._held_off(refused, usage, now_ms) if refused else self._faulty(call)
        used = (usage.pool.header, str(usage.used(self.scenario, now_ms)))
        reply = replace(reply, headers=(*reply.headers, used), delay_ms=reply.delay_ms + self.scenario.latency_ms)
        self._count(call, reply, was_banned=now_ms < before.banned_until_ms)
        return reply

    def _file(self, call: Call) -> Reply:
        """An exported file. In truth another host has it, which neither counts weight nor knows of bans."""
        reply = self._faulty(call)
        self._count_request(DOWNLOADS, reply)
        return replace(reply, delay_ms=reply.delay_ms + self.scenario.latency_ms)

    def _usage_of(self, request: Request) -> Usage:
        """What the address has used of the pool that pays for this path; a ban holds in all of them."""
        pool = pool_of(request.path)
        usage = self._usage.get((request.ip, pool.name), Usage(pool=pool))
        return replace(usage, banned_until_ms=self._banned_until.get(request.ip, 0))

    def _charge(self, call: Call, before: Usage) -> Usage:
        if call.now_ms < before.banned_until_ms:
            return before
        weight = price(call.request.path, call.params, self.scenario)
        usage = weights.charged(before, weight, self.scenario, call.now_ms)
        if call.request.path in EXPORT_PATHS:
            usage = weights.exported(usage, self.scenario, call.now_ms)
        if call.fault and call.fault.kind == "ban":
            usage = weights.banned(usage, call.fault.seconds, call.now_ms)
        if call.fault and call.fault.kind == "throttle":
            usage = weights.used_up(usage, self.scenario)
        self._usage[call.request.ip, usage.pool.name] = usage
        self._banned_until[call.request.ip] = usage.banned_until_ms
        self.stats.charge(usage.pool.name, weight, call.now_ms // MINUTE_MS)
        self.stats.bans += call.now_ms < usage.banned_until_ms
        return usage

    def _held_off(self, refused: RefusedError, usage: Usage, now_ms: int) -> Reply:
        wait = weights.retry_after(usage, self.scenario, now_ms)
        return replace(refused.reply, headers=() if wait is None else (("Retry-After", wait),))

    def _faulty(self, call: Call) -> Reply:
        instead = replacement(call.fault) if call.fault else None
        if instead:
            return instead
        try:
            honest = self._honest(call)
        except RefusedError as refused:
            honest = refused.reply
        return spoiled(honest, call.fault) if call.fault else honest

    def _honest(self, call: Call) -> Reply:
        request, endpoint = call.request, served(call.request.path, self.scenario)
        if route_of(request.path) == DOWNLOADS and request.method == "GET":
            return download(self, call)
        if endpoint is None or request.method != "GET":
            status = 405 if endpoint else 404
            raise RefusedError(status, -5000, f"Path {request.path}, Method {request.method} is invalid")
        return endpoint.answer(self, call)

    def _count(self, call: Call, reply: Reply, was_banned: bool) -> None:
        stats, path = self.stats, call.request.path
        self._count_request(path, reply)
        stats.pools[pool_of(path).name].requests += 1
        stats.throttled += reply.status == 429
        stats.requests_during_ban += was_banned
        if path in BY_PATH:
            if reply.rows is not None and reply.ending == "whole":
                stats.pages += 1
                stats.rows += reply.rows
            stats.log.append(_log_entry(call, reply))

    def _count_request(self, path: str, reply: Reply) -> None:
        self.stats.requests += 1
        self.stats.by_path[path] += 1
        self.stats.statuses[reply.label] += 1


def _log_entry(call: Call, reply: Reply) -> LogEntry:
    asked = call.params.get
    return LogEntry(
        start=asked("startTime"),
        end=asked("endTime"),
        symbol=asked("symbol"),
        close_type=asked("autoCloseType"),
        limit=asked("limit"),
        rows=reply.rows or 0,
        status=reply.label,
        fault=call.fault.kind if call.fault else None,
        server_time_ms=call.now_ms,
        market=BY_PATH[call.request.path].name,
        current=asked("current"),
        size=asked("size"),
        isolated_symbol=asked("isolatedSymbol"),
    )
