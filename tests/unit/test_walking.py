"""A handful of walks with the time cursor, word by word. Every reading of the exchange: tests/property."""

import pytest

from etl.core.dialogue import Step, SymbolsRequest
from etl.core.findings import Finding, Verdict
from etl.core.observations import Truncation
from etl.core.paging import PageRequest, Refusal
from etl.core.retention import MARGIN
from etl.core.timeline import DAY, Window, merge, subtract
from etl.core.walking import Target, walk
from tests.unit.dialogues import (
    LIMIT,
    NOW,
    WINDOW,
    dialogue,
    found,
    full,
    full_of,
    observations,
    page,
    plain,
    requested,
)


def test_a_short_page_proves_exactly_its_window() -> None:
    answer = page([WINDOW.start + 5])
    assert dialogue(plain(), [answer]) == [
        Step((), PageRequest(WINDOW, LIMIT)),
        Step((Finding(WINDOW, Verdict.PROVEN),), None, unseen=answer.orders),
    ]


def test_an_empty_page_is_proof_as_well() -> None:
    assert found(dialogue(plain(symbol="BTCUSDT"), [page()])) == [Finding(WINDOW, Verdict.PROVEN, "BTCUSDT")]


def test_a_full_page_proves_nothing_and_its_window_is_requested_again_in_two_pieces() -> None:
    steps = dialogue(plain(), [full(), page(), page()])
    cursor = sorted(order.order_time for order in full().orders)[-4] - 1
    assert [step.findings for step in steps[:2]] == [(), ()]
    assert requested(steps) == [WINDOW, *WINDOW.split(cursor)]
    assert found(steps) == [Finding(part, Verdict.PROVEN) for part in WINDOW.split(cursor)]


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


def test_what_is_read_beyond_the_need_is_not_proven() -> None:
    target = Target(need=Window(NOW - DAY, NOW - 600_000), requested=WINDOW)
    assert found(dialogue(target, [page()])) == [Finding(target.need, Verdict.PROVEN)]


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
