"""An exchange without sockets, a clock that only the test moves, and a client that signs."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from etl.simulator.accounts import MAIN, Account
from etl.simulator.control import control
from etl.simulator.exchange import Exchange
from etl.simulator.faults import faults_from
from etl.simulator.messages import Reply, Request
from etl.simulator.orders import order_from_row
from etl.simulator.scenario import DAY_MS, Scenario
from etl.simulator.signatures import hmac_signature
from etl.simulator.venue import History

START = 1_795_000_020_000  # the start of a minute
FORCE_ORDERS = "/fapi/v1/forceOrders"


def row(time: int = START - DAY_MS, symbol: str = "BTCUSDT", order_id: int = 1, **more: Any) -> dict[str, Any]:
    return {"symbol": symbol, "orderId": order_id, "clientOrderId": "autoclose-1", "time": time} | more


class Desk:
    """An exchange with a real clock that only the test moves, and a client that signs."""

    def __init__(
        self,
        *rows: dict[str, Any],
        faults: Any = (),
        history: History | Mapping[str, History] | None = None,
        accounts: tuple[Account, ...] = (MAIN,),
        **switches: Any,
    ) -> None:
        self.real_ms = START
        main = [order_from_row(one) for one in rows] if history is None else history
        self.exchange = Exchange(Scenario(**switches), accounts, {"main": main}, faults_from(list(faults)), START)

    def get(self, path: str, ip: str = "127.0.0.1", method: str = "GET") -> Reply:
        return self.exchange.answer(Request(method, path, ip=ip), self.real_ms)

    def orders(self, account: Account = MAIN, ip: str = "127.0.0.1", **params: Any) -> Reply:
        return self.signed(FORCE_ORDERS, account, ip, **params)

    def signed(self, path: str, account: Account = MAIN, ip: str = "127.0.0.1", **params: Any) -> Reply:
        payload = urlencode({**params, "timestamp": self.exchange.now_ms(self.real_ms)})
        query = f"{payload}&signature={hmac_signature(account.secret, payload)}"
        request = Request("GET", path, query, {"x-mbx-apikey": account.key}, ip=ip)
        return self.exchange.answer(request, self.real_ms)

    def read(self, path: str, account: Account = MAIN, **params: Any) -> Any:
        """The document of a signed request that is answered."""
        reply = self.signed(path, account, **params)
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    def refused(self, path: str, account: Account = MAIN, **params: Any) -> tuple[int, int]:
        """Status and code of a signed request that is refused."""
        reply = self.signed(path, account, **params)
        return reply.status, code(reply)

    def sim(self, path: str, body: Any = None, status: int = 200, **params: Any) -> Any:
        method = "GET" if body is None else "POST"
        content = b"" if body is None else json.dumps(body).encode()
        reply = control(self.exchange, Request(method, f"/sim/{path}", urlencode(params), {}, content), self.real_ms)
        assert reply.status == status
        return json.loads(reply.body)

    def stats(self) -> Any:
        return self.sim("stats")


def code(reply: Reply) -> int:
    return int(json.loads(reply.body)["code"])


def header(reply: Reply, name: str) -> str | None:
    return dict(reply.headers).get(name)
