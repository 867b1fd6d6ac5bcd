"""An exchange of the tests' own that can misbehave in one way. It imports nothing of the program or its simulator.

By itself it is honest: ends are inclusive, a page has 50 rows by default and 100 at most, 90 days are kept, a window
is at most 7 days wide. A test makes it misbehave by replacing `answer`.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from tests.documented import ROW

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")

Row = dict[str, Any]
Keeps = Literal["oldest", "newest", "by symbol"]

_PREFIXES = {"LIQUIDATION": "autoclose-", "ADL": "adl_autoclose"}


def now() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def order(symbol: str, order_id: int, at: int, **changes: Any) -> Row:
    """A filled liquidation, updated as it was made."""
    own = {"symbol": symbol, "pair": symbol, "orderId": order_id, "clientOrderId": f"autoclose-{at}{order_id:06d}"}
    return ROW | own | {"time": at, "updateTime": at} | changes


def series(count: int, start: int, end: int, symbols: Iterable[str] = SYMBOLS, first_id: int = 1) -> list[Row]:
    """So many orders, evenly from `start` to before `end`, the symbols in turn."""
    names = list(symbols)
    return [order(names[n % len(names)], first_id + n, start + (end - start) * n // count) for n in range(count)]


@dataclass(frozen=True)
class Asked:
    """A request for orders. `number` counts them, from 1."""

    number: int
    start: int
    end: int
    limit: int
    symbol: str | None
    close_type: str | None


@dataclass
class Refused(Exception):  # noqa: N818 – an answer, not an error of ours
    """An answer with status 400."""

    code: int
    message: str


TOO_WIDE = Refused(-4165, "Maximum time interval is 7 days.")
TOO_OLD = Refused(-4166, "Search window is restricted to recent 90 days only.")
UNKNOWN_SYMBOL = Refused(-1121, "Invalid symbol.")


class Exchange:
    """One account on a loopback port.

    `rows`: its true history; a test may add to it. `listed`: the symbols of exchangeInfo. `keeps`: which rows a full
    page keeps; "by symbol" gathers them by symbol first. `filtered_by`: the time that the ends of a request filter.
    `texts`: what is sent in place of a text that is all of a value, such as a number that no parser of Python reads.
    `edge_ahead`: milliseconds by which less than 90 days are kept; None: everything is kept. `asked` and `weight` tell
    what it was asked and what that cost.
    """

    def __init__(self, rows: Iterable[Row], keeps: Keeps = "oldest", listed: Iterable[str] = SYMBOLS) -> None:
        self.rows = list(rows)
        self.keeps = keeps
        self.listed = list(listed)
        self.filtered_by = "time"
        self.edge_ahead: int | None = 0
        self.texts: dict[str, str] = {}
        self.answer: Callable[[Asked], list[Row]] = self.page
        self.asked: list[Asked] = []
        self.weight = 0
        self._lock = Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def edge(self) -> int:
        """The oldest instant that it keeps."""
        return 0 if self.edge_ahead is None else now() - 90 * DAY + self.edge_ahead

    def page(self, asked: Asked, most: int = 100) -> list[Row]:
        """The honest answer, of at most `most` rows. Raises Refused."""
        if asked.end - asked.start > 7 * DAY:
            raise TOO_WIDE
        if asked.start < self.edge:
            raise TOO_OLD
        return self.cut(self.matching(asked), min(asked.limit, most))

    def matching(self, asked: Asked) -> list[Row]:
        prefix = _PREFIXES.get(asked.close_type or "", "")
        return [
            row
            for row in self.rows
            if max(asked.start, self.edge) <= row[self.filtered_by] <= asked.end
            and asked.symbol in (None, row["symbol"])
            and row["clientOrderId"].startswith(prefix)
        ]

    def cut(self, rows: list[Row], most: int) -> list[Row]:
        """As many of these rows as fit on a page, oldest first or gathered by symbol."""
        if self.keeps == "by symbol":
            return sorted(rows, key=lambda row: (row["symbol"], row["time"], row["orderId"]))[:most]
        in_time = sorted(rows, key=lambda row: (row["time"], row["orderId"]))
        return in_time[:most] if self.keeps == "oldest" else in_time[-most:]

    def respond(self, path: str, query: dict[str, str]) -> object:
        """The document of an answer. Raises Refused, and KeyError for another path."""
        with self._lock:
            if path != "/fapi/v1/forceOrders":
                self.weight += 1
                return {"/fapi/v1/time": self._time, "/fapi/v1/exchangeInfo": self._exchange_info}[path]()
            self.weight += 20 if "symbol" in query else 50
            asked = Asked(
                len(self.asked) + 1,
                int(query["startTime"]),
                int(query["endTime"]),
                int(query.get("limit", 50)),
                query.get("symbol"),
                query.get("autoCloseType"),
            )
            self.asked.append(asked)
            return self.answer(asked)

    def _time(self) -> object:
        return {"serverTime": now()}

    def _exchange_info(self) -> object:
        limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1_000_000}
        symbols = [{"symbol": name, "pair": name, "status": "TRADING"} for name in self.listed]
        return {"timezone": "UTC", "serverTime": now(), "rateLimits": [limit], "symbols": symbols}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(exchange: Exchange) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            try:
                self._send(200, exchange.respond(address.path, dict(parse_qsl(address.query))))
            except Refused as refused:
                self._send(400, {"code": refused.code, "msg": refused.message})
            except KeyError:
                self._send(404, {"code": -1, "msg": "not found"})

        def _send(self, status: int, document: object) -> None:
            written = json.dumps(document)
            for said, text in exchange.texts.items():
                written = written.replace(json.dumps(said), text)
            body = written.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-MBX-USED-WEIGHT-1M", "1")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: object) -> None:
            """Nothing: it would stand among the tests' own output."""

    return Handler
