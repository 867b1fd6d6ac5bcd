"""A probe against a simulated exchange in the same process: every request goes through its rules and signatures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from etl.core.markets import market_named
from etl.core.paging import Refusal
from etl.core.probing.findings import ProbeFinding, Question
from etl.core.probing.notebook import MOST_WEIGHT, ProbeAnswer, ProbeRequest, Refused
from etl.core.probing.probe import probe
from etl.exchange.pages import read_numbered_page, read_page
from etl.simulator.markets import market_named as simulated_market
from tests.unit.desk import START, Desk

REFUSALS = {-4165: Refusal.TOO_WIDE, -4166: Refusal.BEYOND_RETENTION, -1121: Refusal.UNKNOWN_SYMBOL}


@dataclass
class Probed:
    """What a probe found and what it sent. Reading a question's answer is `probed[Question.SPAN]`."""

    findings: Sequence[ProbeFinding]
    requests: list[ProbeRequest]
    weight: int

    def __getitem__(self, question: Question) -> str:
        return self.of(question).answer

    def of(self, question: Question) -> ProbeFinding:
        return next(finding for finding in self.findings if finding.question is question)


def probed(
    desk: Desk, market: str = "usdm", stored: Sequence[int] = (), allowance: int = MOST_WEIGHT
) -> Probed:
    """Runs a whole probe; the desk's clock stands still."""
    steps = probe(market_named(market), START, stored, allowance)
    requests: list[ProbeRequest] = []
    weight, answer = 0, None
    try:
        request = next(steps)
        while True:
            requests.append(request)
            weight += market_named(market).weights.of(request.symbol)
            answer = _answer(desk, market, request)
            request = steps.send(answer)
    except StopIteration as done:
        return Probed(done.value, requests, weight)


def _answer(desk: Desk, market: str, request: ProbeRequest) -> ProbeAnswer:
    is_numbered = market_named(market).pager.name == "NUMBERED"
    paging = {"current": 1, "size": request.limit} if is_numbered else {"limit": request.limit}
    named: dict[str, Any] = {} if request.symbol is None else {"symbol": request.symbol}
    reply = desk.signed(
        simulated_market(market).path, startTime=request.start, endTime=request.end, **paging, **named
    )
    if reply.status != 200:
        code = json.loads(reply.body)["code"]
        assert code not in (-1003, -2015), reply.body
        return Refused(REFUSALS.get(code), code)
    return (read_numbered_page if is_numbered else read_page)(reply.body, START)
