"""A Singer tap for force orders: `python tap_force_orders.py --config tap.json | target-postgres --config target.json`.

Its configuration: base_url, since and until (epoch milliseconds), key, secret.
"""

import hashlib
import hmac
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from requests import PreparedRequest, Response
from requests.auth import AuthBase
from singer_sdk import Stream, Tap
from singer_sdk import typing as th
from singer_sdk.pagination import BaseAPIPaginator
from singer_sdk.streams import RESTStream

WEEK_MS = 7 * 86_400_000
PAGE = 100
TEXTS = ("status", "clientOrderId", "timeInForce", "type", "side", "positionSide", "workingType", "origType")
DECIMALS = ("price", "avgPrice", "stopPrice", "origQty", "executedQty", "cumQuote")
DECIMAL = th.CustomType({"type": ["string", "null"], "format": "x-singer.decimal"})
Cursor = tuple[int, int]
"""Where the next page begins and where its window ends, both in milliseconds and both included."""


class Signature(AuthBase):
    """The key as a header, the time and the signature as the last parameters.

    The SDK signs a request twice, and once more for each time that it tries again: what was signed before goes.
    """

    def __init__(self, key: str, secret: str) -> None:
        self.key = key
        self.secret = secret

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["X-MBX-APIKEY"] = self.key
        asked = urlsplit(str(request.url))
        bare = [(name, value) for name, value in parse_qsl(asked.query) if name not in ("timestamp", "signature")]
        query = urlencode([*bare, ("timestamp", time.time_ns() // 1_000_000)])
        signature = hmac.new(self.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        request.url = urlunsplit(asked._replace(query=f"{query}&signature={signature}"))
        return request


class Windows(BaseAPIPaginator[Cursor | None]):
    """Windows of 7 days, and in each of them a time cursor while pages are full."""

    def __init__(self, since: int, until: int) -> None:
        super().__init__((since, min(since + WEEK_MS, until) - 1))
        self.until = until

    def has_more(self, response: Response) -> bool:
        return self.get_next(response) is not None

    def get_next(self, response: Response) -> Cursor | None:
        _, end = self.current_value
        rows = response.json()
        if len(rows) >= PAGE:
            return rows[-1]["time"], end
        return (end + 1, min(end + 1 + WEEK_MS, self.until) - 1) if end + 1 < self.until else None


class ForceOrders(RESTStream[Cursor]):
    """GET /fapi/v1/forceOrders."""

    name = "force_orders"
    path = "/fapi/v1/forceOrders"
    primary_keys = ("symbol", "orderId")
    replication_key = "time"
    schema = th.PropertiesList(
        th.Property("symbol", th.StringType, required=True),
        th.Property("orderId", th.IntegerType, required=True),
        *(th.Property(name, th.StringType) for name in TEXTS),
        *(th.Property(name, DECIMAL) for name in DECIMALS),
        *(th.Property(name, th.BooleanType) for name in ("reduceOnly", "closePosition")),
        *(th.Property(name, th.IntegerType) for name in ("time", "updateTime")),
    ).to_dict()

    @property
    def url_base(self) -> str:
        return str(self.config["base_url"])

    @property
    def authenticator(self) -> Signature:
        return Signature(self.config["key"], self.config["secret"])

    def get_new_paginator(self) -> Windows:
        return Windows(self.config["since"], self.config["until"])

    def get_url_params(self, context: Any, next_page_token: Cursor | None) -> dict[str, Any]:
        assert next_page_token is not None
        start, end = next_page_token
        return {"startTime": start, "endTime": end, "limit": PAGE}


class TapForceOrders(Tap):
    """The tap."""

    name = "tap-force-orders"
    config_jsonschema = th.PropertiesList(
        *(th.Property(name, th.StringType, required=True) for name in ("base_url", "key", "secret")),
        *(th.Property(name, th.IntegerType, required=True) for name in ("since", "until")),
    ).to_dict()

    def discover_streams(self) -> Iterable[Stream]:
        return [ForceOrders(self)]


if __name__ == "__main__":
    TapForceOrders.cli()
