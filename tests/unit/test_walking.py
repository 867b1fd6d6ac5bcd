"""A handful of dialogues with the time cursor, word by word. Every reading of the exchange: tests/property."""

from collections.abc import Iterable, Sequence

import pytest

from etl.core.observations import Observations, PageSize, Truncation, TruncationSide
from etl.core.orders import CloseType, Order, Reject
from etl.core.paging import Page, PageRequest, Refusal
from etl.core.retention import MARGIN, Retention
from etl.core.timeline import DAY, Window
from etl.core.walking import VERIFY, Finding, Reply, Step, SymbolsRequest, Target, Verdict, walk

LIMIT = 100
NOW = 1_000 * DAY
WINDOW = Window(NOW - DAY, NOW)
Script = Sequence[Reply]


def page(times: Iterable[int] = (), symbol: str = "BTCUSDT") -> Page:
    orders = [Order(symbol, number, at, at, CloseType.LIQUIDATION, "{}") for number, at in enumerate(times)]
    return Page(tuple(orders), (), NOW)


def full(window: Window = WINDOW) -> Page:
    """A page of the limit, its rows spread over the first half of a window."""
    return page(window.start + window.width * number // (2 * LIMIT) for number in range(LIMIT))


def observations(keeps: int | None = None, largest: int = 0) -> Observations:
    return Observations(TruncationSide(), PageSize(LIMIT, largest), Retention(keeps, NOW))


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


def test_strays_do_not_make_a_page_the_largest_of_a_walk() -> None:
    held = observations()
    stray = Order("BTCUSDT", 7, WINDOW.start - DAY, WINDOW.start - DAY, CloseType.ADL, "{}")
    once = page([WINDOW.start]).orders
    dialogue(plain(), [Page(once * 2 + (stray,), (), NOW)], held)
    assert held.page_size.largest == 1


def test_a_full_page_proves_nothing_and_its_window_is_requested_again_in_two_pieces() -> None:
    steps = dialogue(plain(), [full(), page(), page()])
    cursor = max(order.order_time for order in full().orders) - 1
    assert [step.findings for step in steps[:2]] == [(), ()]
    assert requested(steps) == [WINDOW, *WINDOW.split(cursor)]
    assert found(steps) == [Finding(part, Verdict.PROVEN) for part in WINDOW.split(cursor)]


def test_each_step_tells_the_orders_of_its_answer_that_the_walk_had_not_seen_before() -> None:
    whole = full()
    first, rest = Page(whole.orders[:99], (), NOW), Page((*whole.orders[98:], an_order(7, "ETHUSDT")), (), NOW)
    steps = dialogue(plain(), [whole, first, rest])
    assert [step.unseen for step in steps] == [(), whole.orders, (), (an_order(7, "ETHUSDT"),)]


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


def test_a_page_that_may_have_been_cut_below_the_limit_waits_for_longer_ones() -> None:
    held = observations()
    suspicious = page(WINDOW.start + number for number in range(50))
    steps = walk(plain(), held)
    assert next(steps).request == PageRequest(WINDOW, LIMIT)
    assert steps.send(suspicious) == Step((), None, doubtful=50, unseen=suspicious.orders)
    held.page_size.note(51, 51, whole=True)
    assert steps.send(None) == Step((Finding(WINDOW, Verdict.PROVEN),), None)


def test_a_doubt_that_no_longer_page_has_cleared_is_verified() -> None:
    held = observations()
    steps = dialogue(plain(), [full_of(50), None, page(), page()], held)
    assert steps[1].doubtful == 50
    assert len(requested(steps)) == 3
    assert [finding.verdict for finding in found(steps)] == [Verdict.PROVEN, Verdict.PROVEN]


def test_a_small_page_is_taken_at_its_word_at_the_end_but_not_where_it_is_to_be_verified() -> None:
    small = full_of(7)
    assert found(dialogue(plain(), [small, None])) == [Finding(WINDOW, Verdict.PROVEN)]
    verified = dialogue(plain(), [small, VERIFY, page(), page()])
    assert len(requested(verified)) == 3
    assert found(verified) == [Finding(one, Verdict.PROVEN) for one in requested(verified)[1:]]


def test_a_piece_that_is_as_long_as_the_page_it_is_to_verify_is_verified_as_well() -> None:
    target = Target(need=Window(NOW - DAY // 2, NOW), requested=WINDOW)
    steps = dialogue(target, [full_of(7), VERIFY, full_of(7), page(), page()])
    assert requested(steps)[:2] == [WINDOW, target.need]
    assert len(requested(steps)) == 4


def full_of(length: int) -> Page:
    return page(WINDOW.start + DAY // 4 + number for number in range(length))


def test_what_was_only_read_again_is_left_alone_where_the_page_was_full() -> None:
    target = Target(need=Window(NOW - DAY // 2, NOW), requested=WINDOW)
    steps = dialogue(target, [full(), page()])
    assert requested(steps) == [WINDOW, target.need]
    assert found(steps) == [Finding(target.need, Verdict.PROVEN)]


def test_what_was_read_again_is_proven_where_the_page_was_short() -> None:
    target = Target(need=Window(NOW - DAY // 2, NOW), requested=WINDOW)
    assert found(dialogue(target, [page()])) == [Finding(WINDOW, Verdict.PROVEN)]


def test_what_is_read_beyond_the_need_is_not_proven() -> None:
    target = Target(need=Window(NOW - DAY, NOW - 600_000), requested=WINDOW)
    assert found(dialogue(target, [page()])) == [Finding(target.need, Verdict.PROVEN)]


def test_a_crowded_millisecond_is_proven_by_close_type_where_the_two_show_every_row() -> None:
    instant = Window(NOW - 1, NOW)
    rows = page([NOW - 1] * LIMIT).orders
    types = [Page(rows[:60], (), NOW), Page(rows[60:], (), NOW)]
    steps = dialogue(plain(instant), [Page(rows, (), NOW), *types])
    requests = [step.request for step in steps if isinstance(step.request, PageRequest)]
    assert [one.close_type for one in requests] == [None, CloseType.LIQUIDATION, CloseType.ADL]
    assert found(steps) == [Finding(instant, Verdict.PROVEN)]


def test_a_row_that_no_close_type_shows_sends_the_walk_on_to_the_symbols() -> None:
    instant = Window(NOW - 1, NOW)
    crowd = page([NOW - 1] * LIMIT)
    listed = frozenset({"BTCUSDT", "ETHUSDT"})
    steps = dialogue(plain(instant), [crowd, page(), page(), listed, page(), page()])
    assert isinstance(steps[3].request, SymbolsRequest)
    symbols = [step.request.symbol for step in steps[4:6] if isinstance(step.request, PageRequest)]
    assert symbols == ["BTCUSDT", "ETHUSDT"]
    assert found(steps) == [Finding(instant, Verdict.PROVEN)]


def test_a_symbol_that_stays_full_in_its_millisecond_is_saturated() -> None:
    instant = Window(NOW - 1, NOW)
    crowd = page([NOW - 1] * LIMIT)
    steps = dialogue(plain(instant, "BTCUSDT"), [crowd, crowd])
    assert found(steps) == [Finding(instant, Verdict.SATURATED, "BTCUSDT")]


def test_without_the_list_of_symbols_a_crowded_millisecond_is_saturated() -> None:
    instant = Window(NOW - 1, NOW)
    crowd = page([NOW - 1] * LIMIT)
    steps = dialogue(plain(instant), [crowd, crowd, None, page([NOW - 1])])
    assert Finding(instant, Verdict.SATURATED) in found(steps)
    assert Finding(instant, Verdict.PROVEN) not in found(steps)


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
    assert {finding.verdict for finding in findings} <= {Verdict.FAILED, Verdict.SATURATED}


def test_a_walk_that_is_sent_something_else_than_an_answer_says_so() -> None:
    steps = walk(plain(), observations())
    next(steps)
    with pytest.raises(TypeError, match="a page was requested"):
        steps.send(None)
