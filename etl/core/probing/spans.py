"""How long a span the exchange answers, what it says of older times, and of a limit above the documented one."""

from dataclasses import dataclass

from etl.core.orders import Order
from etl.core.paging import GREATEST_LIMIT, Refusal
from etl.core.probing.findings import Found, ProbeFinding, Question, unsettled
from etl.core.probing.notebook import NO_WEIGHT, YOUNG, Asked, Asking, Notebook, Refused, Reply, times_of
from etl.core.retention import DOCUMENTED
from etl.core.text import many
from etl.core.timeline import DAY, HOUR, SECOND, Window

WEEK = 7 * DAY
WIDEST_ASKED = 8 * DAY
NARROWER = (3 * DAY, DAY, 6 * HOUR, HOUR)
"""Spans to try where the exchange refuses those of a week, milliseconds."""

OF_A_SPAN = (Refusal.TOO_WIDE, None)
"""Refusals that may be meant for the span of a request."""


@dataclass(frozen=True, slots=True)
class Width:
    """What came back for spans of about a week. `widest`: the widest span that was answered, milliseconds.

    `finding` is None where longer spans are answered too, and orders have to show whether wholly.
    """

    widest: int | None
    finding: ProbeFinding | None


def widest_answered(notebook: Notebook) -> Asking[Width]:
    """Ask for spans of about a week, which needs no order."""
    week = yield from _span(notebook, WEEK)
    if isinstance(week, Asked):
        longer = yield from _span(notebook, WEEK + 1)
        if isinstance(longer, Asked):
            return Width(WEEK + 1, None)
        if longer is None or longer.why not in OF_A_SPAN:
            return Width(WEEK, unsettled(Question.SPAN, f"7 days answered, 1 ms more {_said(longer)}"))
        return Width(WEEK, ProbeFinding(Question.SPAN, Found.A_WEEK, f"7 days answered, 1 ms more {longer.said}"))
    if week is None or week.why not in OF_A_SPAN:
        return Width(None, unsettled(Question.SPAN, f"7 days {_said(week)}"))
    less = yield from _span(notebook, WEEK - 1)
    if isinstance(less, Asked):
        evidence = f"7 days {week.said}, 1 ms less answered"
        return Width(WEEK - 1, ProbeFinding(Question.SPAN, Found.LESS_THAN_A_WEEK, evidence))
    for span in NARROWER:
        if less is None or less.why not in OF_A_SPAN:
            break
        less = yield from _span(notebook, span)
        if isinstance(less, Asked):
            evidence = f"1 ms less than 7 days {week.said}, {span // HOUR} h answered"
            return Width(span, ProbeFinding(Question.SPAN, Found.SHORTER, evidence))
    return Width(None, unsettled(Question.SPAN, f"7 days {week.said}, less {_said(less)}"))


def longest_span(notebook: Notebook, width: Width) -> Asking[ProbeFinding]:
    """Whether longer spans are answered wholly: an order near their end and one near their beginning must be shown."""
    if width.finding is not None:
        return width.finding
    if not (orders := notebook.usable()):
        return unsettled(Question.SPAN, "7 days and 1 ms answered, but no order shows whether wholly")
    late = [order for order in orders if max(times_of(order)) - WIDEST_ASKED > notebook.now - DOCUMENTED]
    early = [order for order in orders if min(times_of(order)) + WIDEST_ASKED < notebook.now]
    shown: list[bool | None] = []
    for near_end, candidates in ((True, late), (False, early)):
        if candidates:
            order = min(candidates, key=lambda one: _known_around(notebook, one, near_end=near_end))
            window = _around(order, near_end=near_end)
            shown.append((yield from notebook.shows(order, window.start, window.end)))
    if False in shown:
        evidence = f"{WIDEST_ASKED // DAY} days answered without an order that narrower requests show"
        return ProbeFinding(Question.SPAN, Found.SHORTENED, evidence)
    if shown == [True, True]:
        evidence = f"{WIDEST_ASKED // DAY} days answered with an order of their first hour and one of their last"
        return ProbeFinding(Question.SPAN, Found.LONGER, evidence)
    return unsettled(Question.SPAN, "7 days and 1 ms answered, but no order is old and young enough to show if wholly")


def beyond_retention(notebook: Notebook, width: Width) -> Asking[ProbeFinding]:
    """Ask for a time that the exchange does not promise to keep."""
    question, end = Question.BEYOND, notebook.now - DOCUMENTED - DAY
    reply = yield from notebook.ask(end - min(6 * DAY, width.widest or HOUR), end, symbol=notebook.symbol)
    asked_for = "91 to 97 days ago" if (width.widest or 0) >= 6 * DAY else "91 days ago"
    if reply is None:
        return unsettled(question, NO_WEIGHT)
    if isinstance(reply, Refused):
        if reply.why is Refusal.TOO_WIDE:
            return unsettled(question, f"{asked_for}: refused for its span")
        return ProbeFinding(question, Found.REFUSED, f"{asked_for}: {reply.said}")
    if reply.rows:
        return ProbeFinding(question, Found.SHOWN, f"{asked_for}: {many(reply.rows, 'order')}")
    return ProbeFinding(question, Found.EMPTY, f"{asked_for}: answered without an order")


def limit_above(notebook: Notebook, window: Window) -> Asking[ProbeFinding]:
    """Ask for one row more than the documented maximum."""
    question = Question.LIMIT
    is_crowded = sum(window.contains(order.order_time) for order in notebook.orders.values()) >= GREATEST_LIMIT
    symbol = None if is_crowded else notebook.symbol
    reply = yield from notebook.ask(window.start, window.end, GREATEST_LIMIT + 1, symbol)
    if reply is None:
        return unsettled(question, NO_WEIGHT)
    if isinstance(reply, Refused):
        if reply.why is not None:
            return unsettled(question, f"{reply.said} for another reason")
        return ProbeFinding(question, Found.REFUSED, reply.said)
    rows = many(reply.rows, "row")
    return ProbeFinding(question, Found.MORE if reply.rows > GREATEST_LIMIT else Found.ANSWERED, f"with {rows}")


def page_size(notebook: Notebook, span: ProbeFinding) -> ProbeFinding:
    """Whether a page holds as many rows as were asked for, from the pages that there are."""
    pages = [asked for asked in notebook.pages if asked.request.limit == GREATEST_LIMIT]
    if (most := max((asked.rows for asked in pages), default=0)) >= GREATEST_LIMIT:
        return ProbeFinding(Question.PAGE_SIZE, Found.AS_ASKED, f"a page of {most} rows")
    if span.is_settled and span.answer is not Found.SHORTENED:
        usable = notebook.usable()
        for asked in pages:
            matching = sum(is_inside(order, asked) for order in usable)
            if asked.rows < matching:
                evidence = f"{many(asked.rows, 'row')} where {matching} match"
                return ProbeFinding(Question.PAGE_SIZE, Found.FEWER, evidence)
    return unsettled(Question.PAGE_SIZE, f"no page was full: at most {many(most, 'order')}")


def visibility_delay(notebook: Notebook) -> ProbeFinding:
    """How old the youngest order was when it was shown, from the pages that there are."""
    ages = (asked.page.received_at - max(times_of(order)) for asked in notebook.pages for order in asked.page.orders)
    youngest = min((max(age, 0) for age in ages), default=YOUNG)
    if youngest >= YOUNG:
        return unsettled(Question.DELAY, "no order of the last 10 minutes")
    return ProbeFinding(Question.DELAY, Found.WITHIN, f"shown {youngest / SECOND:.1f} s after its last change")


def is_inside(order: Order, asked: Asked) -> bool:
    """Whether the order matches the request however it is read."""
    request = asked.request
    return request.symbol in (None, order.symbol) and all(request.start < at < request.end for at in times_of(order))


def _span(notebook: Notebook, width: int) -> Asking[Reply]:
    end = notebook.now - YOUNG
    return (yield from notebook.ask(end - width, end, symbol=notebook.symbol))


def _around(order: Order, *, near_end: bool) -> Window:
    """8 days with the order in their last hour, or in their first one."""
    first, last = min(times_of(order)), max(times_of(order))
    if near_end:
        return Window(last + HOUR // 2 - WIDEST_ASKED, last + HOUR // 2)
    return Window(first - HOUR // 2, first - HOUR // 2 + WIDEST_ASKED)


def _known_around(notebook: Notebook, order: Order, *, near_end: bool) -> int:
    """How many orders are known in that request: the fewer, the less is cut off."""
    window, symbol = _around(order, near_end=near_end), notebook.symbol_of(order)
    others = (one for one in notebook.orders.values() if symbol in (None, one.symbol))
    return sum(window.contains(other.order_time) for other in others)


def _said(reply: Reply) -> str:
    return NO_WEIGHT if not isinstance(reply, Refused) else reply.said
