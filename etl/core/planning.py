"""Which windows to request.

The cheapest layout follows from two documented facts: a window of seven days costs as much as a window of one minute,
and a request without symbol (weight 50 for futures) costs less than three requests with one (20 each).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from etl.core.markets.market import FUTURES, Weights
from etl.core.retention import MARGIN
from etl.core.timeline import DAY, MINUTE, Window, clip, divide, fill, subtract, window_or_none
from etl.core.walking import Target

OPENED = 1_567_900_800_000
"""2019-09-08, when the exchange opened its USDⓈ-M futures: no order is older. Epoch milliseconds."""

STRADDLE = MINUTE
"""Milliseconds beyond its end that the last window is read, for orders created before the end and filtered by their
later update time. In known rows the two times lie at most 50 ms apart."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings and the time that planning needs, in milliseconds by the exchange's clock."""

    now: int
    settle_lag: int
    keeps: int | None
    """How long the exchange keeps orders; None: without limit."""
    widest: int
    """The widest window of one request."""
    reread: int = 7 * DAY
    """How far behind each watermark a nightly run reads again, for orders that appeared late or changed."""
    earliest: int | None = None
    """The earliest of the clocks of exchange, database and machine; nothing later is ever proven. None: `now`."""
    begins: int = OPENED
    """No older order is asked for: the account had no such market before. Epoch milliseconds."""
    weights: Weights = FUTURES
    """The weight of one request, with symbol and without."""

    @property
    def settled(self) -> int:
        """The instant from which on nothing can be proven yet."""
        return self.present - self.settle_lag

    @property
    def present(self) -> int:
        """Now, by the earliest of the clocks."""
        return self.now if self.earliest is None else min(self.now, self.earliest)

    @property
    def floor(self) -> int:
        """The oldest instant that can still be requested, with a margin for the time the request takes."""
        return self.begins if self.keeps is None else max(self.begins, self.now - self.keeps + MARGIN)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about one scope, as sorted, disjoint windows."""

    proven: Sequence[Window] = ()
    given_up: Sequence[Window] = ()
    """Saturated or beyond retention: a nightly run does not request it again."""
    requested_since: int | None = None
    """The oldest instant that was ever requested, epoch milliseconds."""

    @property
    def holes(self) -> list[Window]:
        """Requested, earlier than the newest proof, not proven, and possibly still available."""
        if not self.proven:
            return []
        oldest = self.proven[0].start
        since = oldest if self.requested_since is None else min(oldest, self.requested_since)
        hull = Window(since, self.proven[-1].end)
        return subtract([hull], [*self.proven, *self.given_up])

    def until(self, instant: int) -> "Known":
        """The same without proof of later times: a clock was wrong when that was recorded."""
        return replace(self, proven=clip(self.proven, Window(min(instant, 0) - 1, instant)))


def scopes(symbols: Sequence[str], weights: Weights) -> list[str | None]:
    """The cheapest way to read these symbols: by name, or without symbol (None). No symbols means all of them."""
    distinct = list(dict.fromkeys(symbols))
    by_name = len(distinct) * weights.by_symbol
    return [*distinct] if 0 < by_name < weights.of_all else [None]


def plan_everything(symbol: str | None, known: Known, rules: Rules) -> list[Target]:
    """Walks that prove everything the exchange keeps that is not proven yet, and the holes left before that."""
    kept = window_or_none(rules.floor, rules.settled)
    missing = subtract([*([kept] if kept else []), *known.holes], known.proven)
    return _targets(missing, symbol, rules)


def plan_backfill(span: Window, symbol: str | None, known: Known, rules: Rules) -> list[Target]:
    """Walks that prove the unproven parts of `span`, those soonest beyond retention first."""
    readable = window_or_none(max(span.start, rules.begins), min(span.end, rules.settled))
    return _targets(subtract([readable] if readable else [], known.proven), symbol, rules)


def plan_nightly(every: Known, by_name: Mapping[str, Known], rules: Rules) -> list[Target]:
    """Walks from each watermark to now: without symbol if that was ever requested, else in the cheaper way.

    `every` is what is known without symbol; `by_name` what is known about each symbol, `every` included.
    """
    requested = {name: known for name, known in by_name.items() if known.proven}
    if not every.proven and requested:
        cheapest = scopes(list(requested), rules.weights)
        if cheapest != [None]:
            return [target for name, known in requested.items() for target in plan_sync(name, known, rules)]
        frontier = min(known.proven[-1].end for known in requested.values())
        reread = Known(proven=[Window(frontier - max(rules.reread, 1), frontier)])
        targets = [replace(target, proven=()) for target in plan_sync(None, reread, rules)]
    else:
        targets = plan_sync(None, every, rules)
    reached = [target.need for target in targets]
    for name, known in requested.items():
        targets += _targets(subtract(known.holes, reached), name, rules)
    return targets


def plan_sync(symbol: str | None, known: Known, rules: Rules) -> list[Target]:
    """Walks from the newest proof of a scope to now, and through the older holes that may still be filled.

    They begin `rules.reread` before the newest proof, for orders that changed or appeared late. The first windows are
    as wide as possible, so that the newest ones hold little but what is to be proven.
    """
    if not known.proven:
        return plan_everything(symbol, known, rules)
    oldest, newest = known.proven[0].start, known.proven[-1].end
    holes = _targets(known.holes, symbol, rules)
    start = max(newest - rules.reread, oldest, min(newest, rules.floor))
    need = window_or_none(start, max(rules.settled, newest))
    if need is None or rules.now <= start:
        return holes
    windows = subtract([Window(start, rules.now)], known.given_up)
    filled = [part for window in windows for part in fill(window, rules.widest)]
    return holes + [
        Target(part, window, symbol, tuple(clip(known.proven, window)))
        for window in filled
        if (part := window.intersect(need)) is not None
    ]


def _targets(holes: Sequence[Window], symbol: str | None, rules: Rules) -> list[Target]:
    kept = subtract(holes, [Window(0, rules.floor)])
    lost = subtract(holes, kept)
    oldest_first = [target for hole in _bundle(kept, rules.widest) for target in _divide(hole, symbol, rules)]
    newest_first = [target for hole in lost for target in _divide(hole, symbol, rules)][::-1]
    return oldest_first + newest_first


def _bundle(holes: Sequence[Window], widest: int) -> list[Window]:
    """Merges neighbouring holes that one request covers: reading what lies between them again is free."""
    bundles: list[Window] = []
    for hole in holes:
        if bundles and hole.end - bundles[-1].start <= widest:
            bundles[-1] = Window(bundles[-1].start, hole.end)
        else:
            bundles.append(hole)
    return bundles


def _divide(hole: Window, symbol: str | None, rules: Rules) -> list[Target]:
    *first, last = divide(hole, rules.widest)
    beyond = rules.now if last.end == rules.settled else min(last.end + STRADDLE, rules.now)
    reach = max(last.end, min(beyond, last.start + rules.widest))
    return [*(Target(window, window, symbol) for window in first), Target(last, Window(last.start, reach), symbol)]
