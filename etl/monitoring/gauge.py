"""A gauge under our own prefix."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily

Samples = Iterable[tuple[tuple[str, ...], float]]
"""Label values and the value that they have."""


def gauge(name: str, help_text: str, labels: tuple[str, ...], samples: Samples) -> GaugeMetricFamily:
    """`name` without the prefix `force_orders_`."""
    family = GaugeMetricFamily(f"force_orders_{name}", help_text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
