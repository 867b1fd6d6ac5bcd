"""A list endpoint with numbered pages that is honest, or dishonest in every way that the walk allows for.

The list changes while it is read: before each answer rows may come or go. A row that has gone does not come back.
"""

import json
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from hypothesis import strategies as st

from etl.core.dialogue import Reply, Steps
from etl.core.findings import Finding
from etl.core.paging import Answer, PageRequest, Refusal
from etl.core.timeline import DAY, Window
from etl.exchange.pages import read_numbered_page

START = 1_790_000_000_000
SPAN = Window(START, START + 7 * DAY - 2)
NOW = SPAN.end + DAY
LIMIT = 8
"""Rows a page in these tests, so that small lists have several."""

PAIRS = "ABC"


class Row(NamedTuple):
    symbol: str
    order_id: int
    time: int
    is_isolated: bool = False
    is_damaged: bool = False

    @property
    def key(self) -> tuple[str, int]:
        return self.symbol, self.order_id

    def wire(self) -> str:
        order_id = "?" if self.is_damaged else self.order_id
        return json.dumps({"symbol": self.symbol, "orderId": order_id, "updateTime": self.time, "n": self.order_id})


class Change(NamedTuple):
    """Before the answer of this number a row comes, or goes."""

    at: int
    row: Row
    comes: bool


@dataclass(frozen=True)
class Server:
    """How the endpoint answers; the default is what its documentation promises."""

    order: str = "newest first"
    includes_ends: bool = True
    ignores_size: bool = False
    ignores_number: bool = False
    ignores_window: bool = False
    ignores_symbol: bool = False
    shows_all: bool = False
    """Whether a request without a symbol shows isolated pairs, too."""
    most: int = 100
    """The most rows on a page."""
    skips_by_size: bool = False
    """Whether page 2 begins after the rows that were asked for, not after those that a page may have."""
    counts: str = "the list"
    counts_to: int = 1_000
    repeats: int = 0
    """How many rows of a page appear on it once more."""
    lag: int = 0
    """By how many changes the server that answers may be behind, another one each time."""
    refuses: str = ""
    """The symbol that the endpoint does not know."""
    seed: int = 0


@dataclass
class Endpoint:
    rows: list[Row]
    changes: list[Change] = field(default_factory=list)
    server: Server = Server()
    lists: frozenset[str] | None = frozenset(PAIRS)
    most_requests: int = 100_000
    requests: list[PageRequest] = field(default_factory=list)
    received: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._random = Random(self.server.seed)
        self.changes.sort()

    @property
    def lasting(self) -> list[Row]:
        """The rows that every answer was given from."""
        gone = {change.row.key for change in self.changes if not change.comes}
        return [row for row in self.rows if row.key not in gone]

    @property
    def ever(self) -> int:
        return len(self.rows) + sum(change.comes for change in self.changes)

    def answer(self, request: PageRequest) -> Answer:
        self.requests.append(request)
        assert len(self.requests) <= self.most_requests
        assert request.number is not None
        assert request.number >= 1
        assert 1 <= request.limit <= LIMIT
        server = self.server
        if request.symbol and request.symbol == server.refuses:
            return Refusal.UNKNOWN_SYMBOL
        matching = self._sorted([row for row in self._state() if self._matches(row, request)])
        size = min(server.most, LIMIT // 2 if server.ignores_size else request.limit)
        skipped = (request.limit if server.skips_by_size else size) * (request.number - 1)
        shown = matching[0 if server.ignores_number else skipped :][:size]
        shown += shown[: server.repeats]
        total = {
            "the list": len(matching),
            "the page": len(shown),
            "one more": len(matching) + 1,
            "one less": max(0, len(matching) - 1),
            "nothing": 0,
            "no end": 10**9,
            "to a limit": min(len(matching), server.counts_to),
        }[server.counts]
        self.received |= {row.order_id for row in shown}
        body = f'{{"total":{total},"rows":[{",".join(row.wire() for row in shown)}]}}'
        return read_numbered_page(body.encode(), NOW)

    def _state(self) -> list[Row]:
        done = [change for change in self.changes if change.at < len(self.requests)]
        rows = list(self.rows)
        for change in done[: len(done) - min(len(done), self._random.randint(0, self.server.lag))]:
            if change.comes:
                rows.append(change.row)
            elif change.row in rows:
                rows.remove(change.row)
        return rows

    def _matches(self, row: Row, request: PageRequest) -> bool:
        server, (start, end) = self.server, request.window.wire()
        if request.symbol is None or server.ignores_symbol:
            is_part = server.shows_all or not row.is_isolated
        else:
            is_part = row.is_isolated and row.symbol == request.symbol
        within = start <= row.time <= end if server.includes_ends else start < row.time < end
        return is_part and (within or server.ignores_window)

    def _sorted(self, rows: list[Row]) -> list[Row]:
        if self.server.order == "shuffled":
            return self._random.sample(rows, len(rows))
        if self.server.order == "by the time alone":
            return sorted(self._random.sample(rows, len(rows)), key=lambda row: row.time)
        return sorted(rows, key=lambda row: (row.time, row.order_id), reverse=self.server.order == "newest first")


def drive(endpoint: Endpoint, steps: Steps) -> list[Finding]:
    """The walk to its end; all findings."""
    findings: list[Finding] = []
    reply: Reply = None
    while True:
        step = steps.send(reply)
        findings += step.findings
        if step.request is None:
            return findings
        reply = endpoint.lists if not isinstance(step.request, PageRequest) else endpoint.answer(step.request)


@st.composite
def lists(draw: st.DrawFn, *, damaged: bool = True) -> list[Row]:
    """Quiet stretches and bursts, down to many rows in one millisecond, of cross margin and a few isolated pairs."""
    rows: list[Row] = []
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(SPAN.start, SPAN.end - 1))
        spread = draw(st.sampled_from([1, 4, 1_000, DAY, 7 * DAY]))
        for _ in range(draw(st.integers(1, 25))):
            time = min(at + draw(st.integers(0, spread - 1)), SPAN.end - 1)
            is_isolated = draw(st.booleans())
            is_damaged = damaged and draw(st.integers(0, 9)) == 0
            rows.append(Row(draw(st.sampled_from(PAIRS)), len(rows) + 1, time, is_isolated, is_damaged))
    return rows


@st.composite
def changes(draw: st.DrawFn, rows: list[Row]) -> list[Change]:
    made: list[Change] = []
    for number in range(draw(st.integers(0, 6))):
        at = draw(st.integers(1, 12))
        goes = draw(st.booleans())
        if rows and goes:
            made.append(Change(at, draw(st.sampled_from(rows)), comes=False))
        else:
            time = draw(st.sampled_from([SPAN.start, SPAN.end - 1]) | st.integers(SPAN.start, SPAN.end - 1))
            made.append(Change(at, Row(draw(st.sampled_from(PAIRS)), 1_000 + number, time), comes=True))
    return made


orders = st.sampled_from(["newest first", "oldest first"])

servers = st.builds(
    Server,
    order=orders | st.sampled_from(["shuffled", "by the time alone"]),
    includes_ends=st.booleans(),
    ignores_size=st.booleans(),
    ignores_number=st.booleans(),
    ignores_window=st.sampled_from([False, False, False, True]),
    shows_all=st.booleans(),
    most=st.sampled_from([3, LIMIT // 2, LIMIT - 1, 100]),
    skips_by_size=st.booleans(),
    counts=st.sampled_from(["the list"] * 4 + ["the page", "one more", "one less", "nothing", "no end", "to a limit"]),
    counts_to=st.integers(1, 3 * LIMIT),
    repeats=st.sampled_from([0, 0, 0, 1, 2]),
    seed=st.integers(0, 1_000),
)
