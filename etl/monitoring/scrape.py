"""The metrics of one scrape: what the database holds at that moment, and what this process has counted."""

from collections.abc import Callable, Collection, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from etl.errors import ForceOrdersError
from etl.exchange.clock import ExchangeClock, local_now
from etl.logs import logger
from etl.monitoring.machine_metrics import clock_families, directories, disk_families
from etl.monitoring.metrics import families
from etl.monitoring.watch_metrics import backup_families
from etl.runs import composition
from etl.settings.model import Settings

DATABASE_TIMEOUT_S = 3
"""By default Prometheus waits ten seconds for a whole scrape."""

_log = logger(__name__)


class Scrape(Collector):
    """Opens a connection for each scrape, so that several can run at once. Without the database only the process's
    own metrics remain.

    `outcomes`: gives the number of this process's requests by outcome, as `Outcomes.counts`. `configured`: the accounts
    of the settings. `clock`: the one that this process's runs set.
    """

    def __init__(
        self,
        settings: Settings,
        outcomes: Callable[[], Mapping[str, int]],
        configured: Collection[str] = (),
        clock: ExchangeClock | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock or ExchangeClock()
        self._configured = configured
        self._outcomes = outcomes

    def collect(self) -> Iterator[Metric]:
        stored = self._stored()
        yield GaugeMetricFamily(
            "force_orders_database_up", "Whether the database can be read.", value=int(stored is not None)
        )
        yield _of_outcomes(self._outcomes())
        yield from clock_families(self._clock.machine_is_ahead())
        yield from disk_families(directories(self._settings))
        yield from stored or ()

    def _stored(self) -> tuple[Metric, ...] | None:
        try:
            with composition.store(self._settings, DATABASE_TIMEOUT_S, only_reads=True) as connection:
                rules = composition.rules(self._settings, local_now())
                wants_backups = self._settings.backup_dir is not None
                stored = families(connection, rules, self._configured)
                return (*stored, *backup_families(connection, is_wanted=wants_backups))
        except ForceOrdersError as error:
            _log.warning("a scrape has no metrics of the database: %s", error)
            return None


def _of_outcomes(counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(
        "force_orders_request_outcomes", "Requests that this process has sent, by outcome.", labels=("outcome",)
    )
    for outcome, count in counts.items():
        family.add_metric((outcome,), count)
    return family
