"""Whether a page may be truncated, judged by the other pages of the same run.

What a server honours is not taken on trust. It may return fewer rows than the limit that was requested, for some kinds
of requests only, counted in rows or in bytes, and it may change that while a run lasts. So a page below the limit is
whole if a longer page, with room for two more rows, came before it and another one after it: then the server could have
returned more than it did. Without such pages its window is requested in parts.

From half the limit on the longer pages must be full ones of the same kind, because pages that are cut by bytes differ
by a row or two. A page of exactly the documented default is never whole: a server that ignores the limit for a kind of
requests returns it. Nor is one of exactly the length that another endpoint documents, as a clone of the exchange may
give its endpoints one limit.

Where no longer page came, a page of less than a third of the limit is in doubt only if another one has its very length,
as pages that are cut at the same number have. A page of less than a fifth is taken for whole. Doubting every small page
would cost each quiet history two more requests a window.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass

from etl.core.paging import Kind, Page, PageRequest

DEFAULT_LIMIT = 50
"""Rows on a page if the request names no limit (the endpoint's documentation)."""

DOCUMENTED_LENGTHS = frozenset({50, 100, 500})
"""The lengths, default and greatest, of pages of all endpoints that list orders, fills or income, below 1,000."""


@dataclass(eq=False, slots=True)
class Doubt:
    """A page that may be truncated: its kind, rows and bytes."""

    kind: Kind
    length: int
    size: int
    has_earlier: bool = False
    """A page came before it which shows that the server could have returned more."""
    has_later: bool = False
    """And one came after it."""

    @property
    def is_over(self) -> bool:
        """The page is whole."""
        return self.has_earlier and self.has_later


@dataclass(frozen=True, slots=True)
class _Witness:
    """A page that shows how much the server returns. `length` counts the distinct orders that were requested: the
    server does not count duplicate and unrequested rows."""

    request: PageRequest
    length: int
    size: int

    def exceeds(self, other: "_Witness") -> bool:
        return self.length >= other.length and self.size >= other.size


class PageLimits:
    """What the pages of one run have shown about the server. `limit`: rows requested a page."""

    def __init__(self, limit: int, default: int = DEFAULT_LIMIT) -> None:
        self.limit = limit
        self._default = default
        self._suspects = {length for length in (default, *DOCUMENTED_LENGTHS) if length < limit}
        self._witnesses: defaultdict[Kind, list[_Witness]] = defaultdict(list)
        self._waiting: list[Doubt] = []
        self._lengths: Counter[int] = Counter()
        self._longest_row = 0
        self._honoured: set[Kind] = set()

    @property
    def smallest_doubtful(self) -> int:
        """Pages with fewer rows are taken for whole, unless they have the length of another limit."""
        return max(1, min(self.limit // 5, self._default))

    def note(self, request: PageRequest, page: Page) -> Doubt | None:
        """Record a page. Returns the doubt whether it is whole, None if it certainly is."""
        self._longest_row = max(self._longest_row, page.longest_row)
        self._lengths[page.length] += 1
        if page.length == request.limit:
            self._honoured.add(request.kind)
        witness = _Witness(request, page.count_requested(request), page.size)
        for waiting in self._waiting:
            waiting.has_later = self._refutes(witness, waiting)
        self._waiting = [waiting for waiting in self._waiting if not waiting.has_later]
        is_short = page.length < self.smallest_doubtful and page.length not in self._suspects
        doubt = None if is_short else Doubt(request.kind, page.length, page.size)
        if doubt is not None and self._witness_against(doubt) is not None:
            doubt.has_earlier = True
            self._waiting.append(doubt)
        self._remember(witness)
        return doubt

    def is_honoured(self, kind: Kind) -> bool:
        """Whether a page of this kind ended at just the limit that was requested."""
        return kind in self._honoured

    def may_be_lone(self, doubt: Doubt) -> bool:
        """Whether the page is so small that its doubt ends if no other page has its length."""
        return 3 * doubt.length < self.limit and doubt.length not in self._suspects

    def is_lone(self, doubt: Doubt) -> bool:
        """Whether the page is small, the longest of the run and the only one of its length."""
        is_longest = self._witness_against(doubt) is None
        return self.may_be_lone(doubt) and is_longest and self._lengths[doubt.length] == 1

    def request_to_settle(self, doubt: Doubt) -> PageRequest | None:
        """A request whose page once refuted such a doubt: if it does so again, the page is whole."""
        witness = self._witness_against(doubt)
        return None if witness is None else witness.request

    def _witness_against(self, doubt: Doubt) -> _Witness | None:
        """The newest page that shows that the doubted one need not be truncated."""
        known = (witness for of_kind in self._witnesses.values() for witness in reversed(of_kind))
        return next((witness for witness in known if self._refutes(witness, doubt)), None)

    def _remember(self, witness: _Witness) -> None:
        """Keep the witnesses that no other one exceeds in rows and bytes."""
        known = [other for other in self._witnesses[witness.request.kind] if not witness.exceeds(other)]
        if not any(other.exceeds(witness) for other in known):
            known.append(witness)
        self._witnesses[witness.request.kind] = known

    def _refutes(self, witness: _Witness, doubt: Doubt) -> bool:
        """Whether a server that returned `witness` would not have truncated the doubted page."""
        if (
            doubt.length >= self.limit
            or doubt.length in self._suspects
            or witness.size < doubt.size + 2 * self._longest_row
        ):
            return False
        if 2 * doubt.length < self.limit:
            return witness.length > doubt.length
        return witness.length >= self.limit and witness.request.kind == doubt.kind
