"""The result of `db check` as metrics, for a file that node_exporter reads."""

from collections.abc import Iterable

from etl.core.timeline import SECOND
from etl.monitoring.gauge import Samples, gauge
from etl.monitoring.metrics import as_text


def check_metrics(now: int, failures: Iterable[tuple[str, int]]) -> bytes:
    """`now`: when it was checked, epoch milliseconds. `failures`: each check, and in how many cases it failed."""
    samples: Samples = [((check,), failed) for check, failed in failures]
    return as_text(
        [
            gauge("check_timestamp_seconds", "When the database was last checked.", (), [((), now / SECOND)]),
            gauge("check_failures", "Cases in which a check of the database failed.", ("check",), samples),
        ]
    )
