"""The walk under every hypothesis about the exchange, stated as one sentence over random histories.

What is stored equals the history, or the difference lies inside an interval that is named as unproven: an order may be
missing only if one of its two times lies there, whichever of them the exchange filters by.
"""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from etl.core.findings import Finding, Verdict
from etl.core.hints import Hint, HintTrust
from etl.core.observations import Observations, TruncationSide
from etl.core.page_limits import PageLimits
from etl.core.retention import Retention
from etl.core.timeline import DAY, HOUR, Window, divide, subtract
from etl.core.walking import LEVELS, Target
from etl.core.window_splitting import NARROWEST
from etl.exchange.pages import read_page
from etl.simulator.scenario import Scenario
from tests.property.oracle import LIMIT, NOW, SPAN, Exchange, Row, Server, drive, histories, scenarios, worlds

WIDEST = 7 * DAY - 2

MOST = settings().max_examples
walks = settings(max_examples=MOST if MOST > 1_000 else min(MOST, 30))
"""An example is a walk of up to a thousand requests. Fifty show every behaviour; the nightly profile has them all."""


def observations(hints: HintTrust | None = None) -> Observations:
    return Observations(TruncationSide(), PageLimits(LIMIT, LIMIT // 2), Retention(None, NOW), hints=hints)


def missing_from_what_is_proven(exchange: Exchange, findings: list[Finding], symbol: str | None = None) -> list[Row]:
    """Orders that were not received although both their times lie in what counts as proven for their symbol."""
    missing = []
    for row in exchange.rows:
        holes = subtract(
            [SPAN], [f.window for f in findings if f.verdict is Verdict.PROVEN and f.symbol in (None, row.symbol)]
        )
        in_doubt = any(hole.contains(t) for hole in holes for t in row.times)
        in_scope = symbol in (None, row.symbol) and all(SPAN.contains(t) for t in row.times)
        if in_scope and not in_doubt and row.key not in exchange.received:
            missing.append(row)
    return missing


@walks
@given(
    world=worlds(),
    scenario=scenarios,
    lists_symbols=st.booleans(),
    widest=st.sampled_from([3 * DAY, WIDEST]),
    most_in_doubt=st.sampled_from([1, 2, 8]),
)
def test_what_is_stored_equals_the_history_or_the_difference_lies_in_a_named_interval(
    world: tuple[list[Row], Server], scenario: Scenario, lists_symbols: bool, widest: int, most_in_doubt: int
) -> None:
    rows, server = world
    exchange = Exchange(rows, scenario, lists_symbols, server)
    findings = drive(exchange, [Target(w, w) for w in divide(SPAN, widest)], observations(), most_in_doubt)
    assert missing_from_what_is_proven(exchange, findings) == []
    assert subtract([SPAN], [finding.window for finding in findings]) == [], "every instant has a verdict"


@st.composite
def wrong_hints(draw: st.DrawFn) -> Callable[[Window], Hint | None]:
    """Any hint: times of whatever density, whether or not anything happened then, of all of a window or of a part."""
    times = sorted(draw(st.lists(st.integers(SPAN.start - DAY, SPAN.end + DAY), max_size=60)))
    crowd = draw(st.integers(SPAN.start, SPAN.end))
    times += [crowd + step for step in draw(st.lists(st.integers(0, 40), max_size=60))]
    lag = draw(st.sampled_from([0, 0, HOUR, DAY, 40 * DAY]))
    return lambda window: Hint(window.start + lag, times) if times else None


@walks
@given(
    world=worlds(),
    scenario=scenarios,
    hint=wrong_hints(),
    is_right=st.booleans(),
    most_in_doubt=st.sampled_from([1, 8]),
)
def test_a_hint_however_wrong_leaves_the_same_proof_and_the_same_rows(
    world: tuple[list[Row], Server],
    scenario: Scenario,
    hint: Callable[[Window], Hint | None],
    is_right: bool,
    most_in_doubt: int,
) -> None:
    rows, server = world
    exchange = Exchange(rows, scenario, server=server, hint=hint)
    if is_right:
        exchange.hint = lambda window: Hint(window.start, [row.time for row in rows])
    findings = drive(exchange, [Target(w, w) for w in divide(SPAN, WIDEST)], observations(HintTrust()), most_in_doubt)
    assert missing_from_what_is_proven(exchange, findings) == []
    assert subtract([SPAN], [finding.window for finding in findings]) == [], "every instant has a verdict"
    if server == Server():
        without = Exchange(rows, scenario, server=server)
        plainly = drive(without, [Target(w, w) for w in divide(SPAN, WIDEST)], observations(), most_in_doubt)
        holes, holes_without = unproven(findings), unproven(plainly)
        assert are_the_same(holes, holes_without)
        different = exchange.received ^ without.received
        assert all(
            any(hole.contains(t) for hole in [*holes, *holes_without] for t in row.times)
            for row in rows
            if row.key in different
        )


def unproven(findings: list[Finding]) -> list[Window]:
    return subtract([SPAN], [f.window for f in findings if f.verdict is Verdict.PROVEN and f.symbol is None])


def are_the_same(holes: list[Window], others: list[Window]) -> bool:
    """A saturated instant is unproven with up to two neighbours, before or after it."""
    wider = [[Window(hole.start - NARROWEST, hole.end + NARROWEST) for hole in own] for own in (holes, others)]
    return subtract(holes, wider[1]) == [] == subtract(others, wider[0])


@walks
@given(rows=histories(), scenario=scenarios, widest=st.sampled_from([3 * DAY, WIDEST]), overlap=st.booleans())
def test_each_order_that_is_received_is_seen_first_exactly_once(
    rows: list[Row], scenario: Scenario, widest: int, overlap: bool
) -> None:
    exchange = Exchange(rows, scenario)
    targets = [Target(w, w) for w in divide(SPAN, widest)]
    hole = Window(SPAN.start + DAY, SPAN.start + 5 * DAY)
    drive(exchange, targets + [Target(hole, hole)] * overlap, observations())
    assert len(exchange.seen_first) == len(set(exchange.seen_first))
    assert set(exchange.seen_first) <= exchange.received
    if not scenario.strays:
        assert set(exchange.seen_first) == exchange.received


@walks
@given(world=worlds(), symbol=st.sampled_from("ABCD"), scenario=scenarios)
def test_the_same_holds_for_a_symbol_asked_for_by_name(
    world: tuple[list[Row], Server], symbol: str, scenario: Scenario
) -> None:
    rows, server = world
    exchange = Exchange(rows, scenario, server=server)
    findings = drive(exchange, [Target(w, w, symbol) for w in divide(SPAN, WIDEST)], observations())
    assert {request.symbol for request in exchange.requests} == {symbol}
    assert missing_from_what_is_proven(exchange, findings, symbol) == []


@walks
@given(world=worlds(), scenario=scenarios, most_in_doubt=st.sampled_from([1, 8]))
def test_the_same_holds_where_no_request_can_name_a_symbol(
    world: tuple[list[Row], Server], scenario: Scenario, most_in_doubt: int
) -> None:
    rows, server = world
    exchange = Exchange(rows, scenario, server=server)
    targets = [Target(w, w) for w in divide(SPAN, WIDEST)]
    findings = drive(exchange, targets, observations(), most_in_doubt, by_symbol=False)
    assert {(request.symbol, request.close_type) for request in exchange.requests} == {(None, None)}
    assert missing_from_what_is_proven(exchange, findings) == []
    assert subtract([SPAN], [finding.window for finding in findings]) == [], "every instant has a verdict"
    saturated = [finding.window for finding in findings if finding.verdict is Verdict.SATURATED]
    assert all(window.width <= NARROWEST for window in saturated)


@walks
@given(rows=histories(), scenario=scenarios, lists_symbols=st.booleans())
def test_the_number_of_requests_has_a_bound(rows: list[Row], scenario: Scenario, lists_symbols: bool) -> None:
    exchange = Exchange(rows, scenario, lists_symbols)
    whole = Window(SPAN.start, SPAN.start + WIDEST)
    drive(exchange, [Target(whole, whole)], observations())
    full_pages = LEVELS * (1 + 3 * len(rows) // LIMIT)
    # A full page leads to two pieces, or to two close types, every symbol and three milliseconds.
    assert len(exchange.requests) <= 1 + full_pages * (5 + len(exchange.symbols))


def test_a_settlement_in_a_crowd_which_neither_close_type_shows_sends_the_walk_on_to_the_symbols() -> None:
    at = SPAN.start + DAY
    kinds = ["autoclose-"] * 5 + ["settlement_autoclose-"] * 5
    crowd = [Row("AB"[n % 2], n, at, at, prefix) for n, prefix in enumerate(kinds)]
    others = [Row("AB"[n % 2], 100 + n, at + n * HOUR, at + n * HOUR) for n in range(1, 20)]
    exchange = Exchange(crowd + others, Scenario(retention_days=0))
    findings = drive(exchange, [Target(w, w) for w in divide(SPAN, WIDEST)], observations())
    assert {row.key for row in crowd} <= exchange.received
    assert {finding.verdict for finding in findings} == {Verdict.PROVEN}


def test_an_exchange_that_always_gives_the_same_full_page_is_given_up_on() -> None:
    class Stuck(Exchange):
        def answer(self, request):  # type: ignore[no-untyped-def]
            self.requests.append(request)
            return same

    crowd = [Row(symbol="A", order_id=n, time=SPAN.start + n, update_time=SPAN.start + n) for n in range(LIMIT)]
    same = read_page(b"[" + b",".join(row.wire() for row in crowd) + b"]", NOW)
    exchange = Stuck([], Scenario())
    whole = Window(SPAN.start, SPAN.start + WIDEST)
    findings = drive(exchange, [Target(whole, whole)], observations())
    assert len(exchange.requests) <= 2 * LEVELS * 4
    assert {finding.verdict for finding in findings} <= {Verdict.FAILED, Verdict.SATURATED, Verdict.DISPUTED}
    assert subtract([whole], [finding.window for finding in findings]) == []
