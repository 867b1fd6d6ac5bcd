"""Where a hint cuts a window, and when hints are no longer asked for. Small integers stand for milliseconds."""

from hypothesis import given
from hypothesis import strategies as st

from etl.core.dialogue import Reply
from etl.core.findings import Verdict
from etl.core.hints import Hint, HintRequest, HintTrust, foretold, rows_foretold
from etl.core.observations import Observations, TruncationSide
from etl.core.page_limits import PageLimits
from etl.core.paging import PageRequest
from etl.core.retention import Retention
from etl.core.timeline import Window, merge
from etl.core.walking import walk
from tests.unit.dialogues import LIMIT, NOW, WINDOW, full, page, plain

WHOLE = Window(0, 1_000)
EVEN = range(0, 1_000, 10)


def test_each_window_has_about_as_many_orders_as_are_wanted() -> None:
    told = foretold(WHOLE, Hint(0, EVEN), 30)
    assert [one.orders for one in told] == [30, 30, 30, 10]
    assert [one.window.start for one in told] == [0, 299, 599, 899]


def test_nothing_is_told_of_what_lies_before_the_hint() -> None:
    head, *told = foretold(WHOLE, Hint(500, EVEN), 20)
    assert head == (Window(0, 499), 0)
    assert [one.orders for one in told] == [20, 20, 10]


def test_a_hint_that_saves_no_request_is_none() -> None:
    assert foretold(WHOLE, Hint(0, EVEN), 51) == []
    assert foretold(WHOLE, Hint(990, EVEN), 20) == []
    assert foretold(Window(5_000, 6_000), Hint(5_000, EVEN), 20) == []


def test_an_instant_is_never_divided_from_its_neighbours() -> None:
    crowd = [100] * 50 + [102] * 10 + [500, 900]
    assert [(one.window.end, one.orders) for one in foretold(WHOLE, Hint(0, crowd), 20)] == [(499, 60), (1_000, 2)]


@given(
    st.integers(0, 50),
    st.integers(2, 200),
    st.lists(st.integers(-20, 300), max_size=200),
    st.integers(-50, 300),
    st.integers(1, 30),
)
def test_the_windows_make_up_the_whole_whatever_the_hint(
    start: int, width: int, times: list[int], since: int, rows: int
) -> None:
    window = Window(start, start + width)
    if told := foretold(window, Hint(since, times), rows):
        assert merge(one.window for one in told) == [window]
        assert sum(one.window.width for one in told) == window.width
        assert [one.window for one in told] == sorted(one.window for one in told)
        assert sum(one.orders for one in told) == sum(max(start, since) <= t < start + width for t in times)


def test_hints_that_are_wrong_more_often_than_once_in_eight_times_are_not_asked_for() -> None:
    trust = HintTrust()
    trust.failed()
    assert trust.is_trusted
    trust.failed()
    assert not trust.is_trusted
    for _ in range(9):
        trust.confirmed()
    trust.failed()
    assert trust.is_trusted


def test_a_hint_is_asked_for_at_the_second_full_page_and_its_pieces_are_requested() -> None:
    trust = HintTrust()
    observations = Observations(TruncationSide(), PageLimits(LIMIT), Retention(None, NOW), hints=trust)
    steps = walk(plain(), observations)
    assert isinstance(next(steps).request, PageRequest)
    certain = steps.send(full()).request
    assert isinstance(certain, PageRequest)
    asked = steps.send(full(certain.window)).request
    assert isinstance(asked, PageRequest), "a piece that was expected to be short is cut by its own page"
    asked = steps.send(full(asked.window)).request
    assert isinstance(asked, HintRequest)
    rows = rows_foretold(LIMIT)
    times = [asked.window.start + asked.window.width * n // (3 * rows) for n in range(3 * rows)]
    piece = steps.send(Hint(asked.window.start, times)).request
    assert isinstance(piece, PageRequest)
    assert 0 < piece.window.width < asked.window.width / 2


def test_without_a_hint_the_walk_cuts_by_its_own_pages_and_asks_for_no_other() -> None:
    observations = Observations(TruncationSide(), PageLimits(LIMIT), Retention(None, NOW), hints=HintTrust())
    steps, hints, verdicts = walk(plain(), observations), 0, list[Verdict]()
    reply: Reply = None
    for _ in range(200):
        step = steps.send(reply)
        verdicts += [finding.verdict for finding in step.findings]
        if step.request is None:
            break
        reply = None
        if isinstance(step.request, HintRequest):
            hints += 1
        elif isinstance(step.request, PageRequest):
            wide = step.request.window.width > WINDOW.width // 8
            reply = full(step.request.window) if wide else page([step.request.window.start])
    assert hints == 1
    assert set(verdicts) == {Verdict.PROVEN}
