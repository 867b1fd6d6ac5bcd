"""The endpoints that show what an account did in a market of futures, and the public mark prices."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from etl.simulator import access, rules
from etl.simulator.calls import Call, Endpoint
from etl.simulator.ledger import Ledger
from etl.simulator.mark_prices import kline_price, klines
from etl.simulator.markets import MARKETS, Market, Wallet
from etl.simulator.messages import Reply, json_reply
from etl.simulator.orders import json_array
from etl.simulator.pools import FUTURES
from etl.simulator.record_lists import ALL_ORDERS, INCOME, TRADES, RecordList
from etl.simulator.record_rules import check_named, kline_query_of, record_query_of
from etl.simulator.records import RecordQuery, income_page, orders_page, trades_page
from etl.simulator.venue import Venue

KLINE_PARAMETERS = frozenset({"symbol", "interval", "startTime", "endTime", "limit"})

Shown = Callable[[Market, RecordList, Venue, Call], Reply]


def _asked(market: Market, asked: RecordList, venue: Venue, call: Call) -> tuple[Ledger, RecordQuery]:
    """Whose records are asked for, and which; raises RefusedError."""
    account = rules.signer_of(call.request, call.params, venue.by_key, call.now_ms)
    access.check_market(account, market, call.request.ip, venue.scenario, call.now_ms)
    rules.check_parameters(call.pairs, asked.parameters)
    query = record_query_of(call.params, asked, venue.books.symbols[market.wallet], venue.scenario, call.now_ms)
    return venue.ledger(account.name, market, call.now_ms), query


def _all_orders(market: Market, asked: RecordList, venue: Venue, call: Call) -> Reply:
    ledger, query = _asked(market, asked, venue, call)
    if asked.scope == "any":
        check_named(call.params, venue.scenario)
    return Reply(200, json_array(orders_page(ledger, query, venue.scenario, call.now_ms)))


def _trades(market: Market, asked: RecordList, venue: Venue, call: Call) -> Reply:
    ledger, query = _asked(market, asked, venue, call)
    fills = trades_page(ledger, query, venue.scenario, call.now_ms)
    return json_reply([fill.document(market, venue.scenario.row_shape) for fill in fills])


def _income(market: Market, asked: RecordList, venue: Venue, call: Call) -> Reply:
    ledger, query = _asked(market, asked, venue, call)
    rows = income_page(ledger, query, venue.scenario, call.now_ms)
    return json_reply([row.document(market, venue.scenario) for row in rows])


def _mark_prices(wallet: Wallet, venue: Venue, call: Call) -> Reply:
    rules.check_parameters(call.pairs, KLINE_PARAMETERS)
    query = kline_query_of(call.params, wallet, venue.books.symbols[wallet], venue.scenario, call.now_ms)
    return json_reply(klines(query))


def _listed(lists: Mapping[str, RecordList], shown: Shown) -> dict[str, Endpoint]:
    return {
        asked.path: Endpoint(MARKETS[name].pool, asked.price, partial(shown, MARKETS[name], asked))
        for name, asked in lists.items()
    }


def books_document(venue: Venue, account: str, market: Market, now_ms: int) -> dict[str, list[Any]]:
    """All that happened in a market of futures up to now, in the shape of its endpoints, whatever they show."""
    ledger, scenario = venue.ledger(account, market, now_ms), venue.scenario
    return {
        "orders": [order.document() for order in ledger.orders.readable(now_ms)],
        "fills": [
            fill.document(market, scenario.row_shape) for fill in ledger.fills.rows if fill.readable_from <= now_ms
        ],
        "income": [row.document(market, scenario) for row in ledger.income.rows if row.readable_from <= now_ms],
    }


RECORD_ENDPOINTS: Mapping[str, Endpoint] = {
    **_listed(ALL_ORDERS, _all_orders),
    **_listed(TRADES, _trades),
    **_listed(INCOME, _income),
    "/fapi/v1/markPriceKlines": Endpoint(FUTURES, kline_price, partial(_mark_prices, "usdm")),
    "/dapi/v1/markPriceKlines": Endpoint(FUTURES, kline_price, partial(_mark_prices, "coinm")),
}
