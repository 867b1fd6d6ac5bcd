"""Two lists of a random history with every trap: nothing lost is called agreed, nothing innocent is disputed."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from etl.core.forced_names import PlacedBy, placed_by
from etl.core.order_lists import Lists, why_unlisted
from etl.core.orders import Key, Order, close_type_of
from etl.core.planning import Rules
from etl.core.reconciling import YOUNG, Span, Unread, Verdict, judge, last_days, reach
from etl.core.timeline import DAY, HOUR, MINUTE, Window, subtract, to_datetime

NOW = 1_790_000_000_000
RULES = Rules(now=NOW, settle_lag=0, keeps=90 * DAY, widest=7 * DAY - 2)
DAYS = 5
SYMBOLS = ("BTCUSDT", "ETHUSDT", "GONEUSDT")
CLOSED = "GONEUSDT"
NAMES: dict[str, Callable[[int], str]] = {
    "liquidation": lambda at: f"autoclose-{at}000001",
    "adl": lambda _: "adl_autoclose",
    "settlement": lambda at: f"settlement_autoclose-{at}000001",
    "delivery": lambda at: f"delivery_autoclose-{at}000001",
    "namesake": lambda _: "autoclose-mine",
    "old namesake": lambda at: f"autoclose-{at - HOUR}000001",
    "patient namesake": lambda at: f"autoclose-{at}000001",
    "owner": lambda at: f"web_{at}",
}
FORCED = ("liquidation", "adl")
SETTLED = ("settlement", "delivery")


@dataclass(frozen=True)
class Event:
    """An order, who placed it, and which lists happen to have it."""

    order: Order
    sort: str
    is_lost: bool = False
    """Whether the list of force orders lost it."""
    is_late: bool = False
    """Whether the list of all orders does not show it yet, or not any more."""


@dataclass(frozen=True)
class World:
    """What happened, what is proven of force orders, and what of the list of all orders was read wholly."""

    events: list[Event]
    proven: list[Window]
    whole: list[Window]
    span: Span = field(init=False)

    def __post_init__(self) -> None:
        span = last_days(DAYS, RULES, 90 * DAY)
        assert span is not None
        object.__setattr__(self, "span", span)

    def lists(self) -> Lists:
        own = [event for event in self.events if self.span.window.contains(event.order.order_time)]
        stored = {e.order.key: e.order for e in own if self.is_stored(e)}
        listed = {e.order.key: e.order for e in own if self.is_listed(e) and not is_young(e.order)}
        there = reach([(None, window) for window in self.whole], self.span.window.end)
        return Lists(listed, stored, there, reach([(None, window) for window in self.proven], self.span.window.end))

    def is_stored(self, event: Event) -> bool:
        """A force order is stored if a window that shows one of its times was read, and never if the list lost it."""
        shown = any(w.contains(at) for w in self.proven for at in (event.order.order_time, event.order.update_time))
        return event.sort in (*FORCED, *SETTLED) and not event.is_lost and shown

    def is_listed(self, event: Event) -> bool:
        order = event.order
        if event.is_late or order.symbol == CLOSED or (not order.filled and order.order_time < NOW - 3 * DAY):
            return False
        return any(w.contains(at) for w in self.whole for at in (order.order_time, order.update_time))


def is_young(order: Order) -> bool:
    return max(order.order_time, order.update_time) >= NOW - YOUNG


@st.composite
def events(draw: st.DrawFn) -> Event:
    sort = draw(st.sampled_from(sorted(NAMES)))
    day = draw(st.integers(NOW // DAY - DAYS - 1, NOW // DAY)) * DAY
    at = min(NOW, day + draw(st.one_of(st.integers(0, 3), st.integers(DAY - 3, DAY - 1), st.integers(0, DAY - 1))))
    updated = at + draw(st.sampled_from([0, 1, 5, 50, 3 * HOUR]))
    filled = draw(st.sampled_from([Decimal(0), Decimal(1)]))
    time_in_force = "GTC" if sort in ("patient namesake", "adl", "owner") else "IOC"
    row = {
        "symbol": draw(st.sampled_from(SYMBOLS)),
        "orderId": draw(st.integers(1, 1_000_000)),
        "clientOrderId": NAMES[sort](at),
        "timeInForce": time_in_force,
        "executedQty": str(filled),
    }
    name = str(row["clientOrderId"])
    order = Order(
        str(row["symbol"]), int(str(row["orderId"])), at, updated, close_type_of(name), json.dumps(row), str(filled)
    )
    return Event(order, sort, draw(st.booleans()) and sort in FORCED, draw(st.integers(0, 4)) == 0)


@st.composite
def windows(draw: st.DrawFn) -> list[Window]:
    """All of the time, or all but some holes."""
    whole = Window(NOW - (DAYS + 3) * DAY, NOW)
    begins = draw(st.lists(st.integers(whole.start, whole.end - 1), max_size=2))
    return subtract([whole], [Window(at, at + draw(st.sampled_from([1, MINUTE, DAY]))) for at in begins])


@st.composite
def worlds(draw: st.DrawFn) -> World:
    found: dict[Key, Event] = {event.order.key: event for event in draw(st.lists(events(), max_size=12))}
    return World([*found.values()], draw(windows()), draw(windows()))


@given(worlds())
def test_nothing_lost_is_called_agreed_and_nothing_innocent_is_disputed(world: World) -> None:
    lists = world.lists()
    lost = {event.order.key for event in world.events if event.is_lost}
    missing = {order.key for order in lists.missing()}
    assert missing <= lost, "what is disputed is lost"
    unread = [Unread(window, "not read") for window in subtract([Window(0, NOW)], world.whole)]
    verdicts = {one.day: one.verdict for one in judge(world.span, lists, unread)}
    for event in world.events:
        if event.order.key in lost and world.is_listed(event) and not is_young(event.order):
            verdict = verdicts.get(to_datetime(event.order.order_time).date())
            assert event.order.key in missing or verdict is not Verdict.AGREED


@given(worlds())
def test_a_day_agrees_only_where_all_of_it_is_proven_and_was_read(world: World) -> None:
    verdicts = judge(world.span, world.lists(), [])
    assert len(verdicts) == len(world.span.days())
    for day, one in zip(world.span.days(), verdicts, strict=True):
        assert (one.reason is None) == (one.verdict is Verdict.AGREED)
        if one.verdict is Verdict.AGREED:
            assert not subtract([day], world.proven)
            assert not subtract([day], world.whole)


@given(worlds())
def test_what_the_list_of_all_orders_lacks_is_explained_or_only_told(world: World) -> None:
    lists = world.lists()
    late = {event.order.key for event in world.events if event.is_late}
    for order in lists.unlisted():
        assert why_unlisted(order, NOW, {CLOSED}) is not None or order.key in late


@given(events())
def test_who_placed_an_order_is_told_by_the_whole_layout_of_its_name(event: Event) -> None:
    expected = {
        **dict.fromkeys(FORCED, PlacedBy.EXCHANGE),
        **dict.fromkeys(SETTLED, PlacedBy.SETTLEMENT),
        **dict.fromkeys(("namesake", "old namesake", "patient namesake"), PlacedBy.NAMESAKE),
        "owner": PlacedBy.OWNER,
    }
    assert placed_by(event.order) is expected[event.sort]
