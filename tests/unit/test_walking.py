"""A handful of dialogues with the time cursor, word by word. Every reading of the exchange: tests/property."""

from collections.abc import Iterable, Sequence

import pytest

from etl.core.dialogue import Reply, Step, SymbolsRequest
from etl.core.findings import Finding, Verdict
from etl.core.observations import Observations, Truncation, TruncationSide
from etl.core.orders import CloseType, Order, Reject
from etl.core.page_limits import PageLimits
from etl.core.paging import Page, PageRequest, Refusal
from etl.core.retention import MARGIN, Retention
from etl.core.timeline import DAY, Window, merge, subtract
from etl.core.walking import Target, walk

LIMIT = 100
NOW = 1_000 * DAY
WINDOW = Window(NOW - DAY, NOW)
Script = Sequence[Reply]


def page(times: Iterable[int] = (), symbol: str = "BTCUSDT") -> Page:
    orders = [Order(symbol, number, at, at, CloseType.LIQUIDATION, "{}") for number, at in enumerate(times)]
    return holding(orders)


def holding(orders: Sequence[Order]) -> Page:
    return Page(tuple(orders), (), NOW, size=2 + sum(1 + len(order.raw) for order in orders))


def full(window: Window = WINDOW) -> Page:
    """A page of the limit, its rows spread over the first half of a window."""
    return page(window.start + window.width * number // (2 * LIMIT) for number in range(LIMIT))


def observations(keeps: int | None = None, symbols: Iterable[str] = ()) -> Observations:
    return Observations(TruncationSide(), PageLimits(LIMIT), Retention(keeps, NOW), set(symbols))


def dialogue(target: Target, script: Script, held: Observations | None = None) -> list[Step]:
    """All steps of a walk that receives exactly these answers."""
    steps = walk(target, held or observations())
    said = [next(steps)]
    for answer in script:
        said.append(steps.send(answer))
    with pytest.raises(StopIteration):
        next(steps)
    assert said[-1].request is None
    return said


def requested(steps: Sequence[Step]) -> list[Window]:
    return [step.request.window for step in steps if isinstance(step.request, PageRequest)]


def found(steps: Sequence[Step]) -> list[Finding]:
    return [finding for step in steps for finding in step.findings]


def plain(window: Window = WINDOW, symbol: str | None = None) -> Target:
    return Target(window, window, symbol)


def test_a_short_page_proves_exactly_its_window() -> None:
    answer = page([WINDOW.start + 5])
    assert dialogue(plain(), [answer]) == [
        Step((), PageRequest(WINDOW, LIMIT)),
        Step((Finding(WINDOW, Verdict.PROVEN),), None, unseen=answer.orders),
    ]


def test_an_empty_page_is_proof_as_well() -> None:
    assert found(dialogue(plain(symbol="BTCUSDT"), [page()])) == [Finding(WINDOW, Verdict.PROVEN, "BTCUSDT")]


def test_rows_that_cannot_be_read_count_towards_the_length_of_a_page() -> None:
    unread = Page((), (Reject("5", "the row is no object", True),) * LIMIT, NOW)
    steps = dialogue(plain(), [unread, page(), page()])
    assert steps[1].findings == ()
    assert requested(steps)[1:] == list(WINDOW.split(NOW - DAY // 2))


def an_order(order_id: int = 1, symbol: str = "BTCUSDT", at: int = 15, updated: int = 15, **kind: CloseType) -> Order:
    return Order(symbol, order_id, at, updated, kind.get("close_type", CloseType.ADL), "{}")


@pytest.mark.parametrize(
    ("order", "counts"),
    [
        (an_order(2), True),
        (an_order(1), False),
        (an_order(1, updated=16), False),
        (an_order(2, symbol="ETHUSDT"), False),
        (an_order(2, close_type=CloseType.LIQUIDATION), False),
        (an_order(2, at=9, updated=20), True),
        (an_order(2, at=8), False),
        (an_order(2, at=21, updated=20), False),
        (an_order(2, updated=21), False),
        (an_order(2, at=9, updated=8), False),
    ],
)
def test_only_distinct_orders_that_match_the_whole_request_count_as_requested(order: Order, counts: bool) -> None:
    request = PageRequest(Window(10, 20), LIMIT, "BTCUSDT", CloseType.ADL)
    answer = Page((an_order(1), order), (Reject("5", "the row is no object", True),), NOW)
    assert answer.count_requested(request) == 1 + counts


def test_a_request_for_everything_covers_every_symbol_and_close_type() -> None:
    strange = an_order(1, "ETHUSDT", close_type=CloseType.SETTLEMENT)
    assert Page((an_order(), strange), (), NOW).count_requested(PageRequest(Window(10, 20), LIMIT)) == 2


def test_a_full_page_proves_nothing_and_its_window_is_requested_again_in_two_pieces() -> None:
    steps = dialogue(plain(), [full(), page(), page()])
    cursor = sorted(order.order_time for order in full().orders)[-4] - 1
    assert [step.findings for step in steps[:2]] == [(), ()]
    assert requested(steps) == [WINDOW, *WINDOW.split(cursor)]
    assert found(steps) == [Finding(part, Verdict.PROVEN) for part in WINDOW.split(cursor)]


def test_each_step_tells_the_orders_of_its_answer_that_the_walk_had_not_seen_before() -> None:
    whole = full()
    first, rest = holding(whole.orders[:95]), holding((*whole.orders[96:], an_order(7, "ETHUSDT", WINDOW.end - 5)))
    steps = dialogue(plain(), [whole, first, rest, None, whole])
    assert [step.unseen for step in steps] == [(), whole.orders, (), rest.orders[-1:], (), ()]


def test_a_piece_that_was_short_as_expected_is_an_observation_for_the_next_walk() -> None:
    held = observations()
    dialogue(plain(), [full(), page(), page()], held)
    assert held.truncation_side.observed is Truncation.KEEPS_OLDEST


def test_a_window_that_is_too_wide_is_halved() -> None:
    halves = WINDOW.split(NOW - DAY // 2)
    steps = dialogue(plain(), [Refusal.TOO_WIDE, page(), page()])
    assert requested(steps) == [WINDOW, *halves]
    assert found(steps) == [Finding(half, Verdict.PROVEN) for half in halves]


def test_a_millisecond_that_is_too_wide_has_failed() -> None:
    instant = Window(NOW - 1, NOW)
    assert found(dialogue(plain(instant), [Refusal.TOO_WIDE])) == [Finding(instant, Verdict.FAILED)]


def test_a_window_that_begins_beyond_the_retention_is_narrowed_to_what_is_kept() -> None:
    across = Window(NOW - 91 * DAY, NOW - 89 * DAY)
    lost, kept = across.split(NOW - 90 * DAY + MARGIN)
    steps = dialogue(plain(across), [Refusal.BEYOND_RETENTION, page()], observations(keeps=90 * DAY))
    assert requested(steps) == [across, kept]
    assert found(steps) == [Finding(lost, Verdict.BEYOND_RETENTION), Finding(kept, Verdict.PROVEN)]


def test_what_a_refusal_has_answered_is_not_requested_again() -> None:
    held = observations(keeps=90 * DAY)
    newer, older = Window(NOW - 95 * DAY, NOW - 94 * DAY), Window(NOW - 96 * DAY, NOW - 95 * DAY)
    dialogue(plain(newer), [Refusal.BEYOND_RETENTION], held)
    steps = dialogue(plain(older), [], held)
    assert requested(steps) == []
    assert found(steps) == [Finding(older, Verdict.BEYOND_RETENTION)]


def test_an_empty_page_beyond_the_retention_is_a_gap_and_no_proof() -> None:
    old = Window(NOW - 96 * DAY, NOW - 95 * DAY)
    assert found(dialogue(plain(old), [page()], observations(keeps=90 * DAY))) == [
        Finding(old, Verdict.BEYOND_RETENTION)
    ]


def test_a_symbol_that_the_exchange_does_not_know_has_failed() -> None:
    steps = dialogue(plain(symbol="NOSUCH"), [Refusal.UNKNOWN_SYMBOL])
    assert found(steps) == [Finding(WINDOW, Verdict.FAILED, "NOSUCH")]


def test_a_page_in_doubt_without_a_longer_one_before_it_is_requested_in_halves() -> None:
    steps = dialogue(plain(), [full_of(40), page(), page()])
    assert requested(steps) == [WINDOW, *WINDOW.split(WINDOW.start + DAY // 4 + 190)]
    assert [finding.verdict for finding in found(steps)] == [Verdict.PROVEN, Verdict.PROVEN]


def test_a_page_in_doubt_after_a_longer_one_waits_for_another_longer_one() -> None:
    held = observations()
    held.page_limits.note(PageRequest(WINDOW, LIMIT), full())
    steps = walk(plain(), held)
    next(steps)
    waiting = steps.send(full_of(30))
    assert (waiting.request, waiting.findings) == (None, ())
    assert waiting.is_settled is not None
    assert not waiting.is_settled()
    held.page_limits.note(PageRequest(WINDOW, LIMIT), full())
    assert waiting.is_settled()
    assert steps.send(None).findings == (Finding(WINDOW, Verdict.PROVEN),)


def test_if_none_comes_the_longer_one_is_requested_again_and_settles_the_doubt() -> None:
    held = observations()
    longer = PageRequest(Window(NOW - 2 * DAY, NOW - DAY), LIMIT)
    held.page_limits.note(longer, full(longer.window))
    steps = dialogue(plain(), [full_of(30), None, full(longer.window)], held)
    assert requested(steps) == [WINDOW, longer.window]
    assert found(steps) == [Finding(WINDOW, Verdict.PROVEN)]


def test_if_the_longer_one_is_shorter_now_the_page_is_requested_in_halves() -> None:
    held = observations()
    longer = PageRequest(Window(NOW - 2 * DAY, NOW - DAY), LIMIT)
    held.page_limits.note(longer, full(longer.window))
    steps = dialogue(plain(), [full_of(30), None, page([longer.window.start]), page(), page()], held)
    assert requested(steps)[2:] == [*WINDOW.split(WINDOW.start + DAY // 4 + 140)]


def full_of(length: int) -> Page:
    return page(WINDOW.start + DAY // 4 + 10 * number for number in range(length))


MIDDAY = NOW - DAY // 2


def test_of_what_is_proven_already_only_the_rest_is_requested_again_when_a_page_is_in_doubt() -> None:
    target = Target(WINDOW, WINDOW, proven=(Window(WINDOW.start, MIDDAY),))
    steps = dialogue(target, [full_of(40), page()])
    assert requested(steps) == [WINDOW, Window(MIDDAY, NOW)]
    assert merge(finding.window for finding in found(steps)) == [WINDOW]


def test_a_hole_in_what_is_proven_is_requested_again_as_well() -> None:
    hole = Window(NOW - DAY // 2, NOW - DAY // 4)
    target = Target(WINDOW, WINDOW, proven=tuple(subtract([WINDOW], [hole])))
    steps = dialogue(target, [full_of(40), page()])
    assert requested(steps) == [WINDOW, hole]


def test_a_page_in_doubt_of_what_is_proven_already_needs_no_other_proof() -> None:
    answer = full_of(40)
    (finding,) = found(dialogue(Target(WINDOW, WINDOW, proven=(WINDOW,)), [answer]))
    assert (finding.window, finding.verdict, finding.pages) == (WINDOW, Verdict.PROVEN, [answer])


def test_a_small_page_that_is_the_longest_waits_and_is_whole_if_no_other_has_its_length() -> None:
    steps = dialogue(plain(), [full_of(30), None])
    assert requested(steps) == [WINDOW]
    assert found(steps) == [Finding(WINDOW, Verdict.PROVEN)]


def test_and_is_requested_in_halves_if_another_has() -> None:
    held = observations()
    held.page_limits.note(PageRequest(Window(0, DAY), LIMIT), page(range(30)))
    steps = dialogue(plain(), [full_of(30), None, page(), page()], held)
    assert len(requested(steps)) == 3


def test_a_full_page_of_what_is_proven_already_is_read_in_pieces_for_orders_that_appeared_late() -> None:
    steps = dialogue(Target(WINDOW, WINDOW, proven=(WINDOW,)), [full(), page(), page()])
    assert len(requested(steps)) == 3


def stray(number: int) -> Order:
    at = WINDOW.start - DAY - number
    return Order("BTCUSDT", 1_000 + number, at, at, CloseType.ADL, "{}")


def test_a_page_with_none_of_the_requested_rows_is_requested_again_and_may_be_right_then() -> None:
    wrong = holding((stray(1), stray(2)))
    steps = dialogue(plain(), [wrong, page([WINDOW.start + 5])])
    assert requested(steps) == [WINDOW, WINDOW]
    assert found(steps) == [Finding(WINDOW, Verdict.PROVEN)]


def test_a_page_that_answers_another_question_three_times_is_disputed() -> None:
    wrong = holding((stray(1), stray(2)))
    steps = dialogue(plain(), [wrong, wrong, wrong])
    assert found(steps) == [Finding(WINDOW, Verdict.DISPUTED)]


def test_rows_of_another_symbol_answer_another_question() -> None:
    wrong = page([WINDOW.start + 5], symbol="ETHUSDT")
    steps = dialogue(plain(symbol="BTCUSDT"), [wrong] * 3)
    assert found(steps) == [Finding(WINDOW, Verdict.DISPUTED, "BTCUSDT")]


def test_a_stray_among_good_rows_is_believed_if_the_server_follows_a_question_for_one_of_them() -> None:
    good = full_of(3).orders
    steps = dialogue(plain(), [holding((*good, stray(1))), holding((good[1], stray(2)))])
    assert requested(steps) == [WINDOW, Window(good[1].order_time, good[1].order_time + 1)]
    assert found(steps) == [Finding(WINDOW, Verdict.PROVEN)]


@pytest.mark.parametrize("shows", ["nothing", "another row", "all of them"])
def test_a_stray_among_good_rows_is_disputed_if_it_does_not(shows: str) -> None:
    good = full_of(3).orders
    mixed = holding((*good, stray(1)))
    probed = {"nothing": page(), "another row": holding(good[:1]), "all of them": mixed}[shows]
    steps = dialogue(plain(), [mixed, probed] * 3)
    assert found(steps) == [Finding(WINDOW, Verdict.DISPUTED)]


def test_what_is_read_beyond_the_need_is_not_proven() -> None:
    target = Target(need=Window(NOW - DAY, NOW - 600_000), requested=WINDOW)
    assert found(dialogue(target, [page()])) == [Finding(target.need, Verdict.PROVEN)]


INSTANT = Window(NOW - 1, NOW)
CROWD = page([NOW - 1] * LIMIT)


def test_a_crowded_millisecond_is_proven_by_every_symbol_that_is_listed_stored_or_shown() -> None:
    listed, stored = frozenset({"BTCUSDT", "ETHUSDT"}), {"OLDUSDT"}
    steps = dialogue(plain(INSTANT), [CROWD, listed, page(), page(), page()], observations(symbols=stored))
    assert isinstance(steps[1].request, SymbolsRequest)
    symbols = [step.request.symbol for step in steps[2:] if isinstance(step.request, PageRequest)]
    assert symbols == ["BTCUSDT", "ETHUSDT", "OLDUSDT"]
    assert found(steps) == [Finding(INSTANT, Verdict.PROVEN)]


def test_a_symbol_that_stays_full_in_its_millisecond_is_saturated_though_its_close_types_are_stored() -> None:
    steps = dialogue(plain(INSTANT, "BTCUSDT"), [CROWD, page([NOW - 1]), page()])
    types = [step.request.close_type for step in steps if isinstance(step.request, PageRequest)]
    assert types == [None, CloseType.LIQUIDATION, CloseType.ADL]
    assert found(steps) == [Finding(INSTANT, Verdict.SATURATED, "BTCUSDT")]


def test_without_the_list_of_symbols_a_crowded_millisecond_has_failed_and_is_asked_for_again() -> None:
    steps = dialogue(plain(INSTANT), [CROWD, None, page([NOW - 1])])
    assert Finding(INSTANT, Verdict.FAILED) in found(steps)
    assert Finding(INSTANT, Verdict.PROVEN) not in found(steps)


def crowd_of(*types: CloseType) -> Page:
    rows = (Order("BTCUSDT", n, NOW - 1, NOW - 1, close_type, "{}") for n, close_type in enumerate(types))
    return holding(tuple(rows))


LIQUIDATIONS, ADLS = [CloseType.LIQUIDATION] * 25, [CloseType.ADL] * 25
DEFAULT = crowd_of(*LIQUIDATIONS, *ADLS)
"""As many rows as the exchange returns where no limit is given."""
MANY = crowd_of(*[CloseType.LIQUIDATION] * 60)


def narrow(*script: Reply) -> list[Finding]:
    """What is found in a full millisecond of one symbol, from the page of the symbol on."""
    return found(dialogue(plain(INSTANT), [CROWD, frozenset({"BTCUSDT"}), *script]))


def test_of_a_crowded_symbol_a_page_in_doubt_is_whole_after_a_longer_one_that_still_comes() -> None:
    half = crowd_of(*LIQUIDATIONS[:12])
    assert narrow(crowd_of(*LIQUIDATIONS), CROWD, half) == [Finding(INSTANT, Verdict.PROVEN)]


def test_but_not_if_the_limit_is_ignored_where_a_symbol_is_named() -> None:
    crowd = crowd_of(*LIQUIDATIONS)
    findings = narrow(crowd, CROWD, crowd, crowd, crowd, page())
    assert findings == [Finding(INSTANT, Verdict.SATURATED, "BTCUSDT"), Finding(INSTANT, Verdict.SATURATED)]


def test_or_if_its_close_types_show_the_same_rows() -> None:
    liquidations, adls = holding(DEFAULT.orders[:25]), holding(DEFAULT.orders[25:])
    assert narrow(DEFAULT, page(), DEFAULT, liquidations, CROWD, adls, CROWD) == [Finding(INSTANT, Verdict.PROVEN)]


def test_or_if_the_symbol_has_a_full_page_elsewhere() -> None:
    assert narrow(MANY, CROWD, MANY, CROWD) == [Finding(INSTANT, Verdict.PROVEN)]


@pytest.mark.parametrize("refusals", [1, 2])
def test_a_symbol_that_is_refused_as_unknown_though_it_is_listed_is_asked_again_and_fails_then(refusals: int) -> None:
    unknown = [Refusal.UNKNOWN_SYMBOL] * refusals
    findings = narrow(*unknown, *[page()] * (2 - refusals))
    failed = [Finding(INSTANT, Verdict.FAILED, "BTCUSDT"), Finding(INSTANT, Verdict.FAILED)]
    assert findings == (failed if refusals == 2 else [Finding(INSTANT, Verdict.PROVEN)])


@pytest.mark.parametrize(
    "liquidations",
    [
        DEFAULT,
        holding(DEFAULT.orders[:24]),
        holding((*DEFAULT.orders[:25], an_order(999, at=NOW - 1, updated=NOW - 1))),
    ],
    ids=["as long as the page", "fewer rows", "more rows"],
)
def test_and_saturated_if_they_do_not(liquidations: Page) -> None:
    adls = [] if liquidations is DEFAULT else [CROWD, holding(DEFAULT.orders[25:]), CROWD]
    findings = narrow(DEFAULT, page(), DEFAULT, liquidations, *adls, page(), page())
    assert findings == [Finding(INSTANT, Verdict.SATURATED, "BTCUSDT"), Finding(INSTANT, Verdict.SATURATED)]


def test_a_refusal_of_what_should_be_kept_is_asked_again_when_all_else_is_done() -> None:
    steps = dialogue(plain(), [Refusal.BEYOND_RETENTION, None, page()], observations(keeps=90 * DAY))
    assert requested(steps) == [WINDOW, WINDOW]
    assert found(steps) == [Finding(WINDOW, Verdict.PROVEN)]


@pytest.mark.parametrize("minutes", [1, 2, 10, 39, 600, 1438])
def test_if_it_is_refused_again_the_edge_is_searched_to_the_minute(minutes: int) -> None:
    edge = WINDOW.start + minutes * MARGIN
    steps = walk(plain(), observations(keeps=90 * DAY))
    step, findings, requests = next(steps), list[Finding](), 0
    while True:
        requests += step.request is not None
        refused = isinstance(step.request, PageRequest) and step.request.window.start < edge
        try:
            step = steps.send(None if step.request is None else Refusal.BEYOND_RETENTION if refused else page())
        except StopIteration:
            break
        findings += step.findings
    (failed,) = (finding.window for finding in findings if finding.verdict is Verdict.FAILED)
    assert failed.start == WINDOW.start
    assert edge <= failed.end <= edge + MARGIN
    assert merge(finding.window for finding in findings) == [WINDOW]
    assert requests <= 25


def test_if_its_newest_minute_is_refused_as_well_the_whole_has_failed_and_is_no_gap_for_good() -> None:
    refused = Refusal.BEYOND_RETENTION
    steps = dialogue(plain(), [refused, None, refused, refused], observations(keeps=90 * DAY))
    assert found(steps) == [Finding(WINDOW, Verdict.FAILED)]


def test_an_exchange_that_shows_the_same_full_page_for_ever_is_given_up() -> None:
    steps = walk(plain(), observations())
    step = next(steps)
    findings = list(step.findings)
    answers = 0
    while step.request is not None:
        answers += 1
        assert answers < 1_000
        step = steps.send(None if isinstance(step.request, SymbolsRequest) else full())
        findings += step.findings
    assert {finding.verdict for finding in findings} <= {Verdict.FAILED, Verdict.SATURATED, Verdict.DISPUTED}


def test_a_walk_that_is_sent_something_else_than_an_answer_says_so() -> None:
    steps = walk(plain(), observations())
    next(steps)
    with pytest.raises(TypeError, match="a page was requested"):
        steps.send(None)
