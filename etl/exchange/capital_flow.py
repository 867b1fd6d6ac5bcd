"""The endpoint of capital flows: the parameters of a request, and the rows of its answer."""

import msgspec
from msgspec import Raw

from etl.core.capital_flows import FLOWS, Flow, FlowPage, flow_page, is_liquidation
from etl.core.orders import FieldType, Reject
from etl.core.paging import PageRequest
from etl.exchange.pages import elements
from etl.exchange.question import Question
from etl.exchange.row_types import CLOCK_MARGIN, DECIMAL, TIME_NAME, TYPE_NAMES, Integer, Text, Time, decode, is_bigint

_EXPECTED = {
    **dict.fromkeys(("id", "tranId"), TYPE_NAMES[FieldType.INTEGER]),
    **dict.fromkeys(("asset", "symbol", "type"), TYPE_NAMES[FieldType.TEXT]),
    "timestamp": TIME_NAME,
}


class _Row(msgspec.Struct, rename="camel", gc=False):
    id: Integer = None
    tran_id: Integer = None
    timestamp: Time = None
    asset: Text = None
    symbol: Text = None
    type: Text = None
    amount: Raw = Raw(b"null")


_row = msgspec.json.Decoder(_Row)


def question(request: PageRequest) -> Question[FlowPage]:
    """Of cross margin, every type: a symbol would ask for an isolated pair, which is no part of Portfolio Margin."""
    start, end = request.window.wire()
    return Question(FLOWS.endpoint, {"startTime": start, "endTime": end, "limit": request.limit}, read_flows)


def read_flows(body: bytes, received_at: int) -> FlowPage:
    """The page in a 200's body; `received_at` is the exchange's clock, epoch milliseconds.

    Raises TransientError where the body is not JSON (it may be cut off), ContractError where it is not an array.
    """
    rows = [read_flow(bytes(row), received_at) for row in elements(body)]
    flows = [row for row in rows if isinstance(row, Flow)]
    return flow_page(flows, [row for row in rows if isinstance(row, Reject)], received_at, len(body))


def read_flow(raw: bytes, received_at: int) -> Flow | Reject:
    """A flow, or why the row is rejected. What is no liquidation needs only what the walk goes by."""
    decoded = decode(raw, _row, _EXPECTED)
    if isinstance(decoded, Reject):
        return decoded
    text, row = decoded
    if reason := _reason_to_reject(row, received_at):
        return Reject(text, reason, is_json=True)
    return Flow(int(row.id or 0), int(row.timestamp or 0), row.type or "", text)


def _reason_to_reject(row: _Row, received_at: int) -> str | None:
    if row.id is None or row.timestamp is None or not row.type:
        return "id, timestamp or type is missing"
    if not is_bigint(row.id) or not is_bigint(row.tran_id or 0):
        return "id or tranId is not an integer"
    if int(row.timestamp) > received_at + CLOCK_MARGIN:
        return "timestamp is more than a day later than the row was received"
    if not is_liquidation(row.type):
        return None
    if not row.asset or bytes(row.amount) == b"null":
        return "asset or amount is missing"
    return None if DECIMAL.fullmatch(row.amount) else "amount is not a decimal"
