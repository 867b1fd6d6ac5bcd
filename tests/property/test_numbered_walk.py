"""Numbered pages under every reading of their documentation, stated as one sentence over random lists.

A row that was there all the time is received, or it lies in an interval that is named as unproven.
"""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from etl.core.findings import Finding, Verdict
from etl.core.numbered_walk import MOST_FAILURES, MOST_PAGES, READS, numbered_walk
from etl.core.observations import Observations, TruncationSide
from etl.core.page_limits import PageLimits
from etl.core.retention import Retention
from etl.core.timeline import Window, clip, merge
from etl.core.walking import Target
from tests.property.numbered_oracle import (
    LIMIT,
    NOW,
    SPAN,
    Change,
    Endpoint,
    Row,
    Server,
    changes,
    drive,
    lists,
    orders,
    servers,
)

fewer = settings(max_examples=max(20, settings().max_examples // 5))

Worlds = tuple[list[Row], list[Change], Server]


def read(endpoint: Endpoint, *, by_symbol: bool = True) -> list[Finding]:
    observed = Observations(TruncationSide(), PageLimits(LIMIT, LIMIT // 2), Retention(None, NOW))
    return drive(endpoint, numbered_walk(Target(SPAN, SPAN), observed, by_symbol=by_symbol))


def proven(findings: list[Finding]) -> list[Window]:
    return merge(finding.window for finding in findings if finding.verdict is Verdict.PROVEN)


def missing(endpoint: Endpoint, findings: list[Finding], *, by_symbol: bool = True) -> list[Row]:
    """Rows that were there all the time, and that the pages of the proof of their instant do not show."""
    lacking = []
    for finding in findings:
        shown = {order.raw for page in finding.pages for order in page.orders}
        shown |= {reject.raw for page in finding.pages for reject in page.rejects}
        lacking += [
            row
            for row in endpoint.lasting
            if finding.verdict is Verdict.PROVEN
            and finding.window.contains(row.time)
            and (by_symbol or not row.is_isolated)
            and row.wire() not in shown
        ]
    return lacking


@st.composite
def worlds(draw: st.DrawFn) -> Worlds:
    """What pages can show: where the server lags, nothing goes, as it would come back; where it miscounts, it sorts."""
    rows, server = draw(lists()), draw(servers)
    if server.counts not in ("the list", "the page"):
        server = replace(server, order=draw(orders))
    made = draw(changes(rows))
    if draw(st.booleans()):
        made = [change for change in made if change.comes]
        server = replace(server, lag=draw(st.integers(1, 3)))
    return rows, made, server


@given(world=worlds(), by_symbol=st.booleans())
def test_no_row_that_was_there_all_the_time_is_missing_from_what_is_proven(world: Worlds, by_symbol: bool) -> None:
    endpoint = Endpoint(*world)
    findings = read(endpoint, by_symbol=by_symbol)
    assert missing(endpoint, findings, by_symbol=by_symbol) == []
    assert merge(finding.window for finding in findings) == [SPAN], "every instant has a verdict"
    unproven = [finding.window for finding in findings if finding.verdict is not Verdict.PROVEN]
    assert not any(clip(unproven, window) for window in proven(findings)), "and only one of the two"


@fewer
@given(rows=lists(), order=orders, includes_ends=st.booleans(), shows_all=st.booleans(), by_symbol=st.booleans())
def test_what_a_well_behaved_endpoint_shows_is_always_proven(
    rows: list[Row], order: str, includes_ends: bool, shows_all: bool, by_symbol: bool
) -> None:
    endpoint = Endpoint(rows, server=Server(order, includes_ends, shows_all=shows_all))
    findings = read(endpoint, by_symbol=by_symbol)
    assert proven(findings) == [SPAN]
    assert missing(endpoint, findings, by_symbol=by_symbol) == []
    if not by_symbol:
        pages = -(-sum(shows_all or not row.is_isolated for row in rows) // LIMIT)
        assert len(endpoint.requests) <= 2 * pages + 1


@fewer
@given(rows=lists(damaged=False), made=st.data(), order=orders)
def test_a_list_that_comes_to_rest_is_proven_in_the_end(rows: list[Row], made: st.DataObject, order: str) -> None:
    endpoint = Endpoint(rows, made.draw(changes(rows))[: READS - 1], Server(order))
    assert proven(read(endpoint)) == [SPAN]


@fewer
@given(rows=lists(), lists_pairs=st.sampled_from([None, frozenset[str]()]))
def test_without_the_list_of_pairs_nothing_is_proven(rows: list[Row], lists_pairs: frozenset[str] | None) -> None:
    endpoint = Endpoint(rows, lists=lists_pairs)
    assert {finding.verdict for finding in read(endpoint)} == {Verdict.FAILED}
    assert {row.order_id for row in rows if not row.is_isolated} <= endpoint.received


@fewer
@given(rows=lists(), order=orders)
def test_a_pair_that_is_listed_and_not_answered_leaves_everything_unproven(rows: list[Row], order: str) -> None:
    assert proven(read(Endpoint(rows, server=Server(order, refuses="B")))) == []


@fewer
@given(world=worlds(), ignores_symbol=st.booleans())
def test_the_number_of_requests_has_a_bound(world: Worlds, ignores_symbol: bool) -> None:
    rows, made, server = world
    endpoint = Endpoint(rows, made, replace(server, ignores_symbol=ignores_symbol))
    failures = MOST_FAILURES + endpoint.ever + 1
    endpoint.most_requests = (2 * failures + 1) * READS * 2 * MOST_PAGES
    read(endpoint, by_symbol=False)


@fewer
@given(rows=lists(damaged=False), order=orders)
def test_a_server_that_ignores_the_symbol_proves_nothing_that_it_hides(rows: list[Row], order: str) -> None:
    rows = [Row("A", 0, SPAN.start), *rows]  # as cross margin
    endpoint = Endpoint(rows, server=Server(order, ignores_symbol=True))
    findings = read(endpoint)
    assert [row for row in missing(endpoint, findings) if row.time == SPAN.start] == []
    assert Verdict.DISPUTED in {finding.verdict for finding in findings}
