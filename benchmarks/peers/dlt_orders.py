"""Force orders with dlt: its REST source with a paginator for windows and pages, merged into Postgres by key.

`python dlt_orders.py BASE_URL DATABASE_URL SINCE_MS UNTIL_MS KEY SECRET` leaves the table `dlt.force_orders`. Strategy
`upsert` would end with an error: pages overlap by a millisecond, and it does not deduplicate what it loads.
"""

import hashlib
import hmac
import sys
import time
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import dlt
from dlt.common.configuration import configspec
from dlt.common.typing import TSecretStrValue
from dlt.sources.helpers.rest_client.auth import AuthConfigBase
from dlt.sources.helpers.rest_client.paginators import BasePaginator
from dlt.sources.rest_api import rest_api_source
from requests import PreparedRequest, Request, Response

WEEK_MS = 7 * 86_400_000
PAGE = 100
DECIMALS = ("price", "avg_price", "stop_price", "orig_qty", "executed_qty", "cum_quote")


@configspec
class Signature(AuthConfigBase):
    """The key as a header, the time and the signature as the last parameters."""

    key: TSecretStrValue = ""
    secret: TSecretStrValue = ""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["X-MBX-APIKEY"] = self.key
        request.prepare_url(request.url, {"timestamp": time.time_ns() // 1_000_000})
        query = urlsplit(str(request.url)).query
        signature = hmac.new(self.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        request.prepare_url(request.url, {"signature": signature})
        return request


class Windows(BasePaginator):
    """Windows of 7 days, and in each of them a time cursor while pages are full."""

    def __init__(self, since: int, until: int) -> None:
        super().__init__()
        self.window = self.cursor = since
        self.until = until

    def init_request(self, request: Request) -> None:
        self.update_request(request)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        if data and len(data) >= PAGE:
            self.cursor = data[-1]["time"]
            return
        self.window = self.cursor = self.window + WEEK_MS
        self._has_next_page = self.window < self.until

    def update_request(self, request: Request) -> None:
        end = min(self.window + WEEK_MS, self.until) - 1
        request.params = {"startTime": self.cursor, "endTime": end, "limit": PAGE}


def main(base_url: str, database_url: str, since: int, until: int, key: str, secret: str) -> None:
    source = rest_api_source(
        {
            "client": {"base_url": f"{base_url}/fapi/v1/", "auth": Signature(key, secret)},
            "resources": [
                {
                    "name": "force_orders",
                    "primary_key": ["symbol", "orderId"],
                    "write_disposition": {"disposition": "merge", "strategy": "delete-insert"},
                    "columns": {
                        **{name: {"data_type": "decimal", "precision": 38, "scale": 18} for name in DECIMALS},
                        "update_time": {"data_type": "bigint", "dedup_sort": "desc"},
                    },
                    "endpoint": {
                        "path": "forceOrders",
                        "data_selector": "$",
                        "paginator": Windows(since, until),
                    },
                }
            ],
        }
    )
    destination = dlt.destinations.postgres(credentials(database_url))
    pipeline = dlt.pipeline("force_orders", destination=destination, dataset_name="dlt")
    pipeline.run(source, loader_file_format="csv")


def credentials(database_url: str) -> str:
    """A libpq URL with the host and the password that dlt insists on; a host in the query, a socket, wins over it."""
    url = urlsplit(database_url)
    user = f"{url.username or 'postgres'}:{url.password or 'none'}"
    return urlunsplit(url._replace(netloc=f"{user}@{url.hostname or 'localhost'}:{url.port or 5432}"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5], sys.argv[6])
