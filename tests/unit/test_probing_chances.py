"""The chances by which a probe judges are those that counting all possible pages gives."""

from itertools import combinations, pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.orders import CloseType, Order
from etl.core.probing.chances import Cut, Fit, all_of, any_of, first_by, gathered, newest, oldest, sorted_by


def order(number: int, at: int, symbol: str = "A") -> Order:
    return Order(symbol, number, at, at, CloseType.LIQUIDATION, "{}")


def orders(times: list[int], symbols: str = "A") -> tuple[Order, ...]:
    return tuple(order(number, at, symbols[number % len(symbols)]) for number, at in enumerate(times))


def cut(matching: tuple[Order, ...], *kept: int) -> Cut:
    return Cut(frozenset(matching[number].key for number in kept), matching)


def time_of(one: Order) -> int:
    return one.order_time


times = st.lists(st.integers(0, 4), min_size=2, max_size=6)


@given(times=times, data=st.data())
def test_the_chance_of_the_oldest_is_their_part_of_all_choices(times: list[int], data: st.DataObject) -> None:
    matching, limit = orders(times), data.draw(st.integers(1, len(times) - 1))
    fits = [first_by(cut(matching, *kept), time_of) for kept in combinations(range(len(times)), limit)]
    given = sum(fit.is_given for fit in fits)
    assert [fit.chance for fit in fits] == pytest.approx([given / len(fits)] * len(fits))


@given(times=times)
def test_the_chance_of_an_order_is_its_part_of_all_sequences(times: list[int]) -> None:
    fits = [sorted_by(page, time_of) for page in permutations(orders(times))]
    given = sum(fit.is_given for fit in fits)
    assert [fit.chance for fit in fits] == pytest.approx([given / len(fits)] * len(fits))


@given(times=times, symbols=st.sampled_from(["A", "AB", "ABC", "ABCDEF"]), data=st.data())
def test_the_chance_of_gathered_symbols_is_never_understated(
    times: list[int], symbols: str, data: st.DataObject
) -> None:
    matching, limit = orders(times, symbols), data.draw(st.integers(1, len(times) - 1))
    fits = [gathered([cut(matching, *kept)]) for kept in combinations(range(len(times)), limit)]
    filled = {frozenset(rows[:limit]) for rows in permutations(matching) if is_gathered(rows)}
    assert sum(fit.is_given for fit in fits) == len(filled)
    assert min(fit.chance for fit in fits) >= len(filled) / len(fits) - 1e-9


def is_gathered(rows: tuple[Order, ...]) -> bool:
    """Whether each symbol's rows stand together."""
    starts = [rows[0].symbol] + [b.symbol for a, b in pairwise(rows) if a.symbol != b.symbol]
    return len(starts) == len(set(starts))


def test_orders_that_alternate_tell_the_oldest_from_gathered_symbols() -> None:
    matching = orders([1, 2, 3], "AB")  # A B A
    pages = [cut(matching, 0), cut(matching, 0, 1)]
    assert oldest(pages).is_given
    assert not newest(pages).is_given
    assert not gathered(pages).is_given
    assert gathered(pages[:1]).is_given, "one page alone does not"


def test_orders_whose_two_times_disagree_may_be_sorted_by_either() -> None:
    early_changed_late = Order("A", 1, 1, 9, CloseType.LIQUIDATION, "{}")
    other = Order("A", 2, 5, 5, CloseType.LIQUIDATION, "{}")
    for kept in (0, 1):
        page = cut((early_changed_late, other), kept)
        assert oldest([page]) == newest([page]) == (True, 1.0)


def test_chances_multiply_and_add_and_one_contradiction_ends_a_rule() -> None:
    even, never = Fit(is_given=True, chance=0.5), Fit(is_given=False, chance=0.25)
    assert all_of([even, even]) == (True, 0.25)
    assert all_of([even, never]) == (False, 0.125)
    assert any_of([even, never]) == (True, 0.75)
    assert any_of([never, never]) == (False, 0.5)
    assert any_of([even, even, even]).chance == 1.0
