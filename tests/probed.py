"""A probe against a simulated exchange in the same process: every request goes through its rules and signatures."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from etl.core.markets import market_named
from etl.core.paging import GREATEST_LIMIT, Refusal
from etl.core.probing.findings import Found, ProbeFinding, Question
from etl.core.probing.notebook import MOST_WEIGHT, YOUNG, ProbeAnswer, ProbeRequest, Refused
from etl.core.probing.probe import probe
from etl.exchange.pages import read_numbered_page, read_page
from etl.simulator.markets import market_named as simulated_market
from etl.simulator.scenario import DAY_MS, WEEK_MS, Scenario
from tests.unit.desk import START, Desk, row

REFUSALS = {-4165: Refusal.TOO_WIDE, -4166: Refusal.BEYOND_RETENTION, -1121: Refusal.UNKNOWN_SYMBOL}

KEPT = {"oldest": Found.OLDEST, "newest": Found.NEWEST, "by_symbol": Found.BY_SYMBOL, "random": Found.NO_RULE}
ORDERS = {"ascending": Found.ASCENDING, "descending": Found.DESCENDING, "shuffled": Found.NO_ORDER}
OLD_DAYS = 92
"""A probe asks for a time that ends 91 days ago."""


@dataclass
class Probed:
    """What a probe found and what it sent. Reading a question's answer is `probed[Question.SPAN]`."""

    findings: Sequence[ProbeFinding]
    requests: list[ProbeRequest]
    weight: int

    def __getitem__(self, question: Question) -> Found:
        return self.of(question).answer

    def of(self, question: Question) -> ProbeFinding:
        return next(finding for finding in self.findings if finding.question is question)


def history(size: int, days_ago: int = 20, seed: int = 1, symbols: Sequence[str] = "ABC") -> list[dict[str, Any]]:
    """Orders of several symbols within three days, most of them changed a few milliseconds after they were made."""
    random = Random(seed)
    names = [f"{name}USDT" for name in symbols]
    times = [START - days_ago * DAY_MS + random.randrange(3 * DAY_MS) for _ in range(size)]
    return [
        row(at, names[number % len(names)], number + 1, updateTime=at + random.choice((0, 1, 2, 5, 43)))
        for number, at in enumerate(sorted(times))
    ]


def probed(
    desk: Desk,
    market: str = "usdm",
    stored: Sequence[int] = (),
    allowance: int = MOST_WEIGHT,
    delisted: Collection[str] = (),
) -> Probed:
    """Runs a whole probe; the desk's clock stands still. `delisted`: symbols that the exchange does not know now."""
    steps = probe(market_named(market), START, stored, allowance)
    requests: list[ProbeRequest] = []
    weight, answer = 0, None
    try:
        request = next(steps)
        while True:
            requests.append(request)
            weight += market_named(market).weights.of(request.symbol)
            is_known = request.symbol not in delisted
            answer = _answer(desk, market, request) if is_known else Refused(Refusal.UNKNOWN_SYMBOL, -1121)
            request = steps.send(answer)
    except StopIteration as done:
        return Probed(done.value, requests, weight)


def _answer(desk: Desk, market: str, request: ProbeRequest) -> ProbeAnswer:
    is_numbered = market_named(market).pager.name == "NUMBERED"
    named: dict[str, Any] = {"current": 1, "size": request.limit} if is_numbered else {"limit": request.limit}
    named |= {} if request.symbol is None else {"symbol": request.symbol}
    reply = desk.signed(simulated_market(market).path, startTime=request.start, endTime=request.end, **named)
    if reply.status != 200:
        code = json.loads(reply.body)["code"]
        assert code not in (-1003, -2015), reply.body
        return Refused(REFUSALS.get(code), code)
    return (read_numbered_page if is_numbered else read_page)(reply.body, START)


def right_answers(question: Question, scenario: Scenario) -> set[Found]:
    """What a settled answer may say about a simulator with these switches."""
    week_ms, longest = WEEK_MS, scenario.longest_window_ms

    def is_answered(span: int) -> bool:
        if scenario.window_rule == "lt":
            return span < longest
        return scenario.window_rule in ("none", "cut") or span <= longest

    is_old_refused = scenario.beyond_retention == "error" and 0 < scenario.retention_days < OLD_DAYS
    match question:
        case Question.CUT:
            return {KEPT[scenario.kept]}
        case Question.CUT_OF_SYMBOL:
            return {Found.OLDEST if scenario.kept == "by_symbol" else KEPT[scenario.kept]}
        case Question.PAGE_SIZE:
            return {Found.AS_ASKED if scenario.page_limit_cap >= GREATEST_LIMIT else Found.FEWER}
        case Question.ROW_ORDER:
            return {ORDERS[scenario.order]}
        case Question.START:
            return {Found.INCLUSIVE if scenario.start_inclusive else Found.EXCLUSIVE}
        case Question.END:
            return {Found.INCLUSIVE if scenario.end_inclusive else Found.EXCLUSIVE}
        case Question.FILTER_FIELD:
            return {Found(scenario.filter_field)}
        case Question.EQUAL_ENDS:
            return {Found.ANSWERED if scenario.equal_ends == "accepted" else Found.REFUSED}
        case Question.SPAN if not is_answered(week_ms):
            return {Found.LESS_THAN_A_WEEK if is_answered(week_ms - 1) else Found.SHORTER}
        case Question.SPAN if not is_answered(week_ms + 1):
            return {Found.A_WEEK}
        case Question.SPAN:
            return {Found.SHORTENED if scenario.window_rule == "cut" and longest < 8 * DAY_MS else Found.LONGER}
        case Question.BEYOND:
            return {Found.REFUSED} if is_old_refused else {Found.EMPTY, Found.SHOWN}
        case Question.LIMIT:
            return {Found.ANSWERED if scenario.limit_above_max == "cut" else Found.REFUSED}
        case Question.DELAY:
            return {Found.WITHIN} if scenario.visibility_delay_ms < YOUNG else set()


def wrong(done: Probed, scenario: Scenario) -> list[ProbeFinding]:
    """The findings that are settled and not what the switches say."""
    return [
        finding
        for finding in done.findings
        if finding.is_settled and finding.answer not in right_answers(finding.question, scenario)
    ]
