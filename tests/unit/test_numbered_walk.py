"""A handful of dialogues with numbered pages, word by word. Every reading of the endpoint: tests/property."""

from collections.abc import Iterable, Sequence

import pytest

from etl.core.dialogue import Reply, Step, SymbolsRequest
from etl.core.findings import Finding, Verdict
from etl.core.numbered_walk import MOST_FAILURES, MOST_PAGES, READS, numbered_walk
from etl.core.observations import Observations, TruncationSide
from etl.core.orders import CloseType, Order, Reject
from etl.core.page_limits import PageLimits
from etl.core.paging import Page, PageRequest, Refusal
from etl.core.retention import Retention
from etl.core.timeline import DAY, HOUR, Window, merge
from etl.core.walking import Target

LIMIT = 10
NOW = 1_000 * DAY
WINDOW = Window(NOW - DAY, NOW)
TARGET = Target(WINDOW, WINDOW)
Script = Sequence[Reply]


def page(ids: Iterable[int], total: int | None, *, symbol: str = "BNBBTC", at: int = WINDOW.start) -> Page:
    orders = tuple(Order(symbol, one, at + one, at + one, CloseType.UNKNOWN, f'{{"orderId":{one}}}') for one in ids)
    return Page(orders, (), NOW, total=total)


def damaged(texts: Iterable[str], total: int) -> Page:
    return Page((), tuple(Reject(text, "the row is no object", True) for text in texts), NOW, total=total)


EMPTY = page([], 0)
BROKEN = page([], 5)
"""It has no row of the five that its total counts."""


def dialogue(
    script: Script,
    target: Target = TARGET,
    *,
    by_symbol: bool = False,
    keeps: int | None = None,
    symbols: Iterable[str] = (),
) -> list[Step]:
    """All steps of a walk that receives exactly these answers."""
    held = Observations(TruncationSide(), PageLimits(LIMIT), Retention(keeps, NOW), set(symbols))
    steps = numbered_walk(target, held, by_symbol=by_symbol)
    said = [next(steps)]
    for answer in script:
        said.append(steps.send(answer))
    assert said[-1].request is None
    with pytest.raises(StopIteration):
        next(steps)
    return said


def requests(steps: Sequence[Step]) -> list[PageRequest]:
    return [step.request for step in steps if isinstance(step.request, PageRequest)]


def numbers(steps: Sequence[Step]) -> list[tuple[int | None, int]]:
    """The number and size of each page that was requested."""
    return [(request.number, request.limit) for request in requests(steps)]


def found(steps: Sequence[Step]) -> list[Finding]:
    return [finding for step in steps for finding in step.findings]


def verdicts(steps: Sequence[Step]) -> set[Verdict]:
    return {finding.verdict for finding in found(steps)}


PROVEN = [Finding(WINDOW, Verdict.PROVEN)]


def test_an_empty_page_proves_its_window_with_one_request() -> None:
    assert dialogue([EMPTY]) == [Step((), PageRequest(WINDOW, LIMIT, number=1)), Step(tuple(PROVEN), None)]


def test_a_single_row_is_believed() -> None:
    steps = dialogue([page([1], 1)])
    assert (found(steps), numbers(steps)) == (PROVEN, [(1, LIMIT)])


def test_a_page_with_all_rows_is_proof_once_a_shorter_one_shows_that_total_counts_the_list() -> None:
    steps = dialogue([page([3, 2, 1], 3), page([1], 3)])
    assert (found(steps), numbers(steps)) == (PROVEN, [(1, LIMIT), (2, 2)])


def test_the_same_holds_for_a_full_page() -> None:
    steps = dialogue([page(range(LIMIT), LIMIT), page([9], LIMIT)])
    assert (found(steps), numbers(steps)) == (PROVEN, [(1, LIMIT), (2, LIMIT - 1)])


def test_a_server_that_ignores_the_size_shows_nothing_there_and_is_believed_as_its_total_stays() -> None:
    assert found(dialogue([page([2, 1], 2), page([], 2)])) == PROVEN


@pytest.mark.parametrize(
    "second",
    [page([1], 1), page([], 0), page([2, 1], 3), page([9], 3), page([1], 4), Refusal.UNKNOWN_SYMBOL],
    ids=["total of the page", "total of no row", "more rows", "another row", "another total", "refusal"],
)
def test_a_page_with_all_rows_is_no_proof_where_the_shorter_one_contradicts_it(second: Page | Refusal) -> None:
    first = page([3, 2, 1], 3)
    steps = dialogue([first, second, first, second, first, page([1], 3)])
    assert found(steps) == PROVEN
    assert numbers(steps) == [(1, LIMIT), (2, 2)] * READS


def test_several_pages_are_read_there_and_back() -> None:
    pages = [page(range(10), 25), page(range(10, 20), 25), page(range(20, 25), 25)]
    steps = dialogue([*pages, pages[1], pages[0]])
    assert found(steps) == PROVEN
    assert [number for number, _ in numbers(steps)] == [1, 2, 3, 2, 1]
    assert list(found(steps)[0].pages) == pages


def test_after_a_last_page_that_is_full_an_empty_one_must_follow() -> None:
    pages = [page(range(10), 20), page(range(10, 20), 20)]
    steps = dialogue([*pages, page([], 20), *reversed(pages)])
    assert found(steps) == PROVEN
    assert [number for number, _ in numbers(steps)] == [1, 2, 3, 2, 1]


def test_a_server_that_ignores_the_size_is_read_in_pages_of_its_own_size() -> None:
    pages = [page(range(4), 9), page(range(4, 8), 9), page([8], 9)]
    steps = dialogue([*pages, pages[1], pages[0]])
    assert (found(steps), numbers(steps)) == (PROVEN, [(1, LIMIT), (2, 4), (3, 4), (2, 4), (1, 4)])


FIRST, SECOND = page(range(10), 15), page(range(10, 15), 15)


@pytest.mark.parametrize(
    "answers",
    [
        [FIRST, page(range(9, 15), 15)],
        [FIRST, page(range(10, 15), 16)],
        [FIRST, page(range(10, 14), 15)],
        [FIRST, page([], 15)],
        [FIRST, FIRST],
        [FIRST, page([10, 11, 12, 13, 14, 14], 15)],
        [FIRST, SECOND, page(range(10), 16)],
        [FIRST, SECOND, page(range(1, 11), 15)],
        [FIRST, SECOND, page(range(9), 15)],
        [page([1, 1], 2)],
        [page([1, 2], 1)],
        [page([1], 0)],
        [BROKEN],
        [damaged(["5", "5"], 2)],
    ],
    ids=[
        "a row twice",
        "a total that grows",
        "a row too few",
        "a cap on pages",
        "the same page again",
        "a row twice on its page",
        "a total that has grown",
        "a list that has moved",
        "a row that has gone",
        "two rows that are one",
        "more rows than the total",
        "a total of nothing",
        "a total of what is not there",
        "two unreadable rows that may be one",
    ],
)
def test_pages_that_do_not_fit_together_are_read_again(answers: list[Page]) -> None:
    steps = dialogue([*answers, *answers, EMPTY])
    assert found(steps) == PROVEN
    assert len(requests(steps)) == 2 * len(answers) + 1
    seen = {order.key for step in steps for order in step.unseen}
    assert seen == {order.key for answer in answers for order in answer.orders}


@pytest.mark.parametrize("twice", [page([1, 1], 2), damaged(["5", "5"], 2)], ids=["order", "unreadable row"])
def test_a_page_with_one_row_twice_is_no_proof_and_no_shorter_one_is_asked_for(twice: Page) -> None:
    steps = dialogue([*[twice] * READS, EMPTY, EMPTY])
    assert numbers(steps) == [(1, LIMIT)] * (READS + 2)


def test_a_server_that_returns_more_rows_than_asked_for_is_asked_for_no_more_than_the_limit() -> None:
    steps = dialogue([page(range(12), 12), page([10, 11], 12)])
    assert (found(steps), numbers(steps)) == (PROVEN, [(1, LIMIT), (2, LIMIT)])


def test_rows_that_cannot_be_read_count_like_others() -> None:
    steps = dialogue([damaged(["5", "6"], 2), damaged(["6"], 2)])
    assert found(steps) == PROVEN


def test_after_three_readings_the_window_is_read_in_halves_the_newer_one_first() -> None:
    steps = dialogue([BROKEN] * READS + [EMPTY, EMPTY])
    older, newer = WINDOW.split(NOW - DAY // 2)
    assert [request.window for request in requests(steps)] == [WINDOW] * READS + [newer, older]
    assert found(steps) == PROVEN


def test_the_halves_have_the_same_number_of_rows() -> None:
    moving = page([100, 200, 300], 4)
    steps = dialogue([moving, FIRST] * READS + [EMPTY, EMPTY])
    assert requests(steps)[-1].window.end < WINDOW.start + 300


def test_a_window_of_more_pages_than_are_read_at_once_is_halved_at_once() -> None:
    steps = dialogue([page(range(10), 10 * MOST_PAGES), EMPTY, EMPTY])
    assert (found(steps), len(requests(steps))) == (PROVEN, 3)


def test_a_server_that_never_agrees_with_itself_is_given_up_on() -> None:
    steps = dialogue([BROKEN] * READS * (MOST_FAILURES + 1))
    assert verdicts(steps) == {Verdict.FAILED}
    assert merge(finding.window for finding in found(steps)) == [WINDOW]


def test_of_a_millisecond_that_cannot_be_proven_the_rest_is_proven() -> None:
    crowded = Window(NOW - 500, NOW - 497)
    held = Observations(TruncationSide(), PageLimits(LIMIT), Retention(None, NOW))
    steps = numbered_walk(TARGET, held)
    step, findings = next(steps), list[Finding]()
    while isinstance(step.request, PageRequest):
        is_crowded = step.request.window.intersect(crowded) is not None
        step = steps.send(page([0], 5, at=crowded.start + 1) if is_crowded else EMPTY)
        findings += step.findings
    failed = [finding.window for finding in findings if finding.verdict is Verdict.FAILED]
    assert merge(finding.window for finding in findings) == [WINDOW]
    assert sum(window.width for window in failed) <= 9
    assert all(window.intersect(crowded) for window in failed)


def test_a_row_outside_of_the_window_disputes_it() -> None:
    stray = page([1], 1, at=WINDOW.start - DAY)
    steps = dialogue([stray] * READS)
    assert found(steps) == [Finding(WINDOW, Verdict.DISPUTED)]


def test_a_row_at_the_very_end_is_none_of_another_window() -> None:
    ends = Page(page([0], 2).orders + page([0], 2, symbol="B", at=WINDOW.end).orders, (), NOW, total=2)
    assert found(dialogue([ends, page([], 2)])) == PROVEN


def test_a_window_that_is_too_wide_is_halved_at_once() -> None:
    steps = dialogue([Refusal.TOO_WIDE, EMPTY, EMPTY])
    assert found(steps) == PROVEN


def test_what_the_exchange_no_longer_keeps_is_beyond_retention_and_the_rest_is_read() -> None:
    window = Window(NOW - 91 * DAY, NOW - 85 * DAY)
    steps = dialogue([Refusal.BEYOND_RETENTION, EMPTY], Target(window, window), keeps=90 * DAY)
    assert [finding.verdict for finding in found(steps)] == [Verdict.BEYOND_RETENTION, Verdict.PROVEN]
    assert merge(finding.window for finding in found(steps)) == [window]


def test_what_was_refused_of_cross_margin_is_not_asked_of_each_pair() -> None:
    window = Window(NOW - 91 * DAY, NOW - 85 * DAY)
    script: Script = [Refusal.BEYOND_RETENTION, EMPTY, frozenset("A"), EMPTY]
    cross, kept, of_pair = requests(dialogue(script, Target(window, window), by_symbol=True, keeps=90 * DAY))
    assert (cross.window, of_pair.window, of_pair.symbol) == (window, kept.window, "A")


def test_a_refusal_of_what_the_exchange_promises_to_keep_is_doubted() -> None:
    assert found(dialogue([Refusal.BEYOND_RETENTION, EMPTY])) == PROVEN
    four_hours = Window(NOW - 4 * HOUR, NOW)
    refused = [Refusal.BEYOND_RETENTION] * READS
    steps = dialogue([*refused, EMPTY, *refused, *refused, *refused], Target(four_hours, four_hours))
    older, newer = four_hours.split(NOW - 2 * HOUR)
    assert {finding.verdict for finding in found(steps) if finding.window.intersect(older)} == {Verdict.FAILED}
    assert Finding(newer, Verdict.PROVEN) in found(steps)


def test_nothing_newer_than_what_is_needed_is_found() -> None:
    need = Window(WINDOW.start + 5, WINDOW.end - 5)
    steps = dialogue([EMPTY], Target(need, WINDOW))
    assert found(steps) == [Finding(Window(WINDOW.start, need.end), Verdict.PROVEN)]


def test_where_no_request_can_name_a_symbol_a_target_that_does_is_read_without() -> None:
    steps = dialogue([EMPTY], Target(WINDOW, WINDOW, "BNBBTC"))
    assert [request.symbol for request in requests(steps)] == [None]
    assert found(steps) == [Finding(WINDOW, Verdict.PROVEN, "BNBBTC")]


def test_all_symbols_are_proven_by_cross_margin_and_every_pair_together() -> None:
    cross, isolated = page([1], 1), page([2], 1, symbol="B")
    steps = dialogue([cross, frozenset("AB"), EMPTY, isolated, EMPTY, EMPTY], by_symbol=True, symbols=["C"])
    assert [request.symbol for request in requests(steps)] == [None, "A", "B", "BNBBTC", "C"]
    assert found(steps) == PROVEN


@pytest.mark.parametrize("listed", [None, frozenset[str]()], ids=["no list", "an empty list"])
def test_without_the_list_of_pairs_nothing_is_proven(listed: frozenset[str] | None) -> None:
    steps = dialogue([EMPTY, listed], by_symbol=True)
    assert isinstance(steps[1].request, SymbolsRequest)
    assert found(steps) == [Finding(WINDOW, Verdict.FAILED)]


def test_a_pair_that_cannot_be_proven_leaves_only_its_half_unproven() -> None:
    older, newer = WINDOW.split(NOW - DAY // 2)
    disputed = page([1], 1, symbol="A", at=older.start - DAY)
    script: Script = [EMPTY, frozenset("A"), *[BROKEN] * READS, EMPTY, *[disputed] * READS]
    steps = dialogue(script, by_symbol=True)
    assert found(steps) == [Finding(older, Verdict.DISPUTED), Finding(newer, Verdict.PROVEN)]


def test_a_pair_is_disputed_by_the_rows_of_another_one() -> None:
    steps = dialogue([EMPTY, frozenset("A"), *[page([1], 1, symbol="B")] * READS], by_symbol=True)
    assert verdicts(steps) == {Verdict.DISPUTED}


def test_a_listed_pair_that_the_exchange_does_not_know_is_a_gap_of_all() -> None:
    steps = dialogue([EMPTY, frozenset("A"), *[Refusal.UNKNOWN_SYMBOL] * READS], by_symbol=True)
    assert found(steps) == [Finding(WINDOW, Verdict.FAILED)]


def test_a_stored_symbol_that_the_exchange_neither_lists_nor_knows_is_no_pair() -> None:
    script: Script = [EMPTY, frozenset("A"), EMPTY, *[Refusal.UNKNOWN_SYMBOL] * READS]
    assert found(dialogue(script, by_symbol=True, symbols=["OLD"])) == PROVEN


def test_a_symbol_asked_for_by_name_is_proven_by_cross_margin_and_its_own_pair() -> None:
    steps = dialogue([EMPTY, EMPTY], Target(WINDOW, WINDOW, "A"), by_symbol=True)
    assert [request.symbol for request in requests(steps)] == [None, "A"]
    assert found(steps) == [Finding(WINDOW, Verdict.PROVEN, "A")]


def test_a_page_without_a_total_is_no_numbered_page() -> None:
    with pytest.raises(TypeError, match="without a total"):
        dialogue([page([], None)])
