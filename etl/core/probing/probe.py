"""The whole probe of one account in one market: looks for orders, then asks each question with them."""

from collections import Counter
from collections.abc import Sequence

from etl.core.markets.market import Market
from etl.core.probing.bounds import bound, equal_ends, filter_field, instant_by
from etl.core.probing.findings import Found, ProbeFinding, Question, unsettled
from etl.core.probing.notebook import MOST_WEIGHT, Asked, Asking, Notebook
from etl.core.probing.rows import crowds, kept_of_all, kept_of_symbol, row_order
from etl.core.probing.spans import (
    WEEK,
    beyond_retention,
    limit_above,
    longest_span,
    page_size,
    visibility_delay,
    widest_answered,
)
from etl.core.retention import DOCUMENTED
from etl.core.timeline import MINUTE, Window

ENOUGH = 12
"""With so many orders in one window the search for more ends."""

A_FEW = 3
"""With so many it ends once SEARCH is spent: more windows may cost more than they save."""

SEARCH = 0.15
LONGEST_SEARCH = 0.65
"""Parts of the allowance: for the search once a few orders are found, and at most."""


def probe(
    market: Market, now: int, stored: Sequence[int] = (), allowance: int = MOST_WEIGHT
) -> Asking[tuple[ProbeFinding, ...]]:
    """All requests of a probe; returns a finding for each question, in their order.

    `now`: the exchange's clock, epoch milliseconds. `stored`: the times of orders that the database has; they only say
    where to look first. Never yields a request with which the weight of all would exceed `allowance`.
    """
    notebook = Notebook(market, now, allowance)
    width = yield from widest_answered(notebook)
    windows = yield from _search(notebook, min(width.widest or WEEK - 1, WEEK - 1), stored)
    field = yield from filter_field(notebook)
    instant = instant_by(field)
    found = crowds(notebook, windows)
    busiest = found[0].window(0) if found else windows[0]
    findings = [
        field,
        (yield from bound(notebook, Question.START, instant)),
        (yield from bound(notebook, Question.END, instant)),
        (yield from equal_ends(notebook, instant)),
        (yield from beyond_retention(notebook, width)),
        (yield from limit_above(notebook, busiest)),
        (span := (yield from longest_span(notebook, width))),
        (yield from kept_of_all(notebook, found)),
        (yield from kept_of_symbol(notebook, found)),
        (yield from row_order(notebook, found)),
        page_size(notebook, span),
        visibility_delay(notebook),
    ]
    if not notebook.pages:
        findings = [_unanswered(finding) for finding in findings]
    elif any(asked.is_stray for asked in notebook.pages):
        findings = [_doubted(finding) for finding in findings]
    by_question = {finding.question: finding for finding in findings}
    return tuple(by_question[question] for question in Question)


def _search(notebook: Notebook, width: int, stored: Sequence[int]) -> Asking[list[Window]]:
    """Read windows until there are orders to ask with: the newest first, then those of the most stored orders.

    Returns the windows that were read, at least one.
    """
    at_first = notebook.left
    read: list[Window] = []
    for window in _windows(notebook.now, width, stored):
        best = max((len(crowd.orders) for crowd in crowds(notebook, read)), default=0)
        part = SEARCH if best >= A_FEW else LONGEST_SEARCH
        if read and (best >= ENOUGH or at_first - notebook.left >= part * at_first):
            break
        reply = yield from notebook.ask(window.start, window.end)
        read.append(window)
        if not isinstance(reply, Asked):
            break
    return read


def _windows(now: int, width: int, stored: Sequence[int]) -> list[Window]:
    """All windows of what the exchange promises to keep. The oldest ends where others begin, so that none is wider."""
    count = -(-(DOCUMENTED - MINUTE) // width)
    numbers = Counter((now - at) // width for at in stored)
    sequence = sorted(range(count), key=lambda number: (number > 0, -numbers[number], number))
    oldest = now - DOCUMENTED + MINUTE
    return [Window(max(now - (number + 1) * width, oldest), now - number * width) for number in sequence]


def _unanswered(finding: ProbeFinding) -> ProbeFinding:
    """Where everything is refused, a refusal says nothing of what was asked for."""
    if not finding.is_settled:
        return finding
    return unsettled(finding.question, "no request at all was answered")


def _doubted(finding: ProbeFinding) -> ProbeFinding:
    """A server that adds rows nobody asked for shows nothing by its rows, only by its refusals."""
    if not finding.is_settled or finding.answer is Found.REFUSED:
        return finding
    return unsettled(finding.question, "pages had rows that were not asked for")
