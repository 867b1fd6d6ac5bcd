"""The endpoints under /sim/, with which a test reads and controls the simulator. Unsigned, uncounted, free."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl

from etl.simulator.capital_flow import flows_of
from etl.simulator.exchange import Exchange
from etl.simulator.export_endpoints import ORDER_EXPORTS, file_between
from etl.simulator.export_rows import ASYN, web_layout
from etl.simulator.faults import Script, faults_from
from etl.simulator.markets import USDM, Market, market_named
from etl.simulator.messages import Reply, Request, json_reply
from etl.simulator.orders import json_array, orders_from_json
from etl.simulator.record_endpoints import books_document
from etl.simulator.scenario import changed, switches
from etl.simulator.stats import Stats

PREFIX = "/sim/"


def control(exchange: Exchange, request: Request, real_ms: float) -> Reply:
    """The reply to a control request; 400 with {"error": one line} if it fails."""
    action = _ACTIONS.get((request.method, request.path))
    if action is None:
        return json_reply({"error": f"there is no {request.method} {request.path}"}, 404)
    try:
        body = json.loads(request.body) if request.body else {}
        return action(exchange, dict(parse_qsl(request.query)), body, real_ms)
    except ValueError as error:
        return json_reply({"error": str(error)}, 400)


def _history(exchange: Exchange, params: Mapping[str, str], _body: Any, real_ms: float) -> Reply:
    """Every order of a market that can be read now, oldest first, whatever the retention and the account's rights.

    With lost=true also those that the list of forced orders lost.
    """
    read = exchange.books.recorded if params.get("lost") == "true" else exchange.books.shown
    book = read(_account(exchange, params), _market(params), exchange.scenario)
    return Reply(200, json_array(book.readable(_readable_by_ms(exchange, real_ms))))


def _flows(exchange: Exchange, params: Mapping[str, str], _body: Any, real_ms: float) -> Reply:
    """Every capital flow of an account that can be read now, oldest first."""
    orders = exchange.books.in_margin(_account(exchange, params), exchange.scenario)
    return json_reply([flow.document() for flow in flows_of(orders, _readable_by_ms(exchange, real_ms))])


def _books(exchange: Exchange, params: Mapping[str, str], _body: Any, real_ms: float) -> Reply:
    """All orders, fills and income of an account in a market of futures up to now, whatever the retention."""
    market = _market(params)
    if market.wallet == "margin":
        raise ValueError(f"{market.name} has no books, only markets of futures have")
    return json_reply(books_document(exchange, _account(exchange, params), market, exchange.now_ms(real_ms)))


def _lose(exchange: Exchange, params: Mapping[str, str], body: Any, _real_ms: float) -> Reply:
    """Take one order out of the list of forced orders; allOrders, userTrades and income keep it."""
    match body:
        case {"symbol": str(symbol), "orderId": int(order_id)}:
            exchange.books.lose(_account(exchange, params), _market(params), symbol, order_id, exchange.scenario)
            return json_reply({"lost": 1})
        case _:
            raise ValueError('what is lost is {"symbol": name, "orderId": number}')


def _add_orders(exchange: Exchange, params: Mapping[str, str], body: Any, _real_ms: float) -> Reply:
    """Add a JSON array of a market's rows; an earlier version of the same order is replaced.

    Those of a classic market from after the account's switch go to the counterpart in Portfolio Margin.
    """
    orders = orders_from_json(body)
    exchange.add(_account(exchange, params), _market(params), orders)
    return json_reply({"added": len(orders)})


def _exports(exchange: Exchange, _params: Mapping[str, str], _body: Any, real_ms: float) -> Reply:
    """Every order export that was accepted, oldest first, and how many of each account, market and month."""
    return json_reply(exchange.exports.document(exchange.now_ms(real_ms)))


def _export_file(exchange: Exchange, params: Mapping[str, str], _body: Any, real_ms: float) -> Reply:
    """An order file at once, without quota: format=asyn or web (in the zone utc_offset, hours), startTime, endTime."""
    account, market, now_ms = _account(exchange, params), _market(params), exchange.now_ms(real_ms)
    start_ms, end_ms = int(params.get("startTime", 0)), int(params.get("endTime", now_ms))
    match params.get("format", "asyn"):
        case "asyn" if any(one.market is market for one in ORDER_EXPORTS):
            layout = ASYN
        case "web" if market.wallet != "margin":
            layout = web_layout(int(params.get("utc_offset", -6)))
        case other:
            raise ValueError(f"{market.name} has no order file in the format {other!r}")
    return file_between(exchange, account, market, start_ms, end_ms, now_ms, layout).reply


def _stats(exchange: Exchange, _params: Mapping[str, str], _body: Any, _real_ms: float) -> Reply:
    return json_reply(exchange.stats.document())


def _reset_stats(exchange: Exchange, _params: Mapping[str, str], _body: Any, _real_ms: float) -> Reply:
    exchange.stats = Stats()
    return json_reply({})


def _scenario(exchange: Exchange, _params: Mapping[str, str], _body: Any, _real_ms: float) -> Reply:
    return json_reply(switches(exchange.scenario))


def _change_scenario(exchange: Exchange, _params: Mapping[str, str], body: Any, real_ms: float) -> Reply:
    if not isinstance(body, dict):
        raise ValueError("a scenario is a JSON object of switches")
    exchange.change(changed(exchange.scenario, body), real_ms)
    return json_reply(switches(exchange.scenario))


def _set_faults(exchange: Exchange, _params: Mapping[str, str], body: Any, _real_ms: float) -> Reply:
    """Replace the faults from now on; [] ends them."""
    faults = faults_from(body)
    exchange.script = Script(faults)
    return json_reply({"faults": len(faults)})


def _set_clock(exchange: Exchange, _params: Mapping[str, str], body: Any, real_ms: float) -> Reply:
    match body:
        case {"advance_ms": int(advance_ms)}:
            server_ms = exchange.clock.read(real_ms) + advance_ms
        case {"set_ms": int(set_ms)}:
            server_ms = set_ms
        case _:
            raise ValueError('a clock is {"advance_ms": milliseconds} or {"set_ms": instant}')
    exchange.clock = exchange.clock.moved_to(server_ms, real_ms)
    return json_reply({"serverTime": exchange.now_ms(real_ms)})


def _accounts(exchange: Exchange, _params: Mapping[str, str], _body: Any, _real_ms: float) -> Reply:
    return json_reply([asdict(account) for account in exchange.accounts.values()])


def _change_account(exchange: Exchange, params: Mapping[str, str], body: Any, _real_ms: float) -> Reply:
    """Set an account's wallets, permissions, key_created_ms or portfolio_margin_from_ms."""
    name = _account(exchange, params)
    exchange.change_account(name, body)
    return json_reply(asdict(exchange.accounts[name]))


def _readable_by_ms(exchange: Exchange, real_ms: float) -> int:
    return exchange.now_ms(real_ms) - exchange.scenario.visibility_delay_ms


def _market(params: Mapping[str, str]) -> Market:
    return market_named(params.get("market", USDM.name))


def _account(exchange: Exchange, params: Mapping[str, str]) -> str:
    name = params.get("account", next(iter(exchange.accounts)))
    if name not in exchange.accounts:
        raise ValueError(f"there is no account {name!r}")
    return name


_ACTIONS: Mapping[tuple[str, str], Callable[[Exchange, Mapping[str, str], Any, float], Reply]] = {
    ("GET", "/sim/history"): _history,
    ("GET", "/sim/capital-flows"): _flows,
    ("GET", "/sim/books"): _books,
    ("GET", "/sim/exports"): _exports,
    ("GET", "/sim/export-file"): _export_file,
    ("GET", "/sim/stats"): _stats,
    ("GET", "/sim/scenario"): _scenario,
    ("GET", "/sim/accounts"): _accounts,
    ("POST", "/sim/accounts"): _change_account,
    ("POST", "/sim/orders"): _add_orders,
    ("POST", "/sim/lose"): _lose,
    ("POST", "/sim/reset-stats"): _reset_stats,
    ("POST", "/sim/scenario"): _change_scenario,
    ("POST", "/sim/faults"): _set_faults,
    ("POST", "/sim/clock"): _set_clock,
}
