"""The metrics of one scrape: figures of the database, read a moment ago, and what this process has counted."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, text

from etl.errors import ForceOrdersError
from etl.exchange.clock import ExchangeClock, local_now
from etl.logs import logger
from etl.monitoring.machine_metrics import clock_families, directories, disk_families
from etl.monitoring.metrics import NOBODY, families
from etl.monitoring.watch_metrics import backup_families
from etl.runs import from_settings
from etl.settings.model import Settings
from etl.store.deadline import deadline
from etl.store.engine import store_errors

DATABASE_TIMEOUT_S = 3
"""For connecting, and again for reading. By default Prometheus waits ten seconds for a whole scrape."""

FIGURES_KEPT_S = 15.0
"""Seconds for which figures answer every scrape, and after which reading them is tried again where it failed."""

_log = logger(__name__)


class Scrape(Collector):
    """Reads the database at most once in `kept_s` seconds, however many scrapes there are.

    Where reading takes too long, older figures remain, and a metric tells their age. Without the database only the
    process's own metrics remain.

    `outcomes`: gives the number of this process's requests by outcome, as `Outcomes.counts`. `configured`: the accounts
    of the settings, and the markets that these name. `clock`: the one that this process's runs set.
    """

    def __init__(
        self,
        settings: Settings,
        outcomes: Callable[[], Mapping[str, int]],
        configured: Mapping[str, Sequence[str]] = NOBODY,
        clock: ExchangeClock | None = None,
        kept_s: float = FIGURES_KEPT_S,
    ) -> None:
        self._settings = settings
        self._clock = clock or ExchangeClock()
        self._configured = configured
        self._outcomes = outcomes
        self._kept_s = kept_s
        self._one_reads = Lock()
        self._tried_at = -math.inf
        self._is_up = False
        self._figures: tuple[Metric, ...] = ()
        self._read_at = -math.inf

    def collect(self) -> Iterator[Metric]:
        with self._one_reads:
            if time.monotonic() - self._tried_at >= self._kept_s:
                self._is_up = self._try_to_read()
                self._tried_at = time.monotonic()
            is_up, figures, age = self._is_up, self._figures, time.monotonic() - self._read_at
        yield GaugeMetricFamily("force_orders_database_up", "Whether the database answers.", value=int(is_up))
        yield _of_outcomes(self._outcomes())
        yield from clock_families(self._clock.machine_is_ahead())
        yield from disk_families(directories(self._settings))
        if is_up:
            yield GaugeMetricFamily(
                "force_orders_figures_age_seconds",
                "Age of what was read from the database; +Inf: nothing could be read yet.",
                value=age if math.isinf(age) else int(age),
            )
            yield from figures

    def _try_to_read(self) -> bool:
        """Read new figures; False if the database does not answer."""
        try:
            with from_settings.store(self._settings, DATABASE_TIMEOUT_S, only_reads=True) as connection:
                try:
                    with deadline(connection, DATABASE_TIMEOUT_S):
                        rules = from_settings.rules(self._settings, local_now())
                        stored = families(connection, rules, self._configured)
                        wants_backups = self._settings.backup_dir is not None
                        self._figures = (*stored, *backup_families(connection, is_wanted=wants_backups))
                        self._read_at = time.monotonic()
                except ForceOrdersError as error:
                    _answers(connection)
                    _log.warning("a scrape has no new metrics of the database: %s", error)
        except ForceOrdersError as error:
            _log.warning("a scrape has no metrics of the database: %s", error)
            self._figures, self._read_at = (), -math.inf
            return False
        return True


def _answers(connection: Connection) -> None:
    """Raise StoreError if the database no longer answers."""
    with store_errors():
        connection.rollback()
        connection.execute(text("SELECT 1"))


def _of_outcomes(counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(
        "force_orders_request_outcomes", "Requests that this process has sent, by outcome.", labels=("outcome",)
    )
    for outcome, count in counts.items():
        family.add_metric((outcome,), count)
    return family
