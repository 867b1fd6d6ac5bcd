"""Reads a few old proven windows again each night, by lot, and holds them against the database as `verify` does.

A proof rests on what the exchange answered in one run. Where all of them were wrong, nothing contradicts them but the
exchange itself, later. So an order that an audit finds doubts all that the account's older proof says, not its window.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

from sqlalchemy import Connection

from etl.core.auditing import OVERDUE_DAYS, affordable, lot, old_proof, reserve
from etl.core.differences import Difference, DifferenceKind
from etl.core.findings import Verdict
from etl.core.markets.market import Market
from etl.core.observations import Observations, TruncationSide
from etl.core.orders import Key
from etl.core.page_limits import PageLimits
from etl.core.paging import Page, PageRequest
from etl.core.planning import Known, Rules
from etl.core.retention import Retention
from etl.core.sightings import Sightings
from etl.core.text import many
from etl.core.verifying import Scope, ScopeResult, Why, proven_scopes
from etl.core.walking import Target
from etl.core.wallets import Wallet
from etl.errors import ExchangeError, StoppedError, ThrottledError
from etl.exchange.client import ExchangeClient
from etl.logs import logger
from etl.runs.fetchers import interruptibly
from etl.runs.old_proof import taken_back
from etl.runs.order_comparison import OrderComparison
from etl.runs.reader import Reader
from etl.runs.readings import Left
from etl.runs.recorder import Proof, Received, Recorder
from etl.runs.spans import Planner
from etl.runs.walk_runner import Walk, call_of
from etl.store import jobs, quarantine, verifications
from etl.store.coverage import Gap
from etl.store.schema import EVERY_SYMBOL

_log = logger(__name__)


class Auditor:
    """Audits one account after the other, one request at a time.

    It never waits for weight: it begins no request for which the minute has no room, with as much again to spare, and
    with room for the jobs that wait.
    """

    is_by_lot = True

    def __init__(self, connection: Connection, reader: Reader, recorder: Recorder, windows: int) -> None:
        """`windows`: how many are drawn of an account in a market."""
        self._connection = connection
        self._reader = reader
        self._recorder = recorder
        self._windows = windows
        self._random = Random()  # noqa: S311 – a lot is no secret
        self.left = Left()

    def concerns(self, market: Market) -> bool:
        return True

    def read(self, wallet: Wallet, client: ExchangeClient, planner: Planner, rules: Rules) -> None:
        """Audit an account. A failure leaves the rest of the lot unread: the next night draws another one.

        Raises ThrottledError, StoppedError and StoreError.
        """
        now = replace(rules, now=client.clock.now())
        known = self._recorder.known_before(wallet)
        scopes = proven_scopes(old_proof(known, rules.reread), now)
        planned = [(scope, scope.targets(now, self._random)) for scope in scopes]
        is_overdue = verifications.is_older(self._connection, wallet, OVERDUE_DAYS)
        each = client.market.weights.of(None)
        windows = affordable(self._windows, client.spent()[1], each, is_overdue=is_overdue)
        chosen = lot([target for _, targets in planned for target in targets], windows, now, self._random)
        left_free = reserve(jobs.count_waiting(self._connection), self._random.random())
        self._connection.rollback()
        audit = _Audit(self._connection, self._reader, self._recorder, wallet, client, planned, chosen, left_free)
        try:
            audit.read(known, now)
        except (ThrottledError, StoppedError):
            self._conclude(wallet, audit)
            raise
        except ExchangeError as error:
            _log.info("account %s: the audit ended early: %s", wallet, error)
        self._conclude(wallet, audit)

    def _conclude(self, wallet: Wallet, audit: "_Audit") -> None:
        """Record what was compared, and say what was found."""
        results = audit.results()
        verifications.record(self._connection, self._recorder.run_id, results, is_sample=True)
        self._connection.commit()
        differences = sorted(one for result in results for one in result.differences)
        stored = [one for one in differences if one.kind is DifferenceKind.MISSING and one.is_repaired]
        found = [one for one in stored if (one.symbol, one.order_id) not in audit.were_shown]
        # An order that the database did not take is in quarantine, and told there. That the exchange sends another key
        # since some day is true of all older orders, each night until it keeps none of them.
        left = [one for one in differences if not one.is_repaired and not one.is_reshaped]
        others = [one for one in left if one.kind is not DifferenceKind.MISSING]
        self.left.audited += audit.windows_read
        self.left.differing += len(others)
        self.left.gaps += audit.withdrawn
        if found:
            keys = [(one.symbol, one.order_id) for one in found]
            self.left.faults.append(taken_back(wallet, "an audit of old windows", keys, audit.withdrawn))
        if others:
            self.left.faults.append(
                f"account {wallet}: an audit of old windows found {many(len(others), 'stored order')} unlike what the "
                f"exchange shows now, for example {_name(others[0])} ({others[0].kind}); to see all: "
                f"force-orders verify --account {wallet.account}"
            )


class _Audit:
    """The audit of one account in a market: its walks, and what they showed."""

    def __init__(
        self,
        connection: Connection,
        reader: Reader,
        recorder: Recorder,
        wallet: Wallet,
        client: ExchangeClient,
        planned: Sequence[tuple[Scope, Sequence[Target]]],
        chosen: Sequence[Target],
        left_free: int,
    ) -> None:
        """`left_free`: the weight of the minute that is left to others, beside as much as a request takes."""
        self._connection = connection
        self._reader = reader
        self._recorder = recorder
        self._wallet = wallet
        self._client = client
        self._chosen = chosen
        self._left_free = left_free
        self._comparison = OrderComparison(connection, wallet, planned, chosen, is_sample=True)
        self._all_proof: list[Proof] = [(scope.symbol, need) for scope, _ in planned for need in scope.needs]
        self._doubted: set[Proof] = set()
        self.were_shown: set[Key] = set()
        """Missing orders that the exchange has shown before, in rows that could not be read."""

    @property
    def windows_read(self) -> int:
        """How many of the windows were wholly read."""
        return self._comparison.sample().read

    @property
    def withdrawn(self) -> list[Gap]:
        """What is no longer taken as proven."""
        return [
            Gap(*self._wallet, symbol or EVERY_SYMBOL, window, Verdict.DISPUTED)
            for symbol, window in self._all_proof
            if (symbol, window) in self._doubted
        ]

    def read(self, known: Mapping[str | None, Known], rules: Rules) -> None:
        """Read the windows as far as there is room. Raises ExchangeError, StoppedError and StoreError."""
        limits = PageLimits(self._reader.page_limit, self._client.market.default_limit)
        symbols = {symbol for symbol in known if symbol}
        observations = {
            symbol: Observations(TruncationSide(), limits, Retention(rules.keeps, rules.now), symbols)
            for symbol in {target.symbol for target in self._chosen}
        }
        sightings = Sightings(self._chosen)
        for target in self._chosen:
            walk = Walk(self._wallet, self._client, target, observations[target.symbol], sightings)
            if not self._walk(walk):
                return

    def results(self) -> list[ScopeResult]:
        """What was compared of each scope; what was not read says nothing."""
        self._comparison.add_extra()
        results = [
            replace(result, unread=[one for one in result.unread if one.reason != Why.NOT_FETCHED])
            for result in self._comparison.results()
        ]
        return [result for result in results if result.compared or result.unread or result.differences]

    def _walk(self, walk: Walk) -> bool:
        """Whether there was room for all requests of the walk."""
        step = walk.steps.send(None)
        while True:
            for finding in step.findings:
                self._comparison.find(finding)
            if step.request is None:
                if step.is_settled is None:
                    return True
                step = walk.steps.send(None)  # it waits for the pages of other walks: there are none
                continue
            symbol = step.request.symbol if isinstance(step.request, PageRequest) else None
            if not self._client.limiter.has_room(2 * self._client.market.weights.of(symbol) + self._left_free):
                walk.steps.close()
                return False
            reply = interruptibly(call_of(self._client, step.request), self._reader.stop)
            if isinstance(reply, Page):
                self._take(reply)
            step = walk.steps.send(reply)

    def _take(self, page: Page) -> None:
        """Compare a page. What is new or later is stored, in one transaction with the doubt that a new order casts."""
        compared = self._comparison.add(page)
        self._connection.rollback()
        if not compared.differing and not page.rejects:
            return
        were_shown = quarantine.shown(self._connection, *self._wallet, compared.missing)
        self.were_shown |= were_shown
        doubted = self._all_proof if compared.missing - were_shown else []
        before = self._recorder.counts.inserted
        self._recorder.commit([Received(self._wallet, page, (), doubted=doubted)])
        if self._recorder.counts.inserted > before:
            self._doubted |= set(doubted)
        self._comparison.check_repair(compared.differing)
        self._connection.rollback()


def _name(order: Difference) -> str:
    return f"{order.symbol} {order.order_id}"
