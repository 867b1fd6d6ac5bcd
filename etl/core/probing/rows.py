"""Which rows of a crowd a page keeps, and in which order it lists them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb, lgamma
from typing import TypeVar

from etl.core.orders import Order
from etl.core.paging import GREATEST_LIMIT
from etl.core.probing.chances import COINCIDENCE, Cut, Fit, ascending, descending, gathered, newest, oldest
from etl.core.probing.findings import Found, ProbeFinding, Question, not_applicable, unsettled
from etl.core.probing.notebook import NO_WEIGHT, YOUNG, Asked, Asking, Notebook, Refused, Reply, times_of
from etl.core.probing.spans import is_inside
from etl.core.text import many
from etl.core.timeline import SECOND, Window

T = TypeVar("T")

Rule = Callable[[Sequence[T]], Fit]

MOST_PAGES = 16
"""The most requests for one of these questions."""

FEWEST_PAGES = 2
"""One page alone shows no rule, however large it is."""

UNDECIDED_PAGES = 3
"""After so many pages more two rules that both fit are not told apart by these orders."""


@dataclass(frozen=True)
class Crowd:
    """Orders that lie together in one narrow span; `symbol` None: of any symbol."""

    orders: Sequence[Order]
    symbol: str | None = None

    def window(self, aside: int) -> Window:
        """The span of the orders and so many milliseconds more on either side: each is another request."""
        instants = [at for order in self.orders for at in times_of(order)]
        return Window(min(instants) - 1 - aside, max(instants) + 1 + aside)


def crowds(notebook: Notebook, windows: Iterable[Window]) -> list[Crowd]:
    """The orders of each window that was read, those of the largest first."""
    usable = notebook.usable()
    found = [
        [order for order in usable if all(w.start + SECOND < at < w.end - SECOND for at in times_of(order))]
        for w in windows
    ]
    return [Crowd(orders) for orders in sorted(found, key=len, reverse=True) if orders]


def of_symbol(crowd: Crowd) -> Crowd:
    """The orders of the symbol that has most of them."""
    symbol, _ = Counter(order.symbol for order in crowd.orders).most_common(1)[0]
    return Crowd([order for order in crowd.orders if order.symbol == symbol], symbol)


def kept_of_all(notebook: Notebook, found: Sequence[Crowd]) -> Asking[ProbeFinding]:
    """Which rows a full page keeps without symbol. Needs a crowd whose symbols alternate."""
    question = Question.CUT
    if notebook.is_numbered:
        return not_applicable(question, "the rest is on the next page")
    mixed = next((crowd for crowd in found if _tells_gathering(crowd)), None)
    if mixed is None:
        return unsettled(question, _too_few(found, "too few orders of alternating symbols lie together"))
    return (yield from _kept(notebook, question, mixed))


def kept_of_symbol(notebook: Notebook, found: Sequence[Crowd]) -> Asking[ProbeFinding]:
    """Which rows a full page keeps with a symbol."""
    question = Question.CUT_OF_SYMBOL
    if notebook.is_numbered:
        return not_applicable(question, "the rest is on the next page")
    own = max((of_symbol(crowd) for crowd in found), key=lambda crowd: len(crowd.orders), default=None)
    if own is None or len(own.orders) < 2:
        return unsettled(question, _too_few(found, "no two orders of a symbol lie together"))
    return (yield from _kept(notebook, question, own))


def row_order(notebook: Notebook, found: Sequence[Crowd]) -> Asking[ProbeFinding]:
    """In which order rows are listed, from the pages that there are and, where these are too few, from more."""
    again = _most_telling(notebook, found)
    finding = _order_of(notebook.pages)
    for attempt in range(MOST_PAGES):
        if finding.is_settled or again is None:
            break
        window = again.window(MOST_PAGES + attempt)  # no other question sends these requests
        reply = yield from notebook.ask(window.start, window.end, symbol=again.symbol)
        if not isinstance(reply, Asked):
            break
        finding = _order_of(notebook.pages)
    return finding


def _order_of(asked: Iterable[Asked]) -> ProbeFinding:
    pages = [rows for one in asked if len(rows := _once(one.page.orders)) > 1]
    if not pages:
        return unsettled(Question.ROW_ORDER, "no page had two orders")
    rules: dict[Found, Rule[Sequence[Order]]] = {Found.ASCENDING: ascending, Found.DESCENDING: descending}
    seen = f"{many(len(pages), 'page')} of up to {max(map(len, pages))} orders"
    return _conclude(Question.ROW_ORDER, rules, pages, Found.NO_ORDER, seen)


def _kept(notebook: Notebook, question: Question, crowd: Crowd) -> Asking[ProbeFinding]:
    """Ask for fewer of the orders than there are, until only one rule can explain what was kept."""
    rules: dict[Found, Rule[Cut]] = {Found.OLDEST: oldest, Found.NEWEST: newest}
    if crowd.symbol is None:
        rules[Found.BY_SYMBOL] = gathered
    limits = _limits(len(crowd.orders))
    mine: list[Asked] = []
    enough = MOST_PAGES
    reply: Reply = None
    for attempt in range(MOST_PAGES):
        window = crowd.window(attempt)
        reply = yield from notebook.ask(window.start, window.end, limits[attempt % len(limits)], crowd.symbol)
        if not isinstance(reply, Asked):
            break
        mine.append(reply)
        chances = _possible(rules, _cuts(notebook, mine)).values()
        if len(mine) >= FEWEST_PAGES and all(chance <= COINCIDENCE for chance in chances):
            break
        if any(chance <= COINCIDENCE for chance in chances):
            enough = min(enough, len(mine) + UNDECIDED_PAGES)
        if len(mine) >= enough:
            break
    cuts = _cuts(notebook, mine)
    if len(cuts) < FEWEST_PAGES:
        refused = reply.said if isinstance(reply, Refused) else NO_WEIGHT if reply is None else "no page was full"
        return unsettled(question, refused)
    most = max(len(cut.matching) for cut in cuts)
    return _conclude(question, rules, cuts, Found.NO_RULE, f"{len(cuts)} pages cut from up to {most} orders")


def _conclude(
    question: Question, rules: Mapping[Found, Rule[T]], pages: Sequence[T], without: Found, seen: str
) -> ProbeFinding:
    """The only rule that fits all pages, unless it may fit by chance. `without`: the answer if none fits."""
    possible = _possible(rules, pages)
    if not possible:
        return ProbeFinding(question, without, seen)
    if len(possible) > 1:
        return unsettled(question, f"{seen}: they fit {' and '.join(possible)}")
    ((found, chance),) = possible.items()
    if chance > COINCIDENCE:
        return unsettled(question, f"{seen}: {found}, but that may be chance")
    return ProbeFinding(question, found, seen)


def _possible(rules: Mapping[Found, Rule[T]], pages: Sequence[T]) -> dict[Found, float]:
    """The rules that fit all pages, each with the chance that it does so by coincidence."""
    return {found: fit.chance for found, rule in rules.items() if (fit := rule(pages)).is_given}


def _cuts(notebook: Notebook, pages: Iterable[Asked]) -> list[Cut]:
    return [cut for asked in pages if (cut := _cut(notebook, asked)) is not None]


def _cut(notebook: Notebook, asked: Asked) -> Cut | None:
    """What a full page kept. None where it is not full, or where it is not certain which orders match."""
    request, kept = asked.request, frozenset(order.key for order in asked.page.orders)
    if asked.page.rejects or len(kept) != request.limit:
        return None
    matching = tuple(order for order in notebook.orders.values() if is_inside(order, asked))
    touching = (
        order
        for order in notebook.orders.values()
        if request.symbol in (None, order.symbol) and any(request.start <= at <= request.end for at in times_of(order))
    )
    is_certain = sum(1 for _ in touching) == len(matching) and kept <= {order.key for order in matching}
    is_old = all(max(times_of(order)) < notebook.now - YOUNG for order in matching)
    return Cut(kept, matching) if is_certain and is_old and len(matching) > len(kept) else None


def _limits(count: int) -> list[int]:
    """The limits with which a cut from so many orders tells most."""
    return sorted(range(1, min(count, GREATEST_LIMIT)), key=lambda limit: -comb(count, limit))[:3]


def _tells_gathering(crowd: Crowd) -> bool:
    """Whether pages cut from it by time look unlike pages that were filled symbol by symbol."""
    for direction in (1, -1):
        rows = sorted(crowd.orders, key=lambda order: order.order_time)[::direction]
        cuts = [Cut(frozenset(row.key for row in rows[:limit]), tuple(rows)) for limit in _limits(len(rows))]
        if not cuts or gathered(cuts).is_given:
            return False
    return True


def _once(orders: Sequence[Order]) -> list[Order]:
    """The rows without those that a page has twice: it does not show where these belong."""
    counts = Counter(order.key for order in orders)
    return [order for order in orders if counts[order.key] == 1]


def _most_telling(notebook: Notebook, found: Sequence[Crowd]) -> Crowd | None:
    """The crowd whose pages tell most about their order for their weight; None where none tells anything."""

    def telling(crowd: Crowd) -> float:
        differing = len({order.update_time for order in crowd.orders})
        return lgamma(min(differing, GREATEST_LIMIT) + 1) / notebook.market.weights.of(crowd.symbol)

    by_symbol = [of_symbol(crowd) for crowd in found if notebook.symbol_of(crowd.orders[0]) is not None]
    best = max([*found, *by_symbol], key=telling, default=None)
    return best if best is not None and telling(best) > 0 else None


def _too_few(found: Sequence[Crowd], why: str) -> str:
    return why if found else "no order was found"
