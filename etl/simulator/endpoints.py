"""Every path of the exchange: the pool and the weight it costs, and how it is answered."""

from collections.abc import Mapping
from functools import partial

from etl.simulator import access, listings, rules
from etl.simulator.accounts import Account
from etl.simulator.calls import Call, Endpoint
from etl.simulator.capital_flow import flows_of, selected
from etl.simulator.export_endpoints import EXPORT_ENDPOINTS
from etl.simulator.markets import MARKETS, SIGNED, Market
from etl.simulator.messages import Reply, json_reply
from etl.simulator.numbered import numbered_body, numbered_page
from etl.simulator.orders import json_array
from etl.simulator.page import page
from etl.simulator.pools import API, FUTURES, PAPI, SAPI, flat
from etl.simulator.record_endpoints import RECORD_ENDPOINTS
from etl.simulator.scenario import Scenario
from etl.simulator.venue import Venue


def served(path: str, scenario: Scenario) -> Endpoint | None:
    """The endpoint of a path, or None where this host has none."""
    absent = {"dapi": not scenario.dapi, "papi": not scenario.papi, "sapi": not scenario.sapi, "api": not scenario.sapi}
    return None if absent.get(path.split("/")[1] if "/" in path else "") else ENDPOINTS.get(path)


def price(path: str, params: Mapping[str, str], scenario: Scenario) -> int:
    """The weight of one request; of one to no endpoint 1."""
    endpoint = served(path, scenario)
    return endpoint.price(scenario, params) if endpoint else 1


def _ping(_venue: Venue, _call: Call) -> Reply:
    return json_reply({})


def _time(_venue: Venue, call: Call) -> Reply:
    return json_reply({"serverTime": call.now_ms})


def _usdm_info(venue: Venue, call: Call) -> Reply:
    return json_reply(listings.usdm_info(venue.books.symbols["usdm"], venue.scenario.weight_limit, call.now_ms))


def _coinm_info(venue: Venue, call: Call) -> Reply:
    return json_reply(listings.coinm_info(venue.books.symbols["coinm"], venue.scenario.weight_limit, call.now_ms))


def _cross_pairs(venue: Venue, call: Call) -> Reply:
    rules.holder_of(call.request, venue.by_key)
    return json_reply(listings.cross_pairs(venue.books.symbols["margin"]))


def _isolated_pairs(venue: Venue, call: Call) -> Reply:
    rules.holder_of(call.request, venue.by_key)
    return json_reply(listings.isolated_pairs(venue.books.isolated_symbols))


def _signer(venue: Venue, call: Call) -> Account:
    return rules.signer_of(call.request, call.params, venue.by_key, call.now_ms)


def _reader(venue: Venue, call: Call) -> Account:
    account = _signer(venue, call)
    access.check_reading(account)
    return account


def _account_info(venue: Venue, call: Call) -> Reply:
    account = _reader(venue, call)
    rules.check_parameters(call.pairs, SIGNED)
    return json_reply(access.account_info(account, call.now_ms))


def _api_restrictions(venue: Venue, call: Call) -> Reply:
    account = _reader(venue, call)
    rules.check_parameters(call.pairs, SIGNED)
    return json_reply(access.api_restrictions(account, call.now_ms))


def _capital_flow(venue: Venue, call: Call) -> Reply:
    account = _reader(venue, call)
    access.check_margin(account, call.now_ms)
    rules.check_parameters(call.pairs, SIGNED | {"asset", "symbol", "type", "fromId", "limit"})
    query = rules.flow_query_of(call.params, venue.scenario, call.now_ms)
    orders = venue.books.in_margin(account.name, venue.scenario)
    flows = flows_of(orders, call.now_ms - venue.scenario.visibility_delay_ms)
    return json_reply([flow.document() for flow in selected(flows, query)])


def _force_orders(market: Market, venue: Venue, call: Call) -> Reply:
    scenario = venue.scenario
    account = _signer(venue, call)
    access.check_market(account, market, call.request.ip, scenario, call.now_ms)
    rules.check_parameters(call.pairs, market.parameters)
    book = venue.books.shown(account.name, market, scenario)
    if market.paging == "cursor":
        query = rules.query_of(call.params, venue.books.symbols[market.wallet], scenario, call.now_ms)
        orders = page(book, query, scenario, call.now_ms)
        return Reply(200, json_array(orders), rows=len(orders))
    numbered = rules.numbered_query_of(call.params, venue.books.isolated_symbols, scenario, call.now_ms)
    access.check_pair(book, numbered.isolated_symbol, scenario)
    arrivals = venue.arrivals(account.name, market)
    orders, total = numbered_page(book, numbered, scenario, call.now_ms, arrivals)
    return Reply(200, numbered_body(orders, total), rows=len(orders))


ENDPOINTS: Mapping[str, Endpoint] = {
    **RECORD_ENDPOINTS,
    **EXPORT_ENDPOINTS,
    **{one.path: Endpoint(one.pool, one.price, partial(_force_orders, one)) for one in MARKETS.values()},
    "/fapi/v1/time": Endpoint(FUTURES, flat(1), _time),
    "/fapi/v1/ping": Endpoint(FUTURES, flat(1), _ping),
    "/fapi/v1/exchangeInfo": Endpoint(FUTURES, flat(1), _usdm_info),
    "/dapi/v1/time": Endpoint(FUTURES, flat(1), _time),
    "/dapi/v1/ping": Endpoint(FUTURES, flat(1), _ping),
    "/dapi/v1/exchangeInfo": Endpoint(FUTURES, flat(1), _coinm_info),
    "/papi/v1/ping": Endpoint(PAPI, flat(1), _ping),
    "/api/v3/time": Endpoint(API, flat(1), _time),
    "/api/v3/ping": Endpoint(API, flat(1), _ping),
    "/sapi/v1/account/info": Endpoint(SAPI, flat(1), _account_info),
    "/sapi/v1/account/apiRestrictions": Endpoint(SAPI, flat(1), _api_restrictions),
    "/sapi/v1/margin/allPairs": Endpoint(SAPI, flat(1), _cross_pairs),
    "/sapi/v1/margin/isolated/allPairs": Endpoint(SAPI, flat(10), _isolated_pairs),
    "/sapi/v1/margin/capital-flow": Endpoint(SAPI, flat(100), _capital_flow),
}
