"""The probe under every switch of the simulator: what it settles is what the switch says, within its weight."""

from dataclasses import replace
from typing import Any

import pytest

from etl.core.probing.findings import WORDINGS, Found, Question
from etl.core.probing.notebook import MOST_WEIGHT
from etl.simulator.accounts import MAIN, WALLETS
from etl.simulator.orders import orders_from_json
from etl.simulator.scenario import DAY_MS, Scenario
from etl.simulator.venue import History
from tests.combining import each_value_once
from tests.probed import ORDERS, Probed, history, probed, wrong
from tests.unit.desk import FORCE_ORDERS, START, Desk, row

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
ROOM: dict[str, Any] = {"weight_limit": 100_000, "sapi_weight_limit": 100_000, "papi_weight_limit": 100_000}
SIZES = (0, 1, 3, 50, 150)

SETTLED_WITHOUT_ORDERS = {Question.EQUAL_ENDS, Question.BEYOND, Question.LIMIT}
SETTLED_WITH_ONE = SETTLED_WITHOUT_ORDERS | {Question.START, Question.END, Question.FILTER_FIELD, Question.SPAN}
SETTLED_WITH_MANY = {*Question} - {Question.DELAY, Question.PAGE_SIZE}

SWITCHES: list[dict[str, Any]] = [
    *({"kept": kept} for kept in ("oldest", "newest", "by_symbol", "random")),
    *({"order": order} for order in ("ascending", "descending", "shuffled")),
    *({"start_inclusive": start, "end_inclusive": end} for start in (True, False) for end in (True, False)),
    *({"filter_field": field, "start_inclusive": start} for field in ("time", "updateTime") for start in (True, False)),
    *({"equal_ends": said} for said in ("accepted", "refused")),
    *(
        {"window_rule": rule, "longest_window_ms": days * DAY_MS}
        for rule in ("lt", "le", "none", "cut")
        for days in (2, 7, 30)
    ),
    {"window_rule": "le", "longest_window_ms": 7 * DAY_MS - 1},
    *({"limit_above_max": said} for said in ("cut", "refused")),
    *({"page_limit_cap": cap} for cap in (1, 5, 50, 100)),
    *({"retention_days": days, "beyond_retention": said} for days in (0, 30, 90, 120) for said in ("error", "empty")),
    *({"visibility_delay_ms": delay} for delay in (0, 5 * MINUTE_MS, HOUR_MS)),
    {"duplicates": 3},
]


def run(size: int, switches: dict[str, Any], **options: Any) -> Probed:
    return probed(Desk(*history(size), **ROOM, **switches), **options)


def settled(done: Probed) -> set[Question]:
    return {finding.question for finding in done.findings if finding.is_settled}


@each_value_once(size=SIZES, switches=SWITCHES)
def test_what_is_settled_is_what_the_switch_says_within_the_weight(switches: dict[str, Any], size: int) -> None:
    done = run(size, switches)
    assert wrong(done, Scenario(**switches)) == []
    assert done.weight <= MOST_WEIGHT
    assert [finding.question for finding in done.findings] == [*Question]
    assert all(finding.evidence and len(finding.evidence) < 100 for finding in done.findings)


@pytest.mark.parametrize("switches", [one for one in SWITCHES if "page_limit_cap" not in one], ids=str)
def test_fifty_orders_settle_every_question_that_orders_can_settle(switches: dict[str, Any]) -> None:
    done = run(50, switches, stored=[one["time"] for one in history(50)])
    unsettled = SETTLED_WITH_MANY - settled(done)
    if switches.get("retention_days") == 30:
        unsettled -= {Question.SPAN}  # may be refused for its age
    assert unsettled == set()


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_without_any_order_three_questions_are_settled_all_the_same(switches: dict[str, Any]) -> None:
    assert settled(run(0, switches)) >= SETTLED_WITHOUT_ORDERS


@pytest.mark.parametrize("kept", ["oldest", "newest"])
@pytest.mark.parametrize("symbols", ["ABA", "A"])
def test_three_orders_settle_which_rows_survive_a_cut(kept: str, symbols: str) -> None:
    done = probed(Desk(*history(3, days_ago=5, symbols=symbols), **ROOM, kept=kept))
    question = Question.CUT_OF_SYMBOL if symbols == "A" else Question.CUT
    assert done.of(question).answer == Found(kept)
    assert done.weight <= MOST_WEIGHT


def test_three_orders_of_one_symbol_settle_their_order_too() -> None:
    for order in ("ascending", "descending", "shuffled"):
        done = probed(Desk(*history(3, days_ago=5, symbols="A"), **ROOM, order=order))
        assert done[Question.ROW_ORDER] is ORDERS[order]


def test_one_order_settles_the_ends_the_field_and_the_span() -> None:
    only = row(START - 30 * DAY_MS, updateTime=START - 30 * DAY_MS + 9)
    for switches in ({}, {"filter_field": "updateTime", "end_inclusive": False}, {"window_rule": "none"}):
        done = probed(Desk(only, **ROOM, **switches))
        assert settled(done) >= SETTLED_WITH_ONE
        assert wrong(done, Scenario(**switches)) == []


def test_orders_whose_times_are_equal_settle_the_ends_and_not_the_field() -> None:
    same = [row(START - 5 * DAY_MS + number * HOUR_MS, order_id=number) for number in range(1, 20)]
    done = probed(Desk(*same, **ROOM, end_inclusive=False))
    assert (done[Question.START], done[Question.END]) == (Found.INCLUSIVE, Found.EXCLUSIVE)
    assert done.of(Question.FILTER_FIELD).evidence == "of 19 orders none has times 2 ms apart"


def test_orders_of_one_millisecond_show_nothing_about_cuts_and_order() -> None:
    at = START - 5 * DAY_MS
    crowd = [row(at, "AB"[number % 2] + "USDT", number, updateTime=at) for number in range(1, 40)]
    done = probed(Desk(*crowd, **ROOM))
    assert wrong(done, Scenario()) == []
    assert not settled(done) & {Question.CUT_OF_SYMBOL, Question.ROW_ORDER}


def test_stored_orders_say_where_to_look_and_save_the_search() -> None:
    old = history(50, days_ago=70)
    blind, told = probed(Desk(*old, **ROOM)), probed(Desk(*old, **ROOM), stored=[one["time"] for one in old])
    assert settled(blind) == settled(told)
    assert told.weight <= blind.weight - 400


def test_stored_orders_that_the_exchange_does_not_have_mislead_nobody() -> None:
    done = probed(Desk(*history(50), **ROOM), stored=[START - 60 * DAY_MS, START + DAY_MS, 0])
    assert wrong(done, Scenario()) == []
    assert settled(done) == SETTLED_WITH_MANY


@pytest.mark.parametrize("allowance", range(0, 1_000, 90))
def test_the_allowance_is_never_exceeded_and_what_it_does_not_reach_is_not_settled(allowance: int) -> None:
    done = run(50, {}, allowance=allowance)
    assert done.weight <= allowance
    assert wrong(done, Scenario()) == []
    assert settled(done) if allowance >= 90 else not settled(done)


def test_a_fresh_order_shows_how_soon_it_can_be_read() -> None:
    fresh = row(START - 42_000, order_id=999, updateTime=START - 41_500)
    done = probed(Desk(*history(5), fresh, **ROOM))
    assert done.of(Question.DELAY).answer is Found.WITHIN
    assert done.of(Question.DELAY).evidence == "shown 41.5 s after its last change"


def test_rows_that_were_not_asked_for_leave_only_refusals_settled() -> None:
    done = run(50, {"strays": 3})
    assert {finding.answer for finding in done.findings} == {Found.REFUSED, Found.NOT_SETTLED}


def test_where_everything_is_refused_a_refusal_says_nothing() -> None:
    faults = [{"kind": "code", "code": -4999, "path": FORCE_ORDERS}]
    done = probed(Desk(*history(50), faults=faults, **ROOM))
    assert settled(done) == set()
    assert done.of(Question.SPAN).evidence == "7 days refused (-4999), less refused (-4999)"
    assert done.of(Question.EQUAL_ENDS).evidence == "no request at all was answered"


def test_a_symbol_that_the_exchange_no_longer_lists_is_asked_for_without_it() -> None:
    done = probed(Desk(*history(50), **ROOM), delisted=["AUSDT", "BTCUSDT"])
    assert settled(done) == SETTLED_WITH_MANY
    assert wrong(done, Scenario()) == []
    assert done.weight <= MOST_WEIGHT
    assert [request.symbol for request in done.requests].count("AUSDT") == 1


@pytest.mark.parametrize("market", ["margin", "pm-margin"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "switches",
    [
        *({"numbered_order": order} for order in ("ascending", "descending")),
        *({"start_inclusive": start, "end_inclusive": end} for start in (True, False) for end in (True, False)),
        *({"window_rule": rule} for rule in ("lt", "le", "none", "cut")),
        *({"equal_ends": said, "limit_above_max": limit} for said, limit in (("accepted", "cut"), ("refused",) * 2)),
        *({"beyond_retention": said} for said in ("error", "empty")),
        {"late_rows": 3},
    ],
    ids=str,
)
def test_numbered_pages_are_asked_the_questions_that_apply(market: str, size: int, switches: dict[str, Any]) -> None:
    rows = [
        {"symbol": one["symbol"], "orderId": one["orderId"], "isIsolated": False, "updatedTime": one["time"]}
        for one in history(size)
    ]
    account = replace(MAIN, wallets=WALLETS, portfolio_margin_from_ms=0 if market == "pm-margin" else None)
    shown: dict[str, History] = {market: orders_from_json(rows)}
    done = probed(Desk(history=shown, accounts=(account,), **ROOM, **switches), market)
    scenario = Scenario(**switches, order=switches.get("numbered_order", "descending"))
    assert wrong(done, scenario) == []
    assert done.weight <= 100
    not_applicable = {finding.question for finding in done.findings if finding.answer is Found.NOT_APPLICABLE}
    assert not_applicable == {Question.CUT, Question.CUT_OF_SYMBOL, Question.FILTER_FIELD}
    if size >= 50:
        assert settled(done) >= SETTLED_WITH_MANY - not_applicable


def test_every_question_is_worded_with_what_the_program_does_either_way() -> None:
    assert WORDINGS.keys() == {*Question}
