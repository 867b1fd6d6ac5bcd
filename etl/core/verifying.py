"""Which part of a history `verify` compares, which part it cannot, and what a comparison of a scope found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from etl.core.differences import Difference, DifferenceKind
from etl.core.findings import Finding, Verdict
from etl.core.planning import OPENED, Known, Rules, plan_backfill
from etl.core.retention import MARGIN
from etl.core.timeline import Window, clip, merge, subtract, window_or_none
from etl.core.walking import Target
from etl.core.wallets import Wallet


class Why(StrEnum):
    """Why an interval was not compared, beside the verdicts that are no proof."""

    NOT_FETCHED = "not_fetched"
    """The run ended, or lost the account, before it read it."""
    NOT_PROVEN = "not_proven"
    """The database has no proof of it, so that there is nothing to hold against the exchange."""
    UNSETTLED = "unsettled"
    """Younger than the settle lag."""
    QUARANTINED = "quarantined"
    """A row of its page could not be read."""


@dataclass(frozen=True, order=True)
class Unread:
    """An interval that was asked for and not compared; `reason` is a Verdict or a Why."""

    window: Window
    reason: str


@dataclass(frozen=True)
class Scope:
    """What is asked of one symbol, or of all together (None): `needs` is to be read, `unread` cannot be."""

    symbol: str | None
    span: Window
    needs: Sequence[Window]
    unread: Sequence[Unread] = field(default_factory=list)

    def targets(self, rules: Rules, random: Random) -> list[Target]:
        """Windows with other ends than in every other run; for each need at most one more than necessary.

        The same windows would be answered with the same mistakes, for example by a server that clamps them.
        """
        parts = [part for need in self.needs for part in _cut_elsewhere(need, rules.widest, random)]
        return [target for part in parts for target in plan_backfill(part, self.symbol, Known(), rules)]


@dataclass(frozen=True)
class ScopeResult:
    """What the comparison of a scope found."""

    wallet: Wallet
    symbol: str | None
    span: Window
    compared: Sequence[Window]
    """Every order of the exchange in these windows was held against the database, and the reverse."""
    unread: Sequence[Unread]
    orders: int
    """How many orders of the exchange were compared."""
    differences: Sequence[Difference]
    forgotten: int = 0
    """How many orders the database has that the exchange may leave out, and did."""

    def count(self, kind: DifferenceKind) -> int:
        return sum(difference.kind is kind for difference in self.differences)

    @property
    def repaired(self) -> int:
        return sum(difference.is_repaired for difference in self.differences)


def _cut_elsewhere(need: Window, widest: int, random: Random) -> Sequence[Window]:
    """A first part of an eighth to three quarters of the widest window, and the rest, which `plan_backfill` divides."""
    eighth = min(need.width, widest) // 8
    return need.split(need.start + random.randint(eighth, 6 * eighth)) if eighth else [need]


def proven_scopes(known: Mapping[str | None, Known], rules: Rules) -> list[Scope]:
    """Everything proven that the exchange still keeps, scope by scope.

    Holes between what is proven are unread. If the exchange keeps nothing of what is proven, all of it is unread.
    Empty: nothing is proven.
    """
    every = known[None]
    whole = _hull(every) if every.proven else None
    scopes = [_proven_scope(None, every.proven, [whole], rules)] if whole else []
    for symbol, of_symbol in known.items():
        own = subtract(of_symbol.proven, [whole] if whole else [])
        if symbol is not None and own:
            holes = subtract([Window(own[0].start, own[-1].end)], [whole] if whole else [])
            scopes.append(_proven_scope(symbol, own, holes, rules))
    return [scope for scope in scopes if scope.needs] or [
        Scope(scope.symbol, scope.span, [], [Unread(scope.span, Verdict.BEYOND_RETENTION)]) for scope in scopes
    ]


def _proven_scope(symbol: str | None, proven: Sequence[Window], asked: Sequence[Window], rules: Rules) -> Scope:
    kept = window_or_none(rules.floor, max(rules.floor, rules.settled))
    needs = clip(proven, kept) if kept else []
    inside = clip(asked, kept) if kept and needs else []
    unread = [Unread(hole, Why.NOT_PROVEN) for hole in subtract(inside, needs)]
    parts = inside or proven
    return Scope(symbol, Window(parts[0].start, parts[-1].end), needs, unread)


def _hull(known: Known) -> Window:
    """From the oldest instant ever requested to the newest answer."""
    answered = [*known.proven, *known.given_up]
    since = min(window.start for window in answered)
    since = since if known.requested_since is None else min(since, known.requested_since)
    return Window(since, max(window.end for window in answered))


def requested_scopes(
    known: Mapping[str | None, Known], span: Window, rules: Rules, *, has_end: bool = True
) -> list[Scope]:
    """A requested span, without symbol, or by name where only symbols were ever proven.

    Without an end of its own (`has_end`) the span ends where nothing can be proven yet.
    """
    since = max(span.start, OPENED) if span.end > OPENED else span.start
    if 0 < rules.floor - since <= MARGIN < span.end - since:
        since = rules.floor  # the edge of retention moves so far during a run
    until = span.end if has_end or since >= rules.settled else min(span.end, rules.settled)
    asked = Window(since, until)
    need = window_or_none(max(since, rules.floor), min(until, rules.settled))
    before = clip([asked], Window(0, rules.floor))
    unread = [
        *(Unread(window, Verdict.BEYOND_RETENTION) for window in before),
        *(Unread(window, Why.UNSETTLED) for window in subtract([asked], [*before, *([need] if need else [])])),
    ]
    named: list[str | None] = [name for name, of_name in known.items() if name and of_name.proven]
    symbols = named if named and not known[None].proven else [None]
    return [Scope(symbol, asked, [need] if need else [], unread) for symbol in symbols]


def no_longer_kept(known: Mapping[str | None, Known], rules: Rules) -> bool:
    """Whether something proven is older than the exchange keeps, beyond what its edge moves during a run."""
    oldest = (window.start for of_symbol in known.values() for window in of_symbol.proven)
    return min(oldest, default=rules.floor) < rules.floor - MARGIN


def judge(
    needs: Iterable[Window], findings: Sequence[Finding], spoilt: Sequence[Window]
) -> tuple[list[Window], list[Unread]]:
    """What of `needs` was compared, and what was not and why, by the findings of the scope's walks.

    `spoilt`: windows whose page had a row that could not be read.
    """
    needs = merge(needs)
    proven = [finding.window for finding in findings if finding.verdict is Verdict.PROVEN]
    whole = subtract(proven, spoilt)
    compared = [part for need in needs for part in clip(whole, need)]
    parts: dict[str, list[Window]] = {}
    left = subtract(needs, compared)
    reasons = [(window, str(Why.QUARANTINED)) for window in spoilt]
    reasons += [(f.window, str(f.verdict)) for f in reversed(findings) if f.verdict is not Verdict.PROVEN]
    for window, reason in reasons:
        parts.setdefault(reason, []).extend(clip(left, window))
        left = subtract(left, [window])
    parts.setdefault(Why.NOT_FETCHED, []).extend(left)
    return compared, sorted(Unread(window, reason) for reason, windows in parts.items() for window in merge(windows))
