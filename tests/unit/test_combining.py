"""What `make test` leaves to `make nightly` (tests/combining.py)."""

from tests.combining import each_value_once


def test_every_combination_is_there_and_each_value_in_one_that_is_not_slow() -> None:
    names, combinations = each_value_once(fruit="abc", size=[1, 2, 3, 4, 5], ripe=[True, False]).args
    assert names == ["fruit", "size", "ripe"]
    assert len({one.values for one in combinations}) == 30
    quick = [one.values for one in combinations if not one.marks]
    assert [set(values) for values in zip(*quick, strict=True)] == [set("abc"), {1, 2, 3, 4, 5}, {True, False}]
    assert len(quick) == 5
    assert {mark.name for one in combinations for mark in one.marks} == {"slow"}
