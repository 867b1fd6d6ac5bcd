"""What a walk makes of an answer: which rows count, and whether they answer the question at all."""

import pytest

from etl.core.findings import Finding, Verdict
from etl.core.orders import CloseType, Order, Reject
from etl.core.paging import Page, PageRequest
from etl.core.timeline import DAY, Window
from etl.core.walking import walk
from tests.unit.dialogues import (
    LIMIT,
    NOW,
    WINDOW,
    an_order,
    dialogue,
    found,
    full,
    full_of,
    holding,
    observations,
    page,
    plain,
    requested,
)


def test_rows_that_cannot_be_read_count_towards_the_length_of_a_page() -> None:
    unread = Page((), (Reject("5", "the row is no object", True),) * LIMIT, NOW)
    steps = dialogue(plain(), [unread, page(), page()])
    assert steps[1].findings == ()
    assert requested(steps)[1:] == list(WINDOW.split(NOW - DAY // 2))


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


def test_each_step_tells_the_orders_of_its_answer_that_the_walk_had_not_seen_before() -> None:
    whole = full()
    first, rest = holding(whole.orders[:95]), holding((*whole.orders[96:], an_order(7, "ETHUSDT", WINDOW.end - 5)))
    steps = dialogue(plain(), [whole, first, rest, None, whole])
    assert [step.unseen for step in steps] == [(), whole.orders, (), rest.orders[-1:], (), ()]


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


def test_a_walk_that_is_sent_something_else_than_an_answer_says_so() -> None:
    steps = walk(plain(), observations())
    next(steps)
    with pytest.raises(TypeError, match="a page was requested"):
        steps.send(None)
