"""The sink of `verify`: compares what is read again with the database, order by order."""

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from random import Random

from sqlalchemy import Connection

from etl.accounts.credentials import Keyring
from etl.core.orders import Key, Order, latest_versions
from etl.core.paging import Page
from etl.core.planning import Known, Rules, plan_backfill, scopes
from etl.core.sampling import draw, upper_bound
from etl.core.text import many
from etl.core.timeline import Window, clip, merge
from etl.core.walking import Finding, Target, Verdict
from etl.runs.recorder import Received, Recorder
from etl.runs.run import Remaining
from etl.runs.spans import Planner, SpanText
from etl.store import orders, runs
from etl.store.orders import Tally


class DifferenceKind(StrEnum):
    """How the exchange and the database differ in an order."""

    MISSING = "missing"
    """The exchange shows it and the database does not have it."""
    DIFFERENT = "different"
    """Both have it, with different fields."""
    EXTRA = "extra"
    """The database has it and the exchange no longer shows it."""


@dataclass(frozen=True, order=True)
class Difference:
    account: str
    symbol: str
    order_id: int
    order_time: int
    kind: DifferenceKind
    fields: tuple[str, ...] = ()
    """The exchange's names of the fields that differ; for DIFFERENT only."""


@dataclass
class Sample:
    """The windows that are read again: all, or `size` of them at random."""

    size: int | None = None
    random: Random = field(default_factory=Random)
    population: int = 0
    chosen: list[Target] = field(default_factory=list)

    @property
    def sampled(self) -> int:
        return len(self.chosen)

    def choose(self, targets: list[Target]) -> list[Target]:
        chosen = targets if self.size is None else draw(targets, self.size, self.random)
        self.population += len(targets)
        self.chosen += chosen
        return chosen

    def differing(self, differences: Sequence[Difference]) -> int:
        """The number of windows of the sample that contain a difference."""
        return sum(any(target.need.contains(d.order_time) for d in differences) for target in self.chosen)

    def upper_bound(self, differing: int) -> float:
        """With 95 % confidence less than this share of all windows differ."""
        return upper_bound(self.sampled, differing, self.population)


@dataclass(frozen=True)
class VerifySpec:
    """What a run of `verify` reads again, and with which keys."""

    keys: Keyring
    span: SpanText
    sample: Sample
    repair: bool = False
    """Whether what is missing or different is stored."""


def verify_planner(span: SpanText, sample: Sample) -> Planner:
    """Plans the requested span, or without one everything proven that the exchange still keeps."""

    def plan(known: dict[str | None, Known], rules: Rules) -> list[Target]:
        named = [name for name, of_name in known.items() if name and of_name.proven]
        readable = Window(rules.floor, max(rules.settled, rules.floor + 1))
        targets: list[Target] = []
        for symbol in scopes(named) if named and not known[None].proven else [None]:
            proven = known.get(symbol, known[None]).proven
            explicit = span.since is not None or span.until is not None
            for window in [span.readable(rules)] if explicit else clip(proven, readable):
                targets += plan_backfill(window, symbol, Known(), rules)
        return sample.choose(targets)

    return plan


class VerifySink:
    """Compares what is read with what is stored. With `repair` it stores what differs."""

    def __init__(self, connection: Connection, recorder: Recorder, *, repair: bool) -> None:
        self._connection = connection
        self._recorder = recorder
        self._repair = repair
        self._spans: dict[tuple[str, str | None], list[Window]] = defaultdict(list)
        self._received: dict[str, set[tuple[str, int]]] = defaultdict(set)
        self._proven: dict[str, list[Finding]] = defaultdict(list)
        self._differences: set[Difference] = set()
        self._counts = runs.Counts()

    @property
    def counts(self) -> runs.Counts:
        """With `repair` the recorder counts what it stores."""
        return self._recorder.counts if self._repair else self._counts

    @property
    def differences(self) -> list[Difference]:
        return sorted(self._differences)

    def begin(self, account: str, targets: Sequence[Target]) -> None:
        for target in targets:
            self._spans[account, target.symbol].append(target.need)

    def commit(self, received: Sequence[Received]) -> None:
        for one in received:
            if one.page is not None:
                self._compare(one.account, one.page, one.first)
            self._proven[one.account] += [finding for finding in one.findings if finding.verdict is Verdict.PROVEN]
            self._counts.largest_page = max(self._counts.largest_page, one.longest)
        self._connection.rollback()
        if self._repair:
            self._recorder.commit(received, replace_equal=True)

    def _compare(self, account: str, page: Page, first: Collection[Key]) -> None:
        batch = latest_versions(page.orders)
        self._received[account] |= {order.key for order in batch}
        stored = orders.stored(self._connection, account, self._recorder.market, [order.key for order in batch])
        found = [difference for order in batch if (difference := _compare(account, order, stored))]
        self._differences |= {d for d in found if self._is_in_span(account, batch, d)}
        unlike = {(difference.symbol, difference.order_id) for difference in found}
        same = Tally(unchanged=sum(order.key in first and order.key not in unlike for order in batch))
        self._counts.add(page.length, same, len(page.rejects))

    def found(self, walks_done: int) -> str:
        return f"{many(walks_done, 'window')} compared, {many(len(self._differences), 'difference')}"

    def remaining(self) -> Remaining:
        """Adds the orders that the database has in the proven span and that no response contained."""
        for (account, symbol), span in self._spans.items():
            proven = [f.window for f in self._proven[account] if f.symbol in (None, symbol)]
            for window in merge(part for whole in merge(span) for part in clip(proven, whole)):
                for key, order_time in orders.between(self._connection, account, self._recorder.market, symbol, window):
                    if key not in self._received[account]:
                        self._differences.add(Difference(account, *key, order_time, DifferenceKind.EXTRA))
        self._connection.rollback()
        left = [d for d in self._differences if not self._repair or d.kind is DifferenceKind.EXTRA]
        return Remaining(differences=len(left))

    def _is_in_span(self, account: str, batch: Sequence[Order], difference: Difference) -> bool:
        """Whether both times of the order lie in the span: requests reach a little beyond it."""
        order = next(order for order in batch if order.key == (difference.symbol, difference.order_id))
        spans = self._spans.get((account, None)) or self._spans.get((account, order.symbol), [])
        return all(any(span.contains(t) for span in spans) for t in (order.order_time, order.update_time))


def _compare(account: str, order: Order, stored: dict[tuple[str, int], str]) -> Difference | None:
    raw = stored.get(order.key)
    if raw is None:
        return Difference(account, *order.key, order.order_time, DifferenceKind.MISSING)
    theirs, ours = _fields(order.raw), _fields(raw)
    if theirs == ours:
        return None
    names = sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))
    return Difference(account, *order.key, order.order_time, DifferenceKind.DIFFERENT, tuple(names))


def _fields(raw: str) -> dict[str, object]:
    fields: dict[str, object] = json.loads(raw, parse_float=Decimal)
    return fields
