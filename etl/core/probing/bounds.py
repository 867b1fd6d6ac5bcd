"""Which time the ends of a request filter by, and whether they are inclusive: each asked with single orders."""

from collections.abc import Callable

from etl.core.orders import Order
from etl.core.paging import Refusal
from etl.core.probing.findings import Found, ProbeFinding, Question, not_applicable, unsettled
from etl.core.probing.notebook import ASIDE, NO_WEIGHT, Asking, Notebook, Refused, times_of
from etl.core.text import many
from etl.core.timeline import DAY, Window

ORDERS_ASKED = 2
"""How many orders a question is asked with, where there are so many: their answers must agree."""

Instant = Callable[[Order], int | None]
"""The instant by which an order is filtered; None: unknown."""


def filter_field(notebook: Notebook) -> Asking[ProbeFinding]:
    """Ask between the two times of an order: a request that holds only one of them shows by which it filters."""
    question = Question.FILTER_FIELD
    if notebook.is_numbered:
        return not_applicable(question, "its rows have one time")
    orders = notebook.usable()
    if not orders:
        return unsettled(question, "no order was found")
    apart = [order for order in orders if abs(order.update_time - order.order_time) >= 2]
    if not apart:
        return unsettled(question, f"of {many(len(orders), 'order')} none has times 2 ms apart")
    apart.sort(key=lambda order: (not notebook.is_alone(order), -abs(order.update_time - order.order_time)))
    for order in apart[:ORDERS_ASKED]:
        first, last = sorted(times_of(order))
        middle = (first + last) // 2
        shown_after = yield from notebook.shows(order, middle, last + ASIDE)
        shown_before = yield from notebook.shows(order, first - ASIDE, middle)
        if {shown_after, shown_before} == {True, False}:
            is_update = shown_after == (order.update_time == last)
            found, other = (Found.UPDATE_TIME, Found.TIME) if is_update else (Found.TIME, Found.UPDATE_TIME)
            evidence = f"times {last - first} ms apart: shown by {found} alone, not by {other} alone"
            return ProbeFinding(question, found, evidence)
    return unsettled(question, NO_WEIGHT if notebook.is_spent else "the answers for an order's two times disagree")


def instant_by(field: ProbeFinding) -> Instant:
    """The instant that counts, as far as the field is known."""
    if field.answer is Found.TIME:
        return lambda order: order.order_time
    if field.answer is Found.UPDATE_TIME:
        return lambda order: order.update_time
    return lambda order: order.order_time if order.order_time == order.update_time else None


def bound(notebook: Notebook, question: Question, instant: Instant) -> Asking[ProbeFinding]:
    """Ask with an end, START or END, at the instant of an order."""
    orders = notebook.usable()
    if not orders:
        return unsettled(question, "no order was found")
    if not (known := _alone_first(notebook, orders, instant)):
        return unsettled(question, "it is not known by which time orders are filtered")
    shown: list[bool] = []
    for order, at in known[:ORDERS_ASKED]:
        window = Window(at, at + ASIDE) if question is Question.START else Window(at - ASIDE, at)
        is_shown = yield from notebook.shows(order, window.start, window.end)
        if is_shown is not None:
            shown.append(is_shown)
    if not shown:
        return unsettled(question, NO_WEIGHT if notebook.is_spent else "no page was certainly whole")
    seen = f"{many(len(shown), 'order')} of that instant"
    if len({*shown}) > 1:
        return unsettled(question, f"of {seen} one was shown and one was not")
    found = Found.INCLUSIVE if shown[0] else Found.EXCLUSIVE
    return ProbeFinding(question, found, f"{seen} {'shown' if shown[0] else 'not shown'}")


def equal_ends(notebook: Notebook, instant: Instant) -> Asking[ProbeFinding]:
    """Ask with both ends at one instant: that of an order, if there is one."""
    question = Question.EQUAL_ENDS
    known = _alone_first(notebook, notebook.usable(), instant)
    order, at = known[0] if known else (None, notebook.now - DAY)
    symbol = notebook.symbol if order is None else notebook.symbol_of(order)
    reply = yield from notebook.ask(at, at, symbol=symbol)
    if reply is None:
        return unsettled(question, NO_WEIGHT)
    if isinstance(reply, Refused):
        if reply.why is Refusal.BEYOND_RETENTION:
            return unsettled(question, f"{reply.said} for its age")
        return ProbeFinding(question, Found.REFUSED, reply.said)
    if order is None:
        return ProbeFinding(question, Found.ANSWERED, "no order was found for it")
    is_shown = order.key in {other.key for other in reply.page.orders}
    return ProbeFinding(question, Found.ANSWERED, f"{'with' if is_shown else 'without'} the order of that instant")


def _alone_first(notebook: Notebook, orders: list[Order], instant: Instant) -> list[tuple[Order, int]]:
    known = [(order, at) for order in orders if (at := instant(order)) is not None]
    return sorted(known, key=lambda one: not notebook.is_alone(one[0]))
