"""The endpoints of the asynchronous order exports, and the links that they lead to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from etl.simulator import access, rules
from etl.simulator.accounts import Account
from etl.simulator.calls import Call, Endpoint
from etl.simulator.export_files import OrderFile, order_file
from etl.simulator.export_rows import ASYN, Layout, header_of, rows_of
from etl.simulator.exports import DOWNLOADS, Export, month_of
from etl.simulator.markets import COINM, PM_USDM, SIGNED, USDM, Market
from etl.simulator.messages import RefusedError, Reply, json_reply
from etl.simulator.pools import flat
from etl.simulator.record_lists import YEAR_MS
from etl.simulator.scenario import Scenario
from etl.simulator.venue import Venue

NOT_PROCESSED = -1
UNKNOWN = b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
EXPIRED = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
XML = "application/xml"


@dataclass(frozen=True, slots=True)
class OrderExport:
    """A market's order export: its path, what a request and a question after its link weigh, its quota a month."""

    market: Market
    path: str
    weight: int
    link_weight: int
    quota: Callable[[Scenario], int]


ORDER_EXPORTS = (
    OrderExport(USDM, "/fapi/v1/order/asyn", 1000, 10, lambda it: it.export_quota),
    OrderExport(COINM, "/dapi/v1/order/asyn", 1000, 5, lambda it: it.dapi_export_quota),
    OrderExport(PM_USDM, "/papi/v1/um/order/asyn", 1500, 10, lambda it: it.papi_export_quota),
)
"""Portfolio Margin has none for COIN-M and margin."""
EXPORT_PATHS = frozenset(one.path for one in ORDER_EXPORTS)


def file_between(
    venue: Venue, account: str, market: Market, start_ms: int, end_ms: int, now_ms: int, layout: Layout
) -> OrderFile:
    """The file of an account's orders with start ≤ time ≤ end that could be read at an instant."""
    scenario = venue.scenario
    orders = venue.orders_between(account, market, start_ms, end_ms, now_ms - scenario.export_delay_ms)
    rows = rows_of(orders, layout, account, scenario)
    return order_file(_stem(layout, now_ms), header_of(layout, scenario), rows, scenario)


def download(venue: Venue, call: Call) -> Reply:
    """The file that a link leads to, for whoever has it: 404 for an unknown one, 403 after it has expired."""
    export = venue.exports.with_token(call.request.path.removeprefix(f"{DOWNLOADS}/"))
    if export is None or export.file is None or call.now_ms < export.done_ms:
        return Reply(404, UNKNOWN, XML)
    if export.is_expired(call.now_ms):
        return Reply(403, EXPIRED, XML)
    export.downloads += 1
    return export.file.reply


def _signer(asked: OrderExport, venue: Venue, call: Call, names: frozenset[str]) -> Account:
    account = rules.signer_of(call.request, call.params, venue.by_key, call.now_ms)
    access.check_market(account, asked.market, call.request.ip, venue.scenario, call.now_ms)
    rules.check_parameters(call.pairs, names)
    return account


def _request(asked: OrderExport, venue: Venue, call: Call) -> Reply:
    account, scenario = _signer(asked, venue, call, SIGNED), venue.scenario
    span_ms = _span_of(call.params, scenario)
    quota, used = asked.quota(scenario), venue.exports.used(account.name, asked.market.name, call.now_ms)
    if used >= quota:
        message = (
            f"Order history download is limited to {quota} times per month; {used} used in {month_of(call.now_ms)}."
        )
        raise RefusedError(400, scenario.export_quota_code, message)
    file = file_between(venue, account.name, asked.market, *span_ms, call.now_ms, ASYN)
    export = venue.exports.accept(account.name, asked.market.name, span_ms, file, scenario, call.now_ms)
    return json_reply({"avgCostTimestampOfLast30d": scenario.export_processing_ms, "downloadId": export.download_id})


def _link(asked: OrderExport, venue: Venue, call: Call) -> Reply:
    """What has become of an export. One that this account did not request here is refused; the code is a guess."""
    account = _signer(asked, venue, call, SIGNED - {"startTime", "endTime"} | {"downloadId"})
    download_id = _mandatory(call.params, "downloadId")
    export = venue.exports.of(account.name, asked.market.name, download_id)
    if export is None:
        raise RefusedError(400, -1130, "Data sent for parameter 'downloadId' is not valid.")
    expired = True if venue.scenario.export_expired_as == "true" else "true"
    now_ms, is_processed = call.now_ms, export.status(call.now_ms) == "completed"
    s3_link = {"s3Link": None} if asked.market.portfolio_margin else {}
    return json_reply(
        {
            "downloadId": download_id,
            "status": export.status(now_ms),
            "url": _url(export, venue, call) if export.is_ready(now_ms) else "",
            **s3_link,
            "notified": is_processed,
            "expirationTimestamp": export.expires_ms if is_processed else NOT_PROCESSED,
            "isExpired": expired if export.is_expired(now_ms) else None,
        }
    )


def _url(export: Export, venue: Venue, call: Call) -> str:
    scheme = "http://" if venue.scenario.export_url_scheme else ""
    return f"{scheme}{call.request.headers.get('host', '127.0.0.1')}{DOWNLOADS}/{export.token}"


def _span_of(params: Mapping[str, str], scenario: Scenario) -> tuple[int, int]:
    """Both ends in milliseconds; raises RefusedError."""
    for name in ("startTime", "endTime"):
        _mandatory(params, name)
    start_ms, end_ms = rules.number_of(params, "startTime") or 0, rules.number_of(params, "endTime") or 0
    if end_ms < start_ms:
        raise RefusedError(400, -4188, "startTime can not be later than endTime.")
    if end_ms - start_ms > YEAR_MS:
        wrong = scenario.export_span_code == "-1130"
        message = "Data sent for parameter 'endTime' is not valid." if wrong else "Maximum time interval is 1 year."
        raise RefusedError(400, int(scenario.export_span_code), message)
    return start_ms, end_ms


def _mandatory(params: Mapping[str, str], name: str) -> str:
    if not params.get(name):
        raise RefusedError(400, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return params[name]


def _stem(layout: Layout, now_ms: int) -> str:
    """The name of a file. That of the web page alone says the zone of its times: (UTC--6) is six hours behind."""
    if not layout.is_web:
        return f"order_history_{now_ms}"
    local = datetime.fromtimestamp(now_ms // 1000, layout.zone)
    hours = int((local.utcoffset() or timedelta()).total_seconds()) // 3600
    return f"Binance-Futures-Order-History-{local:%Y%m%d%H%M}(UTC-{hours})_abcd"


EXPORT_ENDPOINTS: Mapping[str, Endpoint] = {
    **{one.path: Endpoint(one.market.pool, flat(one.weight), partial(_request, one)) for one in ORDER_EXPORTS},
    **{
        f"{one.path}/id": Endpoint(one.market.pool, flat(one.link_weight), partial(_link, one)) for one in ORDER_EXPORTS
    },
}
