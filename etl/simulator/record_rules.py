"""What the lists of records and the mark prices refuse, and the queries that their parameters mean."""

from collections.abc import Collection, Mapping

from etl.simulator.instruments import BNB, coinm_instrument, usdm_instrument
from etl.simulator.mark_prices import DEFAULT_KLINES, GREATEST_KLINES, KlineQuery
from etl.simulator.markets import Wallet
from etl.simulator.messages import RefusedError
from etl.simulator.record_lists import RecordList
from etl.simulator.records import RecordQuery, is_closed
from etl.simulator.rules import limit_of, number_of, window_of
from etl.simulator.scenario import Scenario

MINUTE = "1m"


def record_query_of(
    params: Mapping[str, str], asked: RecordList, symbols: Collection[str], scenario: Scenario, now_ms: int
) -> RecordQuery:
    """The query of these parameters with all defaults filled in; raises RefusedError."""
    symbol, pair = params.get("symbol"), params.get("pair")
    _check_scope(asked, symbol, pair)
    if symbol is not None:
        _check_symbol(symbol, symbols)
        if "incomeType" not in asked.parameters:
            _check_open(symbol, scenario)
    if pair is not None and all(one.partition("_")[0] != pair for one in symbols):
        raise RefusedError(400, -1121, "Invalid symbol.")
    order_id, from_id = number_of(params, "orderId"), number_of(params, "fromId")
    if pair is not None and (order_id is not None or from_id is not None):
        raise _bad_combination()
    if from_id is not None and {"startTime", "endTime"} & params.keys():
        raise _bad_combination()
    limit = limit_of(params, "limit", *asked.limits, scenario)
    reach = asked.reach(scenario)
    start_ms, end_ms = window_of(params, reach, scenario, now_ms) if from_id is None else (0, now_ms)
    return RecordQuery(
        start_ms, end_ms, limit, reach.kept_days, symbol, pair, order_id, from_id, kind=params.get("incomeType")
    )


def check_named(params: Mapping[str, str], scenario: Scenario) -> None:
    """Refuse a request for all orders of fapi that names no symbol, where the scenario says so."""
    if scenario.all_orders_without_symbol == "-1102" and "symbol" not in params:
        raise _missing("symbol")


def kline_query_of(
    params: Mapping[str, str], wallet: Wallet, symbols: Collection[str], scenario: Scenario, now_ms: int
) -> KlineQuery:
    """The query of these parameters; fapi keeps the oldest minutes from startTime on, else the newest are kept."""
    for name in ("symbol", "interval"):
        if name not in params:
            raise _missing(name)
    symbol, is_linear = params["symbol"], wallet == "usdm"
    _check_symbol(symbol, {*symbols, BNB.symbol} if is_linear else symbols)
    if params["interval"] != MINUTE:
        raise RefusedError(400, -1120, "Invalid interval.")
    limit = limit_of(params, "limit", DEFAULT_KLINES, GREATEST_KLINES, scenario)
    start_ms, end_ms = number_of(params, "startTime"), number_of(params, "endTime")
    if start_ms is not None and end_ms is not None and end_ms < start_ms:
        raise RefusedError(400, -4188, "startTime can not be later than endTime.")
    return KlineQuery(
        instrument=usdm_instrument(symbol) if is_linear else coinm_instrument(symbol),
        start_ms=max(0, start_ms or 0),
        end_ms=min(now_ms, now_ms if end_ms is None else end_ms),
        limit=limit,
        keeps_newest=start_ms is None or not is_linear,
    )


def _check_scope(asked: RecordList, symbol: str | None, pair: str | None) -> None:
    if symbol is not None and pair is not None:
        raise _bad_combination()
    if asked.scope != "any" and symbol is None and pair is None:
        raise _missing("symbol")


def _check_symbol(symbol: str, symbols: Collection[str]) -> None:
    if symbol not in symbols:
        raise RefusedError(400, -1121, "Invalid symbol.")


def _check_open(symbol: str, scenario: Scenario) -> None:
    if is_closed(symbol, scenario):
        message = "Symbol is closed." if scenario.closed_symbol_code == "-4141" else "Invalid symbol."
        raise RefusedError(400, int(scenario.closed_symbol_code), message)


def _missing(name: str) -> RefusedError:
    return RefusedError(400, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def _bad_combination() -> RefusedError:
    return RefusedError(400, -1128, "Combination of optional parameters invalid.")
