"""Random income, read as a night reads it: what is proven of a type is stored, and each row as often as it is."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from etl.core.findings import Finding, Verdict
from etl.core.income import Income, IncomePage
from etl.core.observations import Observations, TruncationSide
from etl.core.page_limits import PageLimits
from etl.core.paging import PageRequest
from etl.core.retention import Retention
from etl.core.timeline import DAY, HOUR, Window, clip, divide, subtract
from etl.core.walking import Target, walk
from etl.core.window_splitting import NARROWEST
from etl.exchange.income import read_income

START = 1_790_000_000_000
SPAN = Window(START, START + 20 * DAY)
NOW = SPAN.end + DAY
LIMIT, DEFAULT = 40, 4
"""Rows a page as asked for, and if no limit is named: as 1,000 and 100."""
TYPES = ("INSURANCE_CLEAR", "COMMISSION")

MOST = settings().max_examples
walks = settings(max_examples=MOST if MOST > 1_000 else min(MOST, 25))

Row = dict[str, Any]


@st.composite
def books(draw: st.DrawFn) -> list[Row]:
    """Income with ids and without, with ties, and with rows that are equal in all that they say."""
    crowd = SPAN.start + draw(st.integers(1, 19 * DAY))
    times = st.one_of(
        st.integers(SPAN.start, SPAN.end - 1), st.integers(crowd, crowd + 3), st.integers(crowd, crowd + HOUR)
    )
    rows: list[Row] = []
    for number in range(draw(st.integers(0, 120))):
        row = {
            "incomeType": draw(st.sampled_from(TYPES)),
            "tranId": draw(st.sampled_from([0, 0, 1 + number])),
            "time": draw(times),
            "income": draw(st.sampled_from(["-1.0", "-2"])),
            "asset": draw(st.sampled_from(["USDT", "BNB"])),
            "symbol": draw(st.sampled_from(["", "BTCUSDT"])),
            "tradeId": draw(st.sampled_from(["", "7"])),
        }
        equal = draw(st.sampled_from([1, 1, 1, 2, 5])) if row["tranId"] == 0 else 1
        rows += [row] * equal
    return rows


@dataclass
class Exchange:
    """Keeps the oldest or the newest rows of a full page; may ignore the limit, from some request on or until then."""

    rows: Sequence[Row]
    keeps_oldest: bool
    ignores_type: bool
    ignores_limit: tuple[bool, bool]
    changes_at: int
    requests: list[PageRequest] = field(default_factory=list)
    table: dict[tuple[object, ...], Income] = field(default_factory=dict)

    def answer(self, request: PageRequest) -> IncomePage:
        self.requests.append(request)
        start, end = request.window.wire()
        found = [
            row
            for row in sorted(self.rows, key=lambda row: row["time"])
            if start <= row["time"] <= end and (self.ignores_type or row["incomeType"] == request.symbol)
        ]
        limit = DEFAULT if self.ignores_limit[len(self.requests) > self.changes_at] else request.limit
        page = found[:limit] if self.keeps_oldest else found[max(0, len(found) - limit) :]
        answer = read_income(request.symbol or "", json.dumps(page).encode(), NOW)
        for row in answer.records:
            self.table.setdefault(row.key, row)
        return answer


exchanges = st.builds(
    Exchange,
    books(),
    st.booleans(),
    st.booleans(),
    st.sampled_from([(False, False), (True, True), (False, True), (True, False)]),
    st.integers(0, 10),
)


def read(exchange: Exchange, income_type: str, targets: Sequence[Target]) -> list[Finding]:
    """One request after the other, as the reader of records sends them."""
    observations = Observations(TruncationSide(), PageLimits(LIMIT, DEFAULT), Retention(None, NOW))
    findings: list[Finding] = []
    for target in targets:
        steps = walk(replace(target, symbol=income_type), observations, by_symbol=False)
        answer = None
        while True:
            step = steps.send(answer)
            findings += step.findings
            if step.request is None and step.is_settled is None:
                break
            answer = exchange.answer(step.request) if isinstance(step.request, PageRequest) else None
    return findings


def content(row: Income) -> tuple[object, ...]:
    return row._replace(copy=0, raw="")


def rows_of(exchange: Exchange, income_type: str, windows: Sequence[Window]) -> Counter[tuple[object, ...]]:
    whole = read_income(income_type, json.dumps(exchange.rows).encode(), NOW)
    return Counter(content(row) for row in whole.records if any(window.contains(row.time) for window in windows))


def stored(exchange: Exchange, windows: Sequence[Window]) -> Counter[tuple[object, ...]]:
    return Counter(
        content(row) for row in exchange.table.values() if any(window.contains(row.time) for window in windows)
    )


def proven(findings: Sequence[Finding]) -> list[Window]:
    unproven = subtract([SPAN], [finding.window for finding in findings if finding.verdict is Verdict.PROVEN])
    return subtract([SPAN], unproven)


@walks
@given(exchange=exchanges, income_type=st.sampled_from(TYPES), widest=st.sampled_from([3 * DAY, 7 * DAY - 2]))
def test_the_table_equals_the_books_wherever_it_is_proven(exchange: Exchange, income_type: str, widest: int) -> None:
    findings = read(exchange, income_type, [Target(w, w) for w in divide(SPAN, widest)])
    windows = proven(findings)
    assert stored(exchange, windows) == rows_of(exchange, income_type, windows)
    assert stored(exchange, [SPAN]) <= rows_of(exchange, income_type, [SPAN]), "no row more often than it is"
    assert subtract([SPAN], [finding.window for finding in findings]) == [], "every instant has a verdict"


@walks
@given(exchange=exchanges, income_type=st.sampled_from(TYPES))
def test_where_the_exchange_does_as_documented_only_crowded_milliseconds_are_left(
    exchange: Exchange, income_type: str
) -> None:
    exchange.ignores_limit, exchange.ignores_type = (False, False), False
    findings = read(exchange, income_type, [Target(w, w) for w in divide(SPAN, 7 * DAY - 2)])
    left = [finding for finding in findings if finding.verdict is not Verdict.PROVEN]
    assert {finding.verdict for finding in left} <= {Verdict.SATURATED}
    own = [row["time"] for row in exchange.rows if row["incomeType"] == income_type]
    for finding in left:
        assert finding.window.width <= NARROWEST
        start, end = finding.window.wire()
        assert sum(start <= time <= end for time in own) >= DEFAULT


@walks
@given(exchange=exchanges, cuts=st.lists(st.integers(1, 20 * DAY - 1), max_size=4), split=st.integers(1, 20 * DAY - 1))
def test_a_second_reading_of_any_windows_adds_nothing_to_what_is_proven(
    exchange: Exchange, cuts: list[int], split: int
) -> None:
    income_type = TYPES[0]
    findings = read(exchange, income_type, [Target(w, w) for w in divide(SPAN, 7 * DAY - 2)])
    windows = proven(findings)
    before = stored(exchange, windows)
    ends = sorted({SPAN.start, SPAN.end, *(SPAN.start + cut for cut in (*cuts, split))})
    pieces = [part for start, end in pairwise(ends) for part in divide(Window(start, end), 7 * DAY - 2)]
    read(exchange, income_type, [Target(w, w, proven=tuple(clip(windows, w))) for w in pieces])
    assert stored(exchange, windows) == before
