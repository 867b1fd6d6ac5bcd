"""What one scrape tells: what the database holds, read anew, and what this process itself has counted."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from etl.errors import ForceOrdersError
from etl.exchange.clock import local_now
from etl.logs import logger
from etl.monitoring.metrics import families
from etl.runs import composition
from etl.settings.model import Settings

PATIENCE_S = 3
"""For the database. Prometheus waits ten seconds for all of a scrape, unless it is told otherwise."""

_log = logger(__name__)


class Scrape(Collector):
    """Reads on a connection of its own each time, so that two at once do not meet. Without the database it tells less.

    `outcomes`: how many of this process's requests ended how, as `Outcomes.counts`.
    """

    def __init__(self, settings: Settings, outcomes: Callable[[], Mapping[str, int]]) -> None:
        self._settings = settings
        self._outcomes = outcomes

    def collect(self) -> Iterator[Metric]:
        stored = self._stored()
        yield GaugeMetricFamily(
            "force_orders_database_up", "Whether the database can be read.", value=int(stored is not None)
        )
        yield _of_outcomes(self._outcomes())
        yield from stored or ()

    def _stored(self) -> tuple[Metric, ...] | None:
        try:
            with composition.store(self._settings, PATIENCE_S) as connection:
                return tuple(families(connection, composition.rules(self._settings, local_now())))
        except ForceOrdersError as error:
            _log.info("a scrape goes without the database: %s", error)
            return None


def _of_outcomes(counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(
        "force_orders_request_outcomes", "How the requests ended that this process has sent.", labels=("outcome",)
    )
    for outcome, count in counts.items():
        family.add_metric((outcome,), count)
    return family
