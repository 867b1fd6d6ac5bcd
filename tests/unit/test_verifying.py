"""Which part of a history is compared, and which part is named as unread instead."""

from dataclasses import replace
from random import Random

import pytest

from etl.core.findings import Finding, Verdict
from etl.core.planning import Known, Rules, plan_backfill
from etl.core.timeline import DAY, MINUTE, Window, merge
from etl.core.verifying import Scope, Unread, Why, judge, no_longer_kept, proven_scopes, requested_scopes

NOW = 1_790_000_000_000
RULES = Rules(now=NOW, settle_lag=10 * MINUTE, keeps=90 * DAY, widest=7 * DAY - 2)
FLOOR, SETTLED = RULES.floor, RULES.settled
NOTHING = Known()


def window(since: int, until: int) -> Window:
    """By days before now."""
    return Window(NOW - since * DAY, NOW - until * DAY)


def assert_divides_its_span(scope: Scope) -> None:
    parts = [*scope.needs, *(unread.window for unread in scope.unread)]
    assert merge(parts) == [scope.span]
    assert sum(part.width for part in parts) == scope.span.width, "no instant is both read and unread"


def test_all_that_is_proven_is_compared() -> None:
    proven = window(60, 1)
    assert proven_scopes({None: Known([proven])}, RULES) == [Scope(None, proven, [proven])]


def test_nothing_is_compared_where_nothing_is_proven() -> None:
    assert proven_scopes({None: Known(requested_since=FLOOR)}, RULES) == []


def test_a_hole_in_what_was_asked_for_is_unread() -> None:
    first, second = window(60, 50), window(40, 30)
    known = Known([first, second], given_up=[window(29, 28)], requested_since=NOW - 70 * DAY)
    (scope,) = proven_scopes({None: known}, RULES)
    assert [unread.window for unread in scope.unread] == [window(70, 60), window(50, 40), window(30, 28)]
    assert {unread.reason for unread in scope.unread} == {Why.NOT_PROVEN}
    assert_divides_its_span(scope)


def test_what_is_proven_and_no_longer_kept_is_not_asked_for() -> None:
    known: dict[str | None, Known] = {None: Known([window(200, 150), window(120, 1)])}
    (scope,) = proven_scopes(known, RULES)
    assert scope == Scope(None, Window(FLOOR, NOW - DAY), [Window(FLOOR, NOW - DAY)])
    assert no_longer_kept(known, RULES)
    assert not no_longer_kept({None: Known([Window(FLOOR - MINUTE, NOW - DAY)])}, RULES), "the edge moves so far"


def test_where_nothing_proven_is_kept_all_of_it_is_unread() -> None:
    gone = window(200, 150)
    (scope,) = proven_scopes({None: Known([gone])}, RULES)
    assert scope == Scope(None, gone, [], [Unread(gone, Verdict.BEYOND_RETENTION)])


def test_a_symbol_is_compared_where_only_it_is_proven() -> None:
    every, own = window(60, 30), window(60, 10)
    scopes = proven_scopes({None: Known([every]), "BTCUSDT": Known([own]), "ETHUSDT": Known([every])}, RULES)
    assert scopes == [Scope(None, every, [every]), Scope("BTCUSDT", window(30, 10), [window(30, 10)])]


def test_a_hole_of_all_symbols_is_named_once_though_each_symbol_is_proven_there() -> None:
    known: dict[str | None, Known] = {f"S{n}": Known([window(60, 30)]) for n in range(500)}
    known[None] = Known([window(60, 50), window(40, 30)])
    (scope,) = proven_scopes(known, RULES)
    assert scope.unread == [Unread(window(50, 40), Why.NOT_PROVEN)]


def test_a_requested_span_is_divided_into_what_can_be_read_and_what_cannot() -> None:
    (scope,) = requested_scopes({None: NOTHING}, Window(NOW - 100 * DAY, NOW), RULES)
    assert scope.needs == [Window(FLOOR, SETTLED)]
    assert [unread.reason for unread in scope.unread] == [Verdict.BEYOND_RETENTION, Why.UNSETTLED]
    assert_divides_its_span(scope)


def test_without_an_end_it_ends_where_something_can_be_proven() -> None:
    (scope,) = requested_scopes({None: NOTHING}, window(9, 0), RULES, has_end=False)
    assert scope == Scope(None, Window(NOW - 9 * DAY, SETTLED), [Window(NOW - 9 * DAY, SETTLED)], [])
    young = Window(NOW - MINUTE, NOW)
    (scope,) = requested_scopes({None: NOTHING}, young, RULES, has_end=False)
    assert (scope.needs, scope.unread) == ([], [Unread(young, Why.UNSETTLED)])


def test_the_edge_of_retention_is_no_part_of_the_question() -> None:
    (scope,) = requested_scopes({None: NOTHING}, window(90, 1), RULES)
    assert (scope.span, scope.unread) == (Window(FLOOR, NOW - DAY), [])
    (scope,) = requested_scopes({None: NOTHING}, Window(FLOOR - 2 * MINUTE, NOW - DAY), RULES)
    assert scope.unread == [Unread(Window(FLOOR - 2 * MINUTE, FLOOR), Verdict.BEYOND_RETENTION)]


def test_before_the_exchange_opened_there_is_nothing_to_compare() -> None:
    endless = replace(RULES, keeps=None)
    (scope,) = requested_scopes({None: NOTHING}, Window(1, NOW - DAY), endless)
    assert (scope.span.start, scope.unread) == (endless.floor, [])


@pytest.mark.parametrize(
    ("known", "symbols"),
    [
        ({None: NOTHING}, [None]),
        ({None: NOTHING, "A": Known([window(9, 8)]), "B": NOTHING, "C": Known([window(7, 6)])}, ["A", "C"]),
        ({None: Known([window(9, 8)]), "A": Known([window(9, 1)])}, [None]),
    ],
)
def test_symbols_are_named_only_where_nothing_else_is_proven(
    known: dict[str | None, Known], symbols: list[str | None]
) -> None:
    assert [scope.symbol for scope in requested_scopes(known, window(9, 1), RULES)] == symbols


def test_only_what_is_proven_was_compared_and_the_rest_has_its_reason() -> None:
    findings = [
        Finding(Window(0, 10), Verdict.PROVEN),
        Finding(Window(10, 13), Verdict.SATURATED),
        Finding(Window(20, 40), Verdict.PROVEN),
        Finding(Window(15, 45), Verdict.FAILED),
    ]
    compared, unread = judge([Window(5, 20), Window(20, 60)], findings, spoilt=[Window(30, 35)])
    assert compared == [Window(5, 10), Window(20, 30), Window(35, 40)]
    assert unread == [
        Unread(Window(10, 13), Verdict.SATURATED),
        Unread(Window(13, 15), Why.NOT_FETCHED),
        Unread(Window(15, 20), Verdict.FAILED),
        Unread(Window(30, 35), Why.QUARANTINED),
        Unread(Window(40, 45), Verdict.FAILED),
        Unread(Window(45, 60), Why.NOT_FETCHED),
    ]


def test_neighbours_with_the_same_reason_are_one_interval() -> None:
    findings = [Finding(Window(n, n + 1), Verdict.SATURATED) for n in range(3)]
    assert judge([Window(0, 3)], findings, []) == ([], [Unread(Window(0, 3), Verdict.SATURATED)])


def test_what_was_never_answered_was_not_compared() -> None:
    assert judge([Window(0, 3)], [], []) == ([], [Unread(Window(0, 3), Why.NOT_FETCHED)])
    assert judge([], [Finding(Window(0, 3), Verdict.PROVEN)], []) == ([], [])


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("need", [Window(FLOOR, SETTLED), window(20, 10), window(2, 1)])
def test_each_run_reads_the_same_in_other_windows_at_most_one_more(need: Window, seed: int) -> None:
    scope = Scope(None, need, [need])
    first, second = ([t.need for t in scope.targets(RULES, Random(seed + add))] for add in (0, 100))
    least = [target.need for target in plan_backfill(need, None, NOTHING, RULES)]
    assert merge(first) == merge(least) == [need]
    assert sum(one.width for one in first) == need.width
    assert len(least) <= len(first) <= len(least) + 1
    starts = [{one.start for one in windows} - {need.start} for windows in (first, second, least)]
    assert not any(a & b for a, b in ((starts[0], starts[1]), (starts[0], starts[2]), (starts[1], starts[2])))


def test_what_is_too_narrow_to_be_cut_is_read_as_a_whole() -> None:
    need = Window(NOW - DAY, NOW - DAY + 7)
    assert [target.need for target in Scope(None, need, [need]).targets(RULES, Random(1))] == [need]
