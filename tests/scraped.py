"""What Prometheus makes of what it is given."""

import requests
from prometheus_client.parser import text_string_to_metric_families

Values = dict[str, dict[tuple[str, ...], float]]
"""By the name of the sample and the values of its labels."""


def values(text: str) -> Values:
    found: Values = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def scrape(port: int, host: str = "127.0.0.1") -> str:
    """The text of a scrape that went well."""
    answer = requests.get(f"http://{host}:{port}/metrics", timeout=30)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return answer.content.decode("utf-8")
