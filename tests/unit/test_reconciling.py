"""Spans, windows and comparisons of a reconciliation, with small numbers."""

import json
from dataclasses import replace
from typing import Any

import pytest

from etl.core.forced_names import PlacedBy, placed_by
from etl.core.order_lists import Kind, Lists, Reach, difference, differences, why_unlisted
from etl.core.orders import Order
from etl.core.planning import Rules
from etl.core.reconciling import (
    EDGE,
    MARGIN,
    YOUNG,
    Unread,
    Verdict,
    days_of,
    in_short,
    judge,
    last_days,
    proven_days,
    windows_to_read,
)
from etl.core.timeline import DAY, HOUR, MINUTE, Window, to_datetime
from etl.exchange.rows import read_row
from etl.notifications.message import message_of
from etl.notifications.summary import NotificationSummary, RunResult
from etl.runs.reconciliation import dispute_line
from etl.store.reconciliations import Disputed
from tests.documented import ROW

NOON = 20_000 * DAY + 12 * HOUR
KEPT = 90 * DAY
RULES = Rules(now=NOON, settle_lag=10 * MINUTE, keeps=KEPT, widest=7 * DAY - 2)
AT = NOON - 2 * DAY
LONG_AGO = to_datetime(AT)


def order(order_id: int = 1, at: int = AT, **changes: Any) -> Order:
    own = {"orderId": order_id, "clientOrderId": f"autoclose-{at}000001", "time": at, "updateTime": at + 5}
    read = read_row(json.dumps(ROW | own | changes).encode(), NOON)
    assert isinstance(read, Order)
    return read


def lists(listed: list[Order], stored: list[Order], there: list[Window], here: list[Window]) -> Lists:
    return Lists(
        {one.key: one for one in listed}, {one.key: one for one in stored}, Reach({None: there}), Reach({None: here})
    )


@pytest.mark.parametrize("hours", [0, 1, 12, 23])
def test_a_night_reads_its_days_in_one_window(hours: int) -> None:
    rules = replace(RULES, now=20_000 * DAY + hours * HOUR)
    span = last_days(7, rules, KEPT)
    assert span is not None
    assert span.window.start % DAY == 0
    assert span.window.end == rules.now - YOUNG
    assert len(windows_to_read(span, [Window(0, rules.now)], RULES.widest)) == 1
    assert len(span.days()) == 6


def test_a_span_is_widened_to_whole_days_and_ends_before_what_is_young() -> None:
    span = days_of(Window(NOON - 3 * DAY, NOON - 2 * DAY), RULES, KEPT)
    assert span is not None
    assert span.window == Window(NOON - 3 * DAY - 12 * HOUR, NOON - DAY - 12 * HOUR)
    assert span.read == Window(span.window.start - MARGIN, span.window.end + MARGIN)
    assert len(span.days()) == 2
    today = days_of(Window(NOON - HOUR, NOON), RULES, KEPT)
    assert today is not None
    assert (today.window.end, today.days()) == (NOON - YOUNG, [])


def test_what_is_about_to_be_dropped_is_left_out_and_said() -> None:
    span = days_of(Window(NOON - 100 * DAY, NOON), RULES, KEPT)
    assert span is not None
    assert NOON - KEPT + EDGE <= span.window.start < NOON - KEPT + EDGE + DAY
    assert span.too_old == Window(NOON - 100 * DAY - 12 * HOUR, span.window.start)
    whole = proven_days([Window(NOON - 100 * DAY, NOON)], RULES, KEPT)
    assert whole is not None
    assert (whole.window, whole.too_old) == (span.window, None), "nobody asked for it"


def test_nothing_is_compared_where_nothing_is_kept_or_proven() -> None:
    assert days_of(Window(NOON - 100 * DAY, NOON - 95 * DAY), RULES, KEPT) is None
    assert proven_days([], RULES, KEPT) is None
    span = last_days(7, RULES, KEPT)
    assert span is not None
    assert windows_to_read(span, [Window(0, span.window.start)], RULES.widest) == []


def test_the_first_day_of_a_market_begins_with_it() -> None:
    rules = replace(RULES, begins=NOON - 3 * DAY)
    span = days_of(Window(NOON - 10 * DAY, NOON), rules, KEPT)
    assert span is not None
    assert span.window.start == rules.begins
    assert span.days()[0] == Window(rules.begins, rules.begins + 12 * HOUR)
    assert span.too_old is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, PlacedBy.EXCHANGE),
        ({"timeInForce": None}, PlacedBy.EXCHANGE),
        ({"timeInForce": "GTC"}, PlacedBy.NAMESAKE),
        ({"clientOrderId": f"autoclose-{AT - MINUTE}000001"}, PlacedBy.EXCHANGE),
        ({"clientOrderId": f"autoclose-{AT - MINUTE - 1}000001"}, PlacedBy.NAMESAKE),
        ({"clientOrderId": f"autoclose-{AT}00001"}, PlacedBy.NAMESAKE),
        ({"clientOrderId": f"autoclose-{AT}0000012"}, PlacedBy.NAMESAKE),
        ({"clientOrderId": "autoclose-foo"}, PlacedBy.NAMESAKE),
        ({"clientOrderId": "adl_autoclose", "timeInForce": "GTC"}, PlacedBy.EXCHANGE),
        ({"clientOrderId": "adl_autoclose-1"}, PlacedBy.NAMESAKE),
        ({"clientOrderId": "settlement_autoclose-1"}, PlacedBy.SETTLEMENT),
        ({"clientOrderId": "delivery_1"}, PlacedBy.SETTLEMENT),
        ({"clientOrderId": "web_autoclose-1"}, PlacedBy.OWNER),
        ({"clientOrderId": None}, PlacedBy.OWNER),
    ],
)
def test_who_placed_an_order(changes: dict[str, Any], expected: PlacedBy) -> None:
    assert placed_by(order(**changes)) is expected


def test_values_are_compared_and_not_their_words() -> None:
    same = order(avgPrice="10913.21", cumQuote="10.9132100", type="LIQUIDATION", workingType="MARK_PRICE")
    assert differences(same, order()) == []
    assert differences(order(status="EXPIRED", side="BUY"), order()) == [
        "status EXPIRED there, FILLED here",
        "side BUY there, SELL here",
    ]
    assert differences(order(positionSide=None), order()) == [], "only what both rows have"


@pytest.mark.parametrize(
    ("listed", "kind", "said"),
    [
        ({"avgPrice": "1"}, Kind.CONFLICTING, "avgPrice 1 there, 10913.21000 here"),
        ({"avgPrice": "1", "updateTime": AT + 6}, Kind.DIFFERENT, "all orders had the later version"),
        ({"avgPrice": "1", "updateTime": AT + 4}, Kind.DIFFERENT, "what is stored had the later version"),
        ({"executedQty": "0.002"}, Kind.DIFFERENT, "all orders had the later version"),
        (
            {"clientOrderId": "web_1", "updateTime": AT + 6},
            Kind.CONFLICTING,
            f"clientOrderId web_1 there, autoclose-{AT}000001 here",
        ),
    ],
)
def test_a_difference_is_a_dispute_only_between_equal_versions(listed: dict[str, Any], kind: Kind, said: str) -> None:
    found = difference(order(**listed), order())
    assert found.kind is kind
    assert found.detail.endswith(said)


@pytest.mark.parametrize(
    ("changes", "closed", "reason"),
    [
        ({}, (), None),
        ({}, ("BTCUSDT",), "the contract is closed"),
        ({"executedQty": "0"}, (), None),
        ({"clientOrderId": "settlement_autoclose-1"}, (), "a settlement"),
    ],
)
def test_what_the_list_of_all_orders_need_not_show(changes: dict[str, Any], closed: Any, reason: str | None) -> None:
    assert why_unlisted(order(**changes), NOON, closed) == reason


def test_an_unfilled_order_need_not_be_shown_shortly_before_three_days() -> None:
    unfilled = order(executedQty="0", at=NOON - 3 * DAY + HOUR - 1)
    assert why_unlisted(unfilled, NOON, ()) == "nothing was filled, and it is older than three days"


def test_an_order_with_a_time_that_is_not_proven_is_not_missing_and_its_day_not_checkable() -> None:
    span = last_days(7, RULES, KEPT)
    assert span is not None
    whole = span.read
    late = order(updateTime=AT + DAY)
    found = lists([late], [], [whole], [Window(whole.start, AT + HOUR), Window(AT + DAY + HOUR, whole.end)])
    assert found.missing() == []
    (day,) = [one for one in judge(span, found, []) if one.day.toordinal() == 719163 + AT // DAY]
    assert day.verdict is Verdict.NOT_CHECKABLE
    assert "a time that is not proven here" in (day.reason or "")


def test_a_doubt_about_one_order_leaves_its_day_open_and_no_other() -> None:
    span = last_days(7, RULES, KEPT)
    assert span is not None
    found = lists([], [], [span.read], [span.read])
    verdicts = judge(span, found, [], [Unread(Window(AT, AT + 1), "could not be read again")])
    assert [one.reason for one in verdicts if one.verdict is Verdict.NOT_CHECKABLE] == ["could not be read again"]
    assert len(verdicts) == 6


def test_reasons_are_said_once_and_not_all_of_many() -> None:
    assert in_short([]) is None
    assert in_short(["a", "b", "a"]) == "a; b"
    assert in_short(["a", "b", "c", "d", "e"]) == "a; b; c; and 2 more reasons"


def test_a_notification_names_the_first_disputed_orders() -> None:
    found = [
        Disputed(
            "a-long-name-of-an-account", "pm-coinm", "BTCUSD_PERP", 8389766251307928000 + n, LONG_AGO, "missing", ""
        )
        for n in range(5)
    ]
    line = dispute_line(found[0].wallet, found)
    summary = NotificationSummary((RunResult("sync", "incomplete", (line,), 7),))
    message = message_of(summary, ("failure",), 14)
    assert message is not None
    assert "disagree on 5 orders: BTCUSD_PERP 8389766251307928000 (missing)" in message.body
    assert line.endswith("--symbol BTCUSD_PERP --order 8389766251307928000 --why TEXT")
