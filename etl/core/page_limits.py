"""Whether a page may be truncated, judged by the other pages of its kind in the same run.

What a server honours is not taken on trust. It may return fewer rows than the limit that was requested, for some kinds
of requests only, counted in rows or in bytes, and it may change that while a run lasts. So a page below the limit is
whole if a longer page of the same kind, with room for two more rows, came before it and another one after it: then the
server could have returned more than it did. Without such pages its window is requested in parts.

A page of less than a fifth of the limit is taken for whole. That is the one assumption here: the exchange documents 50
rows as its default, and doubting every small page would cost each quiet history two more requests a window.
"""

from collections import defaultdict
from dataclasses import dataclass

from etl.core.paging import Kind, Page, PageRequest

DEFAULT_LIMIT = 50
"""Rows on a page if the request names no limit (the endpoint's documentation)."""


@dataclass(eq=False, slots=True)
class Doubt:
    """A page that may be truncated."""

    length: int
    size: int
    has_earlier: bool
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
    """What the pages of one run have shown about the server, by kind of request. `limit`: rows requested a page."""

    def __init__(self, limit: int, default: int = DEFAULT_LIMIT) -> None:
        self.limit = limit
        self._default = default
        self._witnesses: defaultdict[Kind, list[_Witness]] = defaultdict(list)
        self._waiting: defaultdict[Kind, list[Doubt]] = defaultdict(list)
        self._longest_row = 0

    @property
    def smallest_doubtful(self) -> int:
        """Pages with fewer rows are taken for whole."""
        return max(1, self.limit // 5)

    def note(self, request: PageRequest, page: Page) -> Doubt | None:
        """Record a page. Returns the doubt whether it is whole, None if it certainly is."""
        self._longest_row = max(self._longest_row, page.longest_row)
        witness = _Witness(request, page.count_requested(request), page.size)
        doubt = self._doubt(request.kind, page)
        waiting = self._waiting[request.kind]
        for earlier in waiting:
            earlier.has_later = self._refutes(witness, earlier.length, earlier.size)
        self._waiting[request.kind] = [earlier for earlier in waiting if not earlier.has_later]
        if doubt is not None and doubt.has_earlier:
            self._waiting[request.kind].append(doubt)
        known = [other for other in self._witnesses[request.kind] if not witness.exceeds(other)]
        if not any(other.exceeds(witness) for other in known):
            known.append(witness)
        self._witnesses[request.kind] = known
        return doubt

    def request_to_settle(self, kind: Kind, doubt: Doubt) -> PageRequest | None:
        """A request whose page once refuted such a doubt: if it does so again, the page is whole."""
        for witness in reversed(self._witnesses[kind]):
            if self._refutes(witness, doubt.length, doubt.size):
                return witness.request
        return None

    def _doubt(self, kind: Kind, page: Page) -> Doubt | None:
        if page.length < self.smallest_doubtful:
            return None
        # A server that ignores the limit, or one of several, returns pages of exactly the default length.
        is_default = page.length == self._default < self.limit
        witnesses = [] if is_default else self._witnesses[kind]
        return Doubt(
            page.length, page.size, any(self._refutes(witness, page.length, page.size) for witness in witnesses)
        )

    def _refutes(self, witness: _Witness, length: int, size: int) -> bool:
        """Whether the server that returned `witness` would not have truncated a page of this length and size.

        It would not have ended it for its bytes if there was room for two rows more. From half the limit on only a full
        page counts: pages that are cut by bytes differ by a row or two.
        """
        least = self.limit if 2 * length >= self.limit else length + 1
        had_room = witness.size >= size + 2 * self._longest_row
        return length < self.limit and witness.length >= least and had_room
