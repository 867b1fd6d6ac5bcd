"""Prometheus metrics, read from the database only."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from etl.core.planning import Rules
from etl.core.timeline import SECOND
from etl.monitoring.gauge import gauge
from etl.monitoring.status import ScopeStatus, Status, read_brief_status
from etl.monitoring.watch_metrics import watch_families
from etl.store import cooldowns, runs
from etl.store.egress import spent_weights
from etl.store.engine import store_errors
from etl.store.jobs import count_jobs

NOBODY: Mapping[str, Sequence[str]] = MappingProxyType({})
"""No account of the settings."""


def metrics(
    connection: Connection,
    rules: Rules,
    configured: Mapping[str, Sequence[str]] = NOBODY,
    others: Iterable[Metric] = (),
) -> bytes:
    """All metrics in Prometheus's text format, and `others` after them. Raises StoreError.

    `configured`: the accounts of the settings, and the markets that these name. For `rules` see `read_status`.
    """
    return as_text([*families(connection, rules, configured), *others])


def as_text(metrics: Iterable[Metric]) -> bytes:
    """In Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Read(metrics))
    return generate_latest(registry)


class _Read(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def families(
    connection: Connection, rules: Rules, configured: Mapping[str, Sequence[str]] = NOBODY
) -> Iterator[Metric]:
    """The same as objects of prometheus_client."""
    status = read_brief_status(connection, rules, configured)
    with store_errors():
        totals = runs.totals(connection)
        deadlines = cooldowns.deadlines(connection)
        spent = spent_weights(connection, rules.now)
        jobs = count_jobs(connection)
        connection.rollback()
    yield from watch_families(connection, rules.now, configured)
    yield from _of_accounts(status)
    yield _unread_since(status, rules.now)
    yield gauge("orders", "Force orders stored.", ("account", "market", "close_type"), status.close_types.items())
    yield from _of_runs(totals)
    yield gauge(
        "jobs",
        "Jobs of the queue by status; finished ones until they are deleted after 90 days.",
        ("status",),
        (((status,), count) for status, count in jobs.items()),
    )
    yield gauge(
        "weight_used",
        "Weight of the exchange's minute that our running processes have used.",
        ("egress", "pool"),
        spent.items(),
    )
    yield gauge(
        "silence_until_timestamp_seconds",
        "End of the last cooldown after a rate limit or a ban, past or to come.",
        ("egress",),
        (((egress,), until.timestamp()) for egress, until in deadlines.items()),
    )


def _of_accounts(status: Status) -> Iterator[Metric]:
    """The worst scope of each account and market: what is read without symbol counts for each symbol."""
    scopes: dict[tuple[str, str], list[ScopeStatus]] = {}
    for scope in status.scopes:
        scopes.setdefault((scope.account, scope.market), []).append(scope)
    ages = {labels: [one.age for one in own if one.age is not None] for labels, own in scopes.items()}
    losses = {
        labels: [one.days_until_loss for one in own if one.days_until_loss is not None]
        for labels, own in scopes.items()
    }
    yield gauge(
        "watermark_age_seconds",
        "Age of the end of the gap-free history.",
        ("account", "market"),
        ((labels, max(own) / SECOND) for labels, own in ages.items() if own),
    )
    yield gauge(
        "days_until_loss",
        "Days until the exchange no longer keeps the oldest unread instant.",
        ("account", "market"),
        ((labels, min(own)) for labels, own in losses.items() if own),
    )
    lengths: Counter[tuple[str, str, str]] = Counter()
    for scope in status.scopes:
        for gap in () if scope.is_retired or scope.is_closed else scope.gaps:
            lengths[gap.account, gap.market, gap.reason] += gap.window.width * scope.symbols
    yield gauge(
        "gap_seconds",
        "Length of the gaps, summed over symbols.",
        ("account", "market", "reason"),
        ((labels, length / SECOND) for labels, length in lengths.items()),
    )


def _unread_since(status: Status, now: int) -> Metric:
    """A moment, as in `watch_metrics`. The watermark is none for alerts: it stays before a gap that nothing closes."""
    ages: dict[tuple[str, str], int] = {}
    for scope in status.scopes:
        if scope.unread is not None:
            ages[scope.account, scope.market] = max(scope.unread, ages.get((scope.account, scope.market), 0))
    return gauge(
        "unread_since_timestamp_seconds",
        "The oldest instant that is not proven and can still be read.",
        ("account", "market"),
        ((labels, (now - age) / SECOND) for labels, age in ages.items()),
    )


def _of_runs(totals: Iterable[runs.Total]) -> Iterator[Metric]:
    totals = list(totals)
    labels = ("command", "status")
    for name, help_text, values in (
        ("runs", "Runs by command and status.", [one.runs for one in totals]),
        ("requests", "Requests sent to the exchange.", [one.requests for one in totals]),
        ("weight", "Weight of these requests.", [one.weight for one in totals]),
    ):
        family = CounterMetricFamily(f"force_orders_{name}", help_text, labels=labels)
        for one, value in zip(totals, values, strict=True):
            family.add_metric((one.command, one.status), value)
        yield family
    yield gauge(
        "last_success_timestamp_seconds",
        "End of the last successful run.",
        ("command",),
        (((one.command,), one.last_end.timestamp()) for one in totals if one.status == "succeeded" and one.last_end),
    )
