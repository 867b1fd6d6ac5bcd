"""Proves a window of an endpoint whose pages are numbered: `current` from 1, `size` rows, and the `total` of all pages.

Such a list may change while its pages are read: a row that comes or goes moves all rows behind it, so that one is seen
twice or not at all. Nothing is assumed about its order. `total` counts the list only where it is seen to count more
than the rows of one page. So a window is proven in three cases:

- A page and its `total` agree that there is no row, or just one.
- One page shows as many rows as its `total` says. It shows one moment, so nothing can have moved. But `total` may count
  the rows of the page, and the server may return fewer than there are. So the window is requested once more in pages
  one row shorter: page 2 holds the one row that is left, or none if the server ignores the size, and its `total` is the
  same.
- Several pages show as many different rows as the `total` of each of them says, and on the way back all but the last
  show the same rows again. Then all of these rows existed in the moment of the last page, since they were seen before
  and after it, and its `total` says that no others did. That page is shorter than the others, or an empty one follows
  it: the server may count no further than to a limit.

All rows must lie in the window as it was requested. If not, the pages answer another question, and the window is
DISPUTED. A window that is not proven is read again, READS times in all, and then in halves, in which less moves. What
no half proves is FAILED.

No page can show these: a server that leaves out the same rows from pages and `total` alike, one that neither returns
nor counts more than two rows, one that both miscounts and sorts the rows anew for each page, and one that takes a row
away and brings it back within one reading.

The list may be in parts: with `by_symbol` a request without a symbol shows cross margin, and one with a symbol shows
one isolated pair. If it shows both without a symbol, nothing changes but that rows are seen twice. The window is proven
where cross margin and every listed pair are. A pair in which the account has no isolated margin is an empty part.

Cost in requests, for each part: 1 if it has no row or one, 2 if it fits on a page, 2k - 1 for k pages (an empty last
one included). So with `by_symbol` a quiet window costs one request more than there are pairs.

Bound: in each part at most MOST_FAILURES + N + 1 windows are not proven, where N is the number of orders seen. Each is
read READS times, with at most 2 · MOST_PAGES requests, and divided in two.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from etl.core.dialogue import Dialogue, Reply, Step, Steps
from etl.core.findings import Finding, Verdict
from etl.core.observations import Observations
from etl.core.orders import Key
from etl.core.paging import Answer, Page, PageRequest, Refusal
from etl.core.retention import FINEST
from etl.core.timeline import Window, subtract
from etl.core.walking import Target
from etl.core.window_splitting import NARROWEST, Piece, halve

READS = 3
"""How often a window is read before it is halved."""

MOST_PAGES = 20
"""The most pages of one reading. A window with more is halved at once: the longer a reading takes, the more moves."""

MOST_FAILURES = 32
"""A part is given up after so many windows that could not be proven, and one more for each order seen."""


class _Flaw(Enum):
    """Why pages that answer the question prove nothing."""

    UNFIT = "the pages do not fit together"
    TOO_MANY = "there are more pages than are read at once"


@dataclass(frozen=True, slots=True)
class _Reading:
    """The pages of a window, each once, and why they do not prove it."""

    pages: Sequence[Page]
    flaw: _Flaw | Refusal | None = None


_Read = Generator[Step, Reply, _Reading]
_Unproven = Generator[Step, Reply, list[Finding]]


def numbered_walk(target: Target, observations: Observations, *, by_symbol: bool = False) -> Steps:
    """All requests needed to prove `target.need`, or to find the reason why it cannot be proven.

    `by_symbol`: each symbol has a part of the list that only a request with this symbol shows. Otherwise no request
    names a symbol, not even for a target that does.
    """
    yield from _NumberedWalk(target, observations, by_symbol=by_symbol).steps()


class _NumberedWalk:
    def __init__(self, target: Target, observations: Observations, *, by_symbol: bool) -> None:
        self._target = target
        self._by_symbol = by_symbol
        claim = Window(target.requested.start, target.need.end)
        self._dialogue = Dialogue(target.symbol, target.requested, claim, observations)
        self._proofs: list[Page] = []

    def steps(self) -> Steps:
        """Everything is found at the end, as one part proves nothing without the others."""
        unproven = yield from self._read_part(None)
        if self._by_symbol and self._target.symbol is None:
            unproven += yield from self._read_pairs()
        elif self._by_symbol:
            unproven += yield from self._read_part(self._target.symbol)
        for finding in unproven:
            self._dialogue.find(finding.window, finding.verdict)
        for window in subtract([self._target.requested], [finding.window for finding in unproven]):
            self._dialogue.prove(window, self._proofs)
        yield self._dialogue.step(None)

    def _read_pairs(self) -> _Unproven:
        """Read the parts of all symbols that the exchange lists, that are stored or that a page has shown.

        Without the exchange's list nothing is proven. A symbol that it neither lists nor knows has no part.
        """
        listed = yield from self._dialogue.listed_symbols()
        unproven = [] if listed else [Finding(self._target.requested, Verdict.FAILED)]
        listed = listed or frozenset()
        for symbol in sorted(listed | self._dialogue.symbols):
            unproven += yield from self._read_part(symbol, may_be_unknown=symbol not in listed)
        return unproven

    def _read_part(self, symbol: str | None, *, may_be_unknown: bool = False) -> _Unproven:
        """What of the window one part leaves unproven. The newest pieces come first, as the oldest may be gone."""
        unproven: list[Finding] = []
        pending = [Piece(self._target.requested)]
        failures = 0
        while pending and failures <= MOST_FAILURES + len(self._dialogue.seen):
            piece = pending.pop()
            reading = yield from self._read_again(piece.window, symbol)
            if reading.flaw is None:
                self._proofs += reading.pages
            elif symbol is not None and reading.flaw is Refusal.NO_ISOLATED_MARGIN:
                break
            elif not (may_be_unknown and reading.flaw is Refusal.UNKNOWN_SYMBOL):
                failures += 1
                found, smaller = self._judge(piece, reading)
                unproven += found
                pending += smaller
        return unproven + [Finding(piece.window, Verdict.FAILED) for piece in pending]

    def _judge(self, piece: Piece, reading: _Reading) -> tuple[list[Finding], list[Piece]]:
        """What is found of a piece that no reading proves, and the smaller pieces to read instead, the newest last."""
        window, flaw = piece.window, reading.flaw
        if self._is_too_old(flaw, window):
            given_up, still_to_read = self._dialogue.retention.narrow_down(window)
            found = [Finding(lost, Verdict.BEYOND_RETENTION) for lost in given_up]
            return found, [Piece(part) for part in sorted(still_to_read)]
        if flaw is Refusal.ANOTHER_QUESTION:
            return [Finding(window, Verdict.DISPUTED)], []
        narrowest = FINEST if flaw is Refusal.BEYOND_RETENTION else NARROWEST
        if flaw is Refusal.UNKNOWN_SYMBOL or window.width <= narrowest:
            return [Finding(window, Verdict.FAILED)], []
        return [], halve(piece, (order.order_time for page in reading.pages for order in page.orders))

    def _is_too_old(self, flaw: _Flaw | Refusal | None, window: Window) -> bool:
        """Whether the exchange refused what it does not promise to keep."""
        return flaw is Refusal.BEYOND_RETENTION and not self._dialogue.retention.is_doubtful(window)

    def _read_again(self, window: Window, symbol: str | None) -> _Read:
        """The first reading that proves the window, else the last one; no further one where it would find the same."""
        for _ in range(READS):
            reading = yield from self._read(window, symbol)
            is_final = reading.flaw in (None, _Flaw.TOO_MANY, Refusal.TOO_WIDE, Refusal.NO_ISOLATED_MARGIN)
            if is_final or self._is_too_old(reading.flaw, window):
                break
        return reading

    def _read(self, window: Window, symbol: str | None) -> _Read:
        request = PageRequest(window, self._dialogue.limits.limit, symbol, number=1)
        first = yield from self._ask(request)
        if isinstance(first, Refusal):
            return _Reading((), first)
        if (total := first.total) is None:
            raise TypeError("a numbered page was requested, not one without a total")
        if first.length == total == len(_rows(first)):
            is_whole = yield from self._is_whole(request, first)
            return _Reading((first,), None if is_whole else _Flaw.UNFIT)
        if not 0 < first.length < total:
            return _Reading((first,), _Flaw.UNFIT)
        if total // first.length >= MOST_PAGES:
            return _Reading((), _Flaw.TOO_MANY)
        return (yield from self._there_and_back(request, first, total))

    def _is_whole(self, request: PageRequest, page: Page) -> Generator[Step, Reply, bool]:
        """Whether the rows of a page are all there are, as page 2 of pages one row shorter shows."""
        if page.length < 2:
            return True
        size = min(page.length - 1, request.limit)
        rest = yield from self._ask(replace(request, number=2, limit=size))
        if isinstance(rest, Refusal):
            return False
        return rest.total == page.total and rest.length in (0, page.length - size) and _rows(rest) <= _rows(page)

    def _there_and_back(self, request: PageRequest, first: Page, total: int) -> _Read:
        """Read on to the page that is shorter than the first, perhaps empty, and then back to the first.

        If the first one has fewer rows than requested, no more are requested of the others. Else the server might begin
        page 2 after the rows that were requested, and so skip some.
        """
        request = replace(request, limit=min(request.limit, first.length))
        pages, rows = [first], _rows(first)
        for number in range(2, total // first.length + 2):
            page = yield from self._ask(replace(request, number=number))
            if isinstance(page, Refusal):
                return _Reading(pages, page)
            pages.append(page)
            rows |= _rows(page)
            expected = min(number * first.length, total)
            if page.total != total or not len(rows) == sum(page.length for page in pages) == expected:
                return _Reading(pages, _Flaw.UNFIT)
        for number in range(len(pages) - 1, 0, -1):
            again = yield from self._ask(replace(request, number=number))
            if isinstance(again, Refusal):
                return _Reading(pages, again)
            if again.total != total or _rows(again) != _rows(pages[number - 1]):
                return _Reading(pages, _Flaw.UNFIT)
        return _Reading(pages)

    def _ask(self, request: PageRequest) -> Generator[Step, Reply, Answer]:
        """A page that answers the request as far as its rows show, or a refusal."""
        if self._dialogue.retention.is_refused(request.window):
            return Refusal.BEYOND_RETENTION
        answer = yield from self._dialogue.send(request)
        if isinstance(answer, Page) and not all(map(request.asks_for, answer.orders)):
            return Refusal.ANOTHER_QUESTION
        return answer


def _rows(page: Page) -> set[Key | str]:
    """What tells its rows apart: the key of an order, the text of a row that cannot be read."""
    return {order.key for order in page.orders} | {reject.raw for reject in page.rejects}
