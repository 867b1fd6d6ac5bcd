"""The exchange behind its endpoints: signed pages, weight and bans, clock, faults, and the controls of a test."""

import json
from typing import Any

import pytest

from etl.simulator.accounts import demo_accounts
from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import DAY_MS, WEEK_MS
from tests.unit.desk import FORCE_ORDERS, START, Desk, code, header, row


def test_a_signed_request_is_answered_with_its_rows_as_they_are() -> None:
    desk = Desk(row(price="10913.21000", priceProtect=False), row(order_id=2, symbol="币安人生USDT"))
    reply = desk.orders(limit=100)
    assert reply.status == 200
    assert json.loads(reply.body) == [
        row(price="10913.21000", priceProtect=False),
        row(order_id=2, symbol="币安人生USDT"),
    ]
    assert json.loads(desk.orders(symbol="币安人生USDT").body) == [row(order_id=2, symbol="币安人生USDT")]


def test_each_account_sees_its_own_orders() -> None:
    main, other = accounts = demo_accounts(2)
    desk = Desk(row(), accounts=accounts)
    desk.sim("orders", [row(order_id=9)], account="account2")
    assert json.loads(desk.orders(main).body) == [row()]
    assert json.loads(desk.orders(other).body) == [row(order_id=9)]
    assert [one["name"] for one in desk.sim("accounts")] == ["main", "account2"]


def test_an_unsigned_request_is_refused_and_costs_weight() -> None:
    desk = Desk()
    reply = desk.get(FORCE_ORDERS)
    assert (reply.status, code(reply)) == (401, -2014)
    assert header(reply, "X-MBX-USED-WEIGHT-1M") == "50"


def test_every_answer_says_what_the_address_has_used() -> None:
    desk = Desk()
    replies = [desk.get("/fapi/v1/time"), desk.get("/fapi/v1/ping"), desk.orders(symbol="BTCUSDT"), desk.orders()]
    assert [header(reply, "X-MBX-USED-WEIGHT-1M") for reply in replies] == ["1", "2", "22", "72"]


def test_addresses_do_not_share_their_weight() -> None:
    desk = Desk(weight_limit=50)
    assert [desk.orders(ip=ip).status for ip in ("127.0.0.1", "127.0.0.1", "127.0.0.2")] == [200, 429, 200]


def test_exchange_info_lists_the_limit_and_every_symbol_of_the_history() -> None:
    info = json.loads(Desk(row(symbol="RAREUSDT"), weight_limit=6000).get("/fapi/v1/exchangeInfo").body)
    limits = {one["rateLimitType"]: one["limit"] for one in info["rateLimits"] if one["interval"] == "MINUTE"}
    assert limits["REQUEST_WEIGHT"] == 6000
    rare = next(one for one in info["symbols"] if one["symbol"] == "RAREUSDT")
    assert (rare["baseAsset"], rare["quoteAsset"], rare["status"]) == ("RARE", "USDT", "TRADING")


def test_other_methods_and_paths_are_refused() -> None:
    desk = Desk()
    assert desk.get(FORCE_ORDERS, method="POST").status == 405
    assert desk.get("/fapi/v1/openOrders").status == 404


def test_from_429_to_ban_and_free_again() -> None:
    desk = Desk(weight_limit=100, strikes=1, ban_seconds=120)
    replies = [desk.orders() for _ in range(6)]
    assert [reply.status for reply in replies] == [200, 200, 429, 429, 418, 418]
    assert header(replies[2], "Retry-After") == "60"
    assert header(replies[4], "Retry-After") == "120"
    desk.real_ms += 120_000
    assert desk.orders().status == 200
    stats = desk.stats()
    assert (stats["throttled"], stats["bans"], stats["requests_during_ban"]) == (2, 1, 1)


def test_a_fast_clock_shortens_the_minute() -> None:
    desk = Desk(weight_limit=50, clock_speed=60.0)
    assert [desk.orders().status, desk.orders().status] == [200, 429]
    desk.real_ms += 1_000
    assert desk.orders().status == 200
    assert desk.exchange.now_ms(desk.real_ms) == START + 60_000


def test_the_clock_can_stand_anywhere_and_be_moved() -> None:
    desk = Desk(clock_at_ms=1_724_000_000_000, clock_offset_ms=-500)
    assert json.loads(desk.get("/fapi/v1/time").body) == {"serverTime": 1_723_999_999_500}
    assert desk.sim("clock", {"advance_ms": 500}) == {"serverTime": 1_724_000_000_000}
    desk.real_ms += 7
    assert desk.sim("clock", {"set_ms": START}) == {"serverTime": START}
    desk.real_ms += 7
    assert desk.exchange.now_ms(desk.real_ms) == START + 7


def test_clock_switches_move_a_running_clock_only_as_far_as_they_say() -> None:
    desk = Desk()
    desk.real_ms += 1_000
    desk.sim("scenario", {"clock_offset_ms": 2_000})
    assert desk.exchange.now_ms(desk.real_ms) == START + 3_000
    desk.sim("scenario", {"clock_speed": 10.0})
    desk.real_ms += 1_000
    assert desk.exchange.now_ms(desk.real_ms) == START + 13_000
    desk.sim("scenario", {"clock_at_ms": 5_000_000})
    assert desk.exchange.now_ms(desk.real_ms) == 5_002_000


def test_a_generated_history_grows_with_the_clock() -> None:
    desk = Desk(history=Generated(Profile("bursty", orders_a_day=40.0), "1", days=10))
    before = desk.sim("history")
    assert before
    desk.sim("clock", {"advance_ms": 5 * DAY_MS})
    after = desk.sim("history")
    assert after[: len(before)] == before
    assert START < after[-1]["time"] <= START + 5 * DAY_MS


def test_the_history_ignores_retention_and_not_the_clock() -> None:
    desk = Desk(row(START - 200 * DAY_MS), row(START + 1, order_id=2))
    assert [one["orderId"] for one in desk.sim("history")] == [1]
    desk.real_ms += 1
    assert [one["orderId"] for one in desk.sim("history", account="main")] == [1, 2]


def test_posted_orders_are_added_or_replace_earlier_versions() -> None:
    desk = Desk(row(status="NEW"))
    added = desk.sim("orders", [row(status="FILLED"), row(symbol="FOOUSDT"), {"at_ms": START - 1, "row": 7}])
    assert added == {"added": 3}
    assert desk.sim("history") == [row(status="FILLED"), row(symbol="FOOUSDT"), 7]
    assert json.loads(desk.orders(symbol="FOOUSDT").body) == [row(symbol="FOOUSDT")]


def test_a_scenario_changes_on_the_way() -> None:
    desk = Desk(row(), row(order_id=2))
    assert desk.sim("scenario", {"order": "descending"})["order"] == "descending"
    assert [one["orderId"] for one in json.loads(desk.orders().body)] == [2, 1]
    assert desk.sim("scenario")["kept"] == "oldest"


def test_latency_holds_every_answer_back() -> None:
    desk = Desk(latency_ms=40, faults=[{"kind": "slow", "ms": 10, "at": 2}])
    assert [desk.get("/fapi/v1/ping").delay_ms for _ in range(3)] == [40, 50, 40]


def test_faults_hit_exchange_requests_and_still_cost_weight() -> None:
    desk = Desk(row(), faults=[{"kind": "status", "status": 503, "at": 1, "path": FORCE_ORDERS}])
    desk.get("/fapi/v1/time")
    replies = [desk.orders(), desk.orders()]
    assert [reply.status for reply in replies] == [503, 200]
    assert header(replies[0], "X-MBX-USED-WEIGHT-1M") == "51"
    assert desk.sim("faults", [{"kind": "cut"}]) == {"faults": 1}
    assert desk.orders().label == "cut"
    desk.sim("faults", [])
    assert desk.orders().label == "200"


def test_a_scripted_ban_and_throttle_last() -> None:
    desk = Desk(faults=[{"kind": "throttle", "at": 1}, {"kind": "ban", "seconds": 90, "at": 3}])
    statuses = [desk.orders().status, desk.orders().status, desk.orders().status, desk.orders().status]
    assert statuses == [429, 429, 418, 418]
    desk.real_ms += 90_000
    assert desk.orders().status == 200
    assert desk.stats()["requests_during_ban"] == 1


def test_the_statistics_tell_requests_weight_and_pages() -> None:
    desk = Desk(row(), row(order_id=2))
    desk.get("/fapi/v1/time")
    desk.orders(startTime=START - WEEK_MS + 1, endTime=START, limit=100)
    desk.real_ms += 60_000
    desk.orders(symbol="NOUSDT", autoCloseType="ADL")
    stats = desk.stats()
    assert stats["requests"] == 3
    assert stats["requests_by_path"] == {"/fapi/v1/time": 1, FORCE_ORDERS: 2}
    assert stats["weight"] == 71
    assert stats["weight_by_minute"] == [
        {"minute_ms": START, "weight": 51},
        {"minute_ms": START + 60_000, "weight": 20},
    ]
    assert stats["statuses"] == {"200": 2, "400": 1}
    assert (stats["pages"], stats["rows"]) == (1, 2)
    first, second = stats["log"]
    assert first == {
        "market": "usdm",
        "startTime": START - WEEK_MS + 1,
        "endTime": START,
        "symbol": None,
        "autoCloseType": None,
        "limit": 100,
        "current": None,
        "size": None,
        "isolatedSymbol": None,
        "rows": 2,
        "status": 200,
        "fault": None,
        "server_time_ms": START,
    }
    assert (second["symbol"], second["autoCloseType"], second["status"]) == ("NOUSDT", "ADL", 400)
    desk.sim("reset-stats", {})
    assert desk.stats()["requests"] == 0
    assert desk.stats()["log"] == []


def test_an_answer_that_never_came_is_counted_by_its_end() -> None:
    desk = Desk(row(), faults=[{"kind": "reset", "at": 1}])
    desk.orders()
    stats = desk.stats()
    assert stats["statuses"] == {"reset": 1}
    assert (stats["pages"], stats["rows"]) == (0, 0)
    assert (stats["log"][0]["status"], stats["log"][0]["fault"]) == ("reset", "reset")


@pytest.mark.parametrize(("switches", "expected"), [({}, True), ({"row_shape": "2025"}, False)])
def test_a_drawn_row_has_the_shape_that_was_asked_for_and_any_other_its_own(
    switches: dict[str, Any], expected: bool
) -> None:
    drawn = Desk(history=Generated(days=30), **switches)
    assert {"cumBase" in one for one in drawn.sim("history")} == {expected}
    given = Desk(row(), **switches)
    assert given.sim("history") == [row()]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("scenario", {"kept": "best"}),
        ("scenario", {"no_such": 1}),
        ("scenario", {"duplicates": -1}),
        ("scenario", {"end_inclusive": 1}),
        ("scenario", []),
        ("faults", [{"kind": "none"}]),
        ("clock", {"advance": 5}),
        ("orders", {"symbol": "BTCUSDT"}),
        ("orders", [{"symbol": "BTCUSDT"}]),
        ("orders", ["BTCUSDT"]),
    ],
)
def test_what_a_control_cannot_do_it_says(path: str, body: Any) -> None:
    assert "error" in Desk().sim(path, body, status=400)


def test_controls_are_no_exchange_requests() -> None:
    desk = Desk()
    assert "error" in desk.sim("nothing", status=404)
    assert "error" in desk.sim("history", status=400, account="nobody")
    assert desk.stats()["requests"] == 0
