"""Weight a minute, 429, 418 and what their headers say, under a clock that only the test moves."""

from etl.simulator.endpoints import price
from etl.simulator.scenario import Scenario
from etl.simulator.weights import Usage, banned, charged, refusal, retry_after, used_up

FORCE_ORDERS = "/fapi/v1/forceOrders"
MINUTE = 60_000
AT = 1_000 * MINUTE
IP = "127.0.0.1"


def after(count: int, scenario: Scenario, at_ms: int = AT, usage: Usage | None = None) -> Usage:
    """The usage after so many requests of weight 50."""
    usage = usage or Usage()
    for _ in range(count):
        usage = charged(usage, 50, scenario, at_ms)
    return usage


def status(usage: Usage, scenario: Scenario, at_ms: int = AT) -> int:
    refused = refusal(IP, usage, scenario, at_ms)
    return refused.status if refused else 200


def test_force_orders_cost_twenty_with_a_symbol_and_fifty_without() -> None:
    assert price(FORCE_ORDERS, {"symbol": "BTCUSDT"}, Scenario()) == 20
    assert price(FORCE_ORDERS, {}, Scenario()) == 50
    assert price("/fapi/v1/time", {}, Scenario()) == 1
    assert price(FORCE_ORDERS, {}, Scenario(weight_without_symbol=7)) == 7


def test_the_limit_itself_may_be_reached_and_not_passed() -> None:
    assert status(after(48, Scenario()), Scenario()) == 200
    assert status(after(49, Scenario()), Scenario()) == 429


def test_a_new_minute_of_the_server_clock_begins_with_nothing() -> None:
    usage = after(49, Scenario(), AT + 59_999)
    usage = charged(usage, 50, Scenario(), AT + MINUTE)
    assert usage.used(Scenario(), AT + MINUTE) == 50
    assert status(usage, Scenario(), AT + MINUTE) == 200


def test_refused_requests_cost_too() -> None:
    assert after(51, Scenario()).used(Scenario(), AT) == 51 * 50


def test_going_on_after_a_429_earns_a_ban() -> None:
    scenario = Scenario(strikes=3, ban_seconds=120)
    assert [status(after(count, scenario), scenario) for count in (49, 50, 51, 52, 53)] == [429, 429, 429, 429, 418]
    assert after(53, scenario).banned_until_ms == AT + 120_000


def test_a_ban_outlives_its_minute_and_ends_by_itself() -> None:
    scenario = Scenario(strikes=0, ban_seconds=90)
    usage = after(50, scenario)
    assert status(charged(usage, 50, scenario, AT + 89_999), scenario, AT + 89_999) == 418
    assert status(charged(usage, 50, scenario, AT + 90_000), scenario, AT + 90_000) == 200


def test_requests_during_a_ban_no_longer_add_weight() -> None:
    usage = banned(after(3, Scenario()), 60, AT)
    assert charged(usage, 50, Scenario(), AT + 1).own == 150


def test_a_bot_on_the_same_address_burns_its_weight_evenly() -> None:
    scenario = Scenario(others_weight=1200)
    assert Usage().used(scenario, AT) == 0
    assert Usage().used(scenario, AT + 30_000) == 600
    assert status(after(40, scenario, AT + 30_000), scenario, AT + 30_000) == 429


def test_the_bodies_say_what_binance_says() -> None:
    throttled = refusal(IP, after(49, Scenario()), Scenario(), AT)
    assert throttled is not None
    assert (throttled.code, throttled.msg) == (
        -1003,
        "Too many requests; current limit of IP(127.0.0.1) is 2400 requests per minute. "
        "Please use the websocket for live updates to avoid polling the API.",
    )
    ban = refusal(IP, banned(Usage(), 120, 1_795_000_000_000), Scenario(), 1_795_000_000_000)
    assert ban is not None
    assert ban.msg.startswith("Way too many requests; IP(127.0.0.1) banned until 1795000120000. ")


def test_retry_after_reaches_to_the_next_minute_or_the_end_of_the_ban() -> None:
    usage = after(49, Scenario(), AT + 20_500)
    assert retry_after(usage, Scenario(), AT + 20_500) == "40"
    assert retry_after(banned(usage, 120, AT), Scenario(), AT) == "120"


def test_retry_after_counts_real_seconds_when_the_clock_runs_faster() -> None:
    assert retry_after(after(49, Scenario()), Scenario(clock_speed=30.0), AT) == "2"


def test_retry_after_can_say_zero_or_nothing() -> None:
    assert retry_after(after(49, Scenario()), Scenario(retry_after="0"), AT) == "0"
    assert retry_after(after(49, Scenario()), Scenario(retry_after="missing"), AT) is None


def test_a_minute_can_be_used_up_by_a_fault() -> None:
    usage = used_up(charged(Usage(), 50, Scenario(), AT), Scenario())
    assert status(usage, Scenario()) == 429
    assert status(charged(usage, 1, Scenario(), AT + MINUTE), Scenario(), AT + MINUTE) == 200
