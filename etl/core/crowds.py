"""Crowded milliseconds: windows too narrow to be cut whose page may be truncated.

They are divided by symbol, then millisecond by millisecond. The close types are no partition, as settlements have none
that can be requested. So what they show of a full millisecond is stored and proves nothing.
"""

from collections.abc import Generator

from etl.core.dialogue import Dialogue, Received, Reply, Step
from etl.core.findings import Finding, Verdict
from etl.core.orders import REQUESTABLE_CLOSE_TYPES, Key
from etl.core.paging import Page, PageRequest, Refusal
from etl.core.timeline import Window, subtract

Unproven = Generator[Step, Reply, list[Finding]]


def prove_crowd(dialogue: Dialogue, window: Window) -> Generator[Step, Reply, None]:
    """Request what a window too narrow to be cut holds, and find what of it is proven and why the rest is not."""
    pages: list[Page] = []
    if dialogue.scope is None:
        unproven = yield from _by_symbol(dialogue, window, pages)
    else:
        unproven = yield from _by_millisecond(dialogue, window, dialogue.scope, pages)
    for finding in unproven:
        dialogue.find(finding.window, finding.verdict)
    for proven in subtract([window], [finding.window for finding in unproven]):
        dialogue.prove(proven, pages)


def _by_symbol(dialogue: Dialogue, window: Window, pages: list[Page]) -> Unproven:
    """Request every symbol that the exchange lists, that is stored or that a page has shown.

    Without the exchange's list the whole stays unproven. Adds the pages that prove something to `pages`.
    """
    listed = yield from dialogue.listed_symbols()
    unproven: list[Finding] = [] if listed else [Finding(window, Verdict.FAILED)]
    proven: list[tuple[Window, str]] = []
    for symbol in sorted(dialogue.symbols | (listed or frozenset())):
        left = yield from _of_symbol(dialogue, window, symbol, pages)
        unproven += left
        proven += [(part, symbol) for part in subtract([window], [finding.window for finding in left])]
    if unproven:
        for part, symbol in proven:
            dialogue.prove(part, pages, symbol)
        for finding in unproven:
            dialogue.find(finding.window, finding.verdict, finding.symbol)
    return unproven


def _of_symbol(dialogue: Dialogue, window: Window, symbol: str, pages: list[Page]) -> Unproven:
    received = yield from dialogue.request(window, symbol)
    if received.answer is Refusal.UNKNOWN_SYMBOL:  # it is listed, stored or shown: this may be a mistake
        received = yield from dialogue.request(window, symbol)
    if received.page is None:
        is_disputed = received.answer is Refusal.ANOTHER_QUESTION
        return [Finding(window, Verdict.DISPUTED if is_disputed else Verdict.FAILED, symbol)]
    whole = yield from _whole_page(dialogue, window, symbol, received)
    if whole is None:
        return (yield from _by_millisecond(dialogue, window, symbol, pages))
    pages.append(whole)
    return []


def _by_millisecond(dialogue: Dialogue, window: Window, symbol: str, pages: list[Page]) -> Unproven:
    if window.width == 1:
        for close_type in REQUESTABLE_CLOSE_TYPES:
            yield from dialogue.request(window, symbol, close_type)
        return [Finding(window, Verdict.SATURATED, symbol)]
    unproven: list[Finding] = []
    for start in range(window.start, window.end):
        unproven += yield from _of_symbol(dialogue, Window(start, start + 1), symbol, pages)
    return unproven


def _whole_page(
    dialogue: Dialogue, window: Window, symbol: str, received: Received
) -> Generator[Step, Reply, Page | None]:
    """The page, if it is certain to be whole; looks for a longer page of the symbol if none came before."""
    if received.doubt is not None and not received.doubt.has_earlier and received.doubt.length < dialogue.limits.limit:
        yield from dialogue.request(dialogue.widest, symbol)
        received = yield from dialogue.request(window, symbol)
    doubt, page = received.doubt, received.page
    if doubt is None or page is None:
        return page
    is_over = yield from dialogue.is_over(doubt)
    if is_over and (yield from _is_limit_honoured(dialogue, window, symbol, page)):
        return page
    return page if (yield from _agree_its_close_types(dialogue, window, symbol, page)) else None


def _is_limit_honoured(dialogue: Dialogue, window: Window, symbol: str, page: Page) -> Generator[Step, Reply, bool]:
    """Whether the server honours the limit where a symbol is named: asked for half of the page's rows, it returns
    half."""
    request = PageRequest(window, page.length // 2, symbol)
    if request.limit and not dialogue.limits.is_honoured(request.kind):
        yield from dialogue.ask(request)
    return dialogue.limits.is_honoured(request.kind)


def _agree_its_close_types(dialogue: Dialogue, window: Window, symbol: str, page: Page) -> Generator[Step, Reply, bool]:
    """Whether a page below the limit shows the same liquidations and ADLs as the shorter pages of these types.

    A server that truncated it would show more of them there. Settlements, which no request can name, it would have to
    hide at exactly this length.
    """
    if page.length >= dialogue.limits.limit:
        return False
    of_types: set[Key] = set()
    for close_type in REQUESTABLE_CLOSE_TYPES:
        received = yield from dialogue.request(window, symbol, close_type)
        if received.page is None or received.page.length >= page.length:
            return False
        if received.doubt is not None and not (yield from dialogue.is_over(received.doubt)):
            return False
        of_types |= {order.key for order in received.page.orders}
    return of_types == {order.key for order in page.orders if order.close_type in REQUESTABLE_CLOSE_TYPES}
