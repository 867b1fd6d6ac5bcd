"""What `make test` leaves to `make nightly` (tests/combining.py)."""

from tests.combining import each_value_once, few_of


def test_every_combination_is_there_and_each_value_in_one_that_is_not_slow() -> None:
    names, combinations = each_value_once(fruit="abc", size=[1, 2, 3, 4, 5], ripe=[True, False]).args
    assert names == ["fruit", "size", "ripe"]
    assert len({one.values for one in combinations}) == 30
    quick = [one.values for one in combinations if not one.marks]
    assert [set(values) for values in zip(*quick, strict=True)] == [set("abc"), {1, 2, 3, 4, 5}, {True, False}]
    assert len(quick) == 5
    assert {mark.name for one in combinations for mark in one.marks} == {"slow"}


def test_of_a_table_few_are_quick_from_the_first_to_the_last_and_all_are_there() -> None:
    table = few_of({"a": (1, 2), "b": (3, 4), "c": (5, 6), "d": (7, 8)}, 2)
    assert [(one.id, one.values) for one in table] == [("a", (1, 2)), ("b", (3, 4)), ("c", (5, 6)), ("d", (7, 8))]
    assert [one.id for one in table if not one.marks] == ["a", "d"]
    assert [one.values for one in few_of(range(9), 3) if not one.marks] == [(0,), (4,), (8,)]
    assert [one.values for one in few_of("abc", 1) if not one.marks] == [("a",)]
