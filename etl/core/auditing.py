"""Which old windows a night reads again, by lot: proof is only as good as the answers were that it rests on."""

from collections.abc import Mapping, Sequence
from random import Random

from etl.core.planning import Known, Rules
from etl.core.sampling import draw_weighted
from etl.core.timeline import DAY
from etl.core.walking import Target

JOB_WEIGHT = 100
"""About what a job of an account and market weighs in a night."""

ORDINARY_WEIGHT = 125
"""A night that weighs more than this without its audit takes the rest from the audit: one without news weighs 50 to 110
for the orders, 30 for income and 5 for the list of all orders."""

OVERDUE_DAYS = 7
"""After so many days an account is audited whatever its night weighs."""

SHARE_DESPITE_JOBS = 0.1
"""The share of audits that are made although jobs wait."""


def old_proof(known: Mapping[str | None, Known], reread: int) -> dict[str | None, Known]:
    """What is known without the last `reread` milliseconds before the newest proof: every night reads those again.

    `known`: before the night's own walks. Where something is proven without symbol, its newest proof counts for all.
    """
    every = known[None].proven
    newest = {symbol: (every or one.proven)[-1].end for symbol, one in known.items() if every or one.proven}
    return {symbol: one.until(newest[symbol] - reread) if symbol in newest else one for symbol, one in known.items()}


def lot(windows: Sequence[Target], count: int, rules: Rules, random: Random) -> list[Target]:
    """`count` different windows, oldest first.

    The chance of an instant is in inverse proportion to how long the exchange still keeps it, a day at least: what is
    lost next week is drawn twelve times as often as what is lost in twelve, and over its time all is drawn. A window
    counts by its width, so that many small ones do not hide a wide one.
    """
    chosen = draw_weighted(windows, [_weight(one, rules) for one in windows], count, random)
    return sorted(chosen, key=lambda one: (one.need, one.symbol or ""))


def reserve(waiting: int, draw: float) -> int:
    """The weight of the minute that an audit leaves free while so many jobs wait to be run.

    `draw`: from 0 to 1, at random. One audit in ten leaves nothing: else no account of a large fleet but the last ones
    of a night would ever be audited.
    """
    return 0 if draw < SHARE_DESPITE_JOBS else waiting * JOB_WEIGHT


def affordable(windows: int, spent: int, each: int, *, is_overdue: bool) -> int:
    """How many of `windows` are read in a night in which the account has spent the weight `spent` on all else.

    `each`: what a window weighs at least. What is beyond ORDINARY_WEIGHT, as the fills of ten new orders are, is taken
    from the audit; but not where the newest one is long ago.
    """
    return windows if is_overdue else max(0, min(windows, (ORDINARY_WEIGHT - spent) // each + windows))


def _weight(window: Target, rules: Rules) -> float:
    left = DAY if rules.keeps is None else max(DAY, window.need.end - (rules.now - rules.keeps))
    return window.need.width / left
