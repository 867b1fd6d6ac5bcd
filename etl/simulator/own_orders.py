"""Orders that the owner of an account placed, some a day, beside those that the exchange forced."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random

from etl.simulator.history import DAYS_BEFORE_ORIGIN, IDS_A_DAY
from etl.simulator.markets import Market
from etl.simulator.orders import Order, order_from_row
from etl.simulator.scenario import DAY_MS, Scenario

FIRST_OF_DAY = 700_001  # the first of their ids: a symbol has fewer forced orders a day
PREFIXES = ("web_", "x-", "ios_", "electron_")
LIVES_MS = (0, 35, 4_000, 1_800_000)  # from an order to its last fill


def own_orders(account: str, market: Market, days: Iterable[int], origin_ms: int, scenario: Scenario) -> list[Order]:
    """The owner's orders of some days, which are counted from the origin. They depend on no seed of a history."""
    return [order for day in days for order in _day_orders(account, market, day, origin_ms, scenario)]


def opens_position(order: Order) -> bool:
    """Whether an order of the owner opens a position, which realizes nothing."""
    return order.order_id % 2 == 0


def _day_orders(account: str, market: Market, day: int, origin_ms: int, scenario: Scenario) -> Iterator[Order]:
    random = Random(f"{account}/{market.wallet}/own/{day}")
    ordinary, alike = scenario.own_orders_a_day, scenario.own_autoclose_a_day
    first_id = scenario.order_id_offset + (DAYS_BEFORE_ORIGIN + day) * IDS_A_DAY + FIRST_OF_DAY
    for number, after_ms in enumerate(sorted(random.randrange(DAY_MS) for _ in range(ordinary + alike))):
        at_ms = origin_ms + day * DAY_MS + after_ms
        row = market.row(random, random.choice(market.instruments), first_id + number, at_ms, scenario.row_shape)
        word = f"{random.randrange(10**12):012d}"
        row |= {
            "clientOrderId": f"{random.choice(PREFIXES)}{word}",
            "timeInForce": "GTC",
            "status": "FILLED" if row["status"] == "FILLED" else "CANCELED",
            "updateTime": at_ms + random.choice(LIVES_MS),
        }
        if number < alike:
            row["clientOrderId"] = _named_like_forced(word, at_ms, scenario)
        order = order_from_row({name: value for name, value in row.items() if name not in market.left_out})
        yield replace(order, close_type="UNKNOWN")


def _named_like_forced(word: str, at_ms: int, scenario: Scenario) -> str:
    return f"autoclose-{at_ms}{word[:6]}" if scenario.own_autoclose_layout == "exchange" else f"autoclose-mine-{word}"
