"""The exchange without its sockets: a request and the real time go in, a reply comes out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from etl.simulator import rules, weights
from etl.simulator.accounts import Account
from etl.simulator.book import Book
from etl.simulator.clock import MINUTE_MS, followed, started
from etl.simulator.faults import Fault, Script, replacement, spoiled
from etl.simulator.history import Generated, day_number, generate
from etl.simulator.markets import MARKETS, exchange_info
from etl.simulator.messages import RefusedError, Reply, Request, json_reply
from etl.simulator.orders import Order, json_array
from etl.simulator.page import page
from etl.simulator.scenario import DAY_MS, Scenario
from etl.simulator.stats import LogEntry, Stats
from etl.simulator.weights import FORCE_ORDERS, Usage

History = Generated | Sequence[Order]

PATHS = frozenset({FORCE_ORDERS, "/fapi/v1/time", "/fapi/v1/ping", "/fapi/v1/exchangeInfo"})


@dataclass(frozen=True, slots=True)
class Call:
    """An exchange request with its parameters, the fault that hits it and the server time."""

    request: Request
    pairs: list[tuple[str, str]]
    params: dict[str, str]
    fault: Fault | None
    now_ms: int


class Exchange:
    """Everything the simulator remembers: clock, books, usage by address, faults, statistics.

    It never looks at a clock of its own: every call is told the real time in epoch milliseconds.
    """

    def __init__(
        self,
        scenario: Scenario,
        accounts: Sequence[Account],
        histories: Mapping[str, History],
        faults: Iterable[Fault],
        real_ms: float,
    ) -> None:
        self.scenario = scenario
        self.accounts = {account.name: account for account in accounts}
        self.stats = Stats()
        self.clock = started(scenario, real_ms)
        self.script = Script(faults)
        self.books = {name: Book() for name in self.accounts}
        self._by_key = {account.key: account for account in accounts}
        self._usage: dict[str, Usage] = {}
        self._generated: dict[str, Generated] = {}
        self._origins: dict[str, int] = {}
        # An ordered set: a symbol stays listed once it is known.
        self._symbols = dict.fromkeys(market.symbol for market in MARKETS)
        self._grown_to: dict[str, int] = {}
        for name, history in histories.items():
            if isinstance(history, Generated):
                now_ms = self.clock.read(real_ms)
                origin_ms = now_ms if history.origin_ms is None else history.origin_ms
                self._generated[name], self._origins[name] = history, origin_ms
                self._grown_to[name] = day_number(now_ms, origin_ms) - history.days
            else:
                self.add(name, history)
        self._grow(self.clock.read(real_ms))

    def now_ms(self, real_ms: float) -> int:
        """The server time; generated histories reach a day beyond it."""
        now_ms = self.clock.read(real_ms)
        self._grow(now_ms)
        return now_ms

    def add(self, account: str, orders: Sequence[Order]) -> None:
        """Add orders to an account, or replace those with the same symbol and id."""
        self.books[account].add(orders)
        self._symbols.update(dict.fromkeys(order.symbol for order in orders if order.symbol))

    def change(self, scenario: Scenario, real_ms: float) -> None:
        """Continue under another scenario."""
        self.clock = followed(self.clock, self.scenario, scenario, real_ms)
        self.scenario = scenario

    def answer(self, request: Request, real_ms: float) -> Reply:
        """The reply to an exchange request, charged and counted."""
        now_ms = self.now_ms(real_ms)
        pairs = parse_qsl(request.query, keep_blank_values=True)
        account = self._by_key.get(request.headers.get("x-mbx-apikey", ""))
        fault = self.script.next(request.path, account.name if account else None)
        call = Call(request, pairs, dict(pairs), fault, now_ms)
        before = self._usage.get(request.ip, Usage())
        usage = self._charge(call, before)
        refused = weights.refusal(request.ip, usage, self.scenario, now_ms)
        reply = self._held_off(refused, usage, now_ms) if refused else self._faulty(call)
        used = ("X-MBX-USED-WEIGHT-1M", str(usage.used(self.scenario, now_ms)))
        reply = replace(reply, headers=(*reply.headers, used), delay_ms=reply.delay_ms + self.scenario.latency_ms)
        self._count(call, reply, was_banned=now_ms < before.banned_until_ms)
        return reply

    def _charge(self, call: Call, before: Usage) -> Usage:
        if call.now_ms < before.banned_until_ms:
            return before
        weight = weights.price(call.request.path, bool(call.params.get("symbol")), self.scenario)
        usage = weights.charged(before, weight, self.scenario, call.now_ms)
        if call.fault and call.fault.kind == "ban":
            usage = weights.banned(usage, call.fault.seconds, call.now_ms)
        if call.fault and call.fault.kind == "throttle":
            usage = weights.used_up(usage, self.scenario)
        self._usage[call.request.ip] = usage
        self.stats.weight += weight
        self.stats.weight_by_minute[call.now_ms // MINUTE_MS] += weight
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
        request = call.request
        if request.path not in PATHS or request.method != "GET":
            status = 405 if request.path in PATHS else 404
            raise RefusedError(status, -5000, f"Path {request.path}, Method {request.method} is invalid")
        match request.path:
            case "/fapi/v1/time":
                return json_reply({"serverTime": call.now_ms})
            case "/fapi/v1/ping":
                return json_reply({})
            case "/fapi/v1/exchangeInfo":
                return json_reply(exchange_info(self._symbols, self.scenario.weight_limit, call.now_ms))
        account = rules.signer_of(request, call.params, self._by_key, call.now_ms)
        rules.check_parameters(call.pairs)
        query = rules.query_of(call.params, self._symbols, self.scenario, call.now_ms)
        orders = page(self.books[account.name], query, self.scenario, call.now_ms)
        return Reply(200, json_array(orders), rows=len(orders))

    def _count(self, call: Call, reply: Reply, was_banned: bool) -> None:
        stats, asked = self.stats, call.params.get
        stats.requests += 1
        stats.by_path[call.request.path] += 1
        stats.statuses[reply.label] += 1
        stats.throttled += reply.status == 429
        stats.requests_during_ban += was_banned
        if call.request.path == FORCE_ORDERS:
            if reply.rows is not None and reply.ending == "whole":
                stats.pages += 1
                stats.rows += reply.rows
            window = asked("startTime"), asked("endTime"), asked("symbol"), asked("autoCloseType"), asked("limit")
            fault = call.fault.kind if call.fault else None
            stats.log.append(LogEntry(*window, reply.rows or 0, reply.label, fault, call.now_ms))

    def _grow(self, now_ms: int) -> None:
        for name, history in self._generated.items():
            origin_ms = self._origins[name]
            first, tomorrow = self._grown_to[name], day_number(now_ms, origin_ms) + 1
            if first <= tomorrow:
                start_ms, end_ms = (origin_ms + day * DAY_MS for day in (first, tomorrow + 1))
                self._grown_to[name] = tomorrow + 1
                shape = self.scenario.row_shape
                self.add(name, generate(history.seed, start_ms, end_ms, history.profile, origin_ms, shape))
