"""Random histories: the orders of a day depend only on the seed and the day's number.

Days are counted from an origin. A simulator that starts at its origin shows the same history on every date and at every
hour; one that keeps its origin and starts tomorrow shows the same past and one day more.
"""

from dataclasses import dataclass
from random import Random
from typing import Literal

from etl.simulator.instruments import Instrument
from etl.simulator.markets import USDM, Market
from etl.simulator.orders import Order, order_from_row
from etl.simulator.scenario import DAY_MS, RowShape

Shape = Literal["demo", "quiet", "bursty", "empty"]
Instant = tuple[int, Instrument]  # milliseconds after the origin

IDS_A_DAY = 1_000_000  # order ids count up per symbol; each day has this many, the same in every symbol
DAYS_BEFORE_ORIGIN = 20_000  # days before the origin, with negative numbers, that have ids
BLOCK_DAYS = 28  # demo: one cascade and one week without any order in each block
BURST_BLOCK_DAYS = 10  # bursty: one day of each block has most of its orders
BURST_SHARE = 0.7
BURST_SIZE = 250
CROWD = 40  # the most orders in one millisecond


@dataclass(frozen=True, slots=True)
class Profile:
    """The kind of history. `orders_a_day` is the mean of the bursty kind."""

    shape: Shape = "demo"
    orders_a_day: float = 50.0


@dataclass(frozen=True, slots=True)
class Generated:
    """An endless history: the simulator generates it from `days` before its clock to a day ahead of it.

    `origin_ms`: the instant from which days are counted, epoch milliseconds; None: where the simulator's clock starts.
    """

    profile: Profile = Profile()
    seed: str = "1"
    days: int = 100
    origin_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """What the orders of a history look like: their market, the keys of its rows, and what is added to each order id.

    It changes no instant.
    """

    market: Market = USDM
    row_shape: RowShape = "2026-08"
    id_offset: int = 0


def generate(
    seed: str, start_ms: int, end_ms: int, profile: Profile, origin_ms: int = 0, form: Form = Form()
) -> list[Order]:
    """The orders with start ≤ time < end, oldest first."""
    orders = [
        order
        for day in range(day_number(start_ms, origin_ms), day_number(end_ms - 1, origin_ms) + 1)
        for order in _day_orders(seed, day, profile, origin_ms, form)
        if start_ms <= order.time < end_ms
    ]
    return sorted(orders, key=lambda order: (order.time, order.symbol, order.order_id))


def day_number(instant_ms: int, origin_ms: int) -> int:
    """The number of the day that an instant lies in: day 0 begins at the origin."""
    return (instant_ms - origin_ms) // DAY_MS


def _day_orders(seed: str, day: int, profile: Profile, origin_ms: int, form: Form) -> list[Order]:
    times: dict[Instrument, list[int]] = {}
    for after_origin_ms, instrument in _day_instants(seed, day, profile, form.market.instruments):
        times.setdefault(instrument, []).append(origin_ms + after_origin_ms)
    return [order for one, some in times.items() for order in _symbol_orders(seed, day, one, sorted(some), form)]


def _symbol_orders(seed: str, day: int, instrument: Instrument, times: list[int], form: Form) -> list[Order]:
    random = Random(f"{seed}/{day}/{instrument.symbol}")
    first_id = form.id_offset + (DAYS_BEFORE_ORIGIN + day) * IDS_A_DAY + 1
    return [
        order_from_row(form.market.row(random, instrument, first_id + number, at, form.row_shape))
        for number, at in enumerate(times)
    ]


def _day_instants(seed: str, day: int, profile: Profile, instruments: tuple[Instrument, ...]) -> list[Instant]:
    random = Random(f"{seed}/{day}")
    if profile.shape == "demo":
        return _demo_day(seed, day, instruments, random)
    if profile.shape == "quiet":
        week = Random(f"{seed}/week/{day // 7}")
        count = [week.randrange(7) for _ in range(week.randint(0, 10))].count(day % 7)
        return _scattered(random, day, count, instruments)
    return _bursty_day(seed, day, profile, instruments, random) if profile.shape == "bursty" else []


def _demo_day(seed: str, day: int, instruments: tuple[Instrument, ...], random: Random) -> list[Instant]:
    """A few orders on most days, one cascade and one empty week in four weeks."""
    block = Random(f"{seed}/block/{day // BLOCK_DAYS}")
    cascade_day = block.randrange(BLOCK_DAYS)
    empty_week = block.choice([week for week in range(BLOCK_DAYS // 7) if week != cascade_day // 7])
    if day % BLOCK_DAYS // 7 == empty_week:
        return []
    few = _scattered(random, day, random.choices((0, 1, 2, 3, 5), (25, 35, 22, 12, 6))[0], instruments)
    if day % BLOCK_DAYS != cascade_day:
        return few
    return few + _burst(random, day, random.randint(60, 150), instruments)


def _bursty_day(
    seed: str, day: int, profile: Profile, instruments: tuple[Instrument, ...], random: Random
) -> list[Instant]:
    """`orders_a_day` on the average of each block of days, most of them in bursts on one day."""
    block_orders = profile.orders_a_day * BURST_BLOCK_DAYS
    burst_day = Random(f"{seed}/block/{day // BURST_BLOCK_DAYS}").randrange(BURST_BLOCK_DAYS)
    if day % BURST_BLOCK_DAYS != burst_day:
        mean = block_orders * (1 - BURST_SHARE) / (BURST_BLOCK_DAYS - 1)
        return _scattered(random, day, int(mean) + (random.random() < mean % 1), instruments)
    left = round(block_orders * BURST_SHARE)
    instants: list[Instant] = []
    while left > 0:
        size = min(left, random.randint(BURST_SIZE // 5, BURST_SIZE))
        instants += _burst(random, day, size, instruments)
        left -= size
    return instants


def _scattered(random: Random, day: int, count: int, instruments: tuple[Instrument, ...]) -> list[Instant]:
    return [(day * DAY_MS + random.randrange(DAY_MS), random.choice(instruments)) for _ in range(count)]


def _burst(random: Random, day: int, size: int, instruments: tuple[Instrument, ...]) -> list[Instant]:
    """A cascade: up to 40 orders in its first millisecond, the rest within seconds to minutes, half in one symbol."""
    start_ms = day * DAY_MS + random.randrange(DAY_MS // 12, DAY_MS * 11 // 12)
    mean_ms = 10 ** random.uniform(3.0, 4.5)
    worst = random.choice(instruments)
    crowd = min(size, random.randint(CROWD // 3, CROWD))
    later = (min(int(random.expovariate(1 / mean_ms)) + 1, DAY_MS // 24) for _ in range(size - crowd))
    return [
        (start_ms + delay, worst if random.random() < 0.5 else random.choice(instruments))
        for delay in [*[0] * crowd, *later]
    ]
