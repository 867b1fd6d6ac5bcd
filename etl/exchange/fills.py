"""The endpoints of fills, `userTrades`: the parameters of a request, and the rows of its answer."""

from collections.abc import Collection
from functools import partial

import msgspec
from msgspec import Raw

from etl.core.fill_requests import FillRequest
from etl.core.fills import Fill, FillPage
from etl.core.markets.market import Records
from etl.core.orders import FieldType, Key, Reject
from etl.exchange.pages import elements
from etl.exchange.question import Question
from etl.exchange.row_types import (
    CLOCK_MARGIN,
    DECIMAL,
    TIME_NAME,
    TYPE_NAMES,
    Boolean,
    Integer,
    Text,
    Time,
    decode,
    is_bigint,
)

_EXPECTED = {
    **dict.fromkeys(("id", "orderId"), TYPE_NAMES[FieldType.INTEGER]),
    **dict.fromkeys(("symbol", "commissionAsset", "marginAsset"), TYPE_NAMES[FieldType.TEXT]),
    **dict.fromkeys(("buyer", "maker"), TYPE_NAMES[FieldType.BOOLEAN]),
    "time": TIME_NAME,
}
_NULL = Raw(b"null")


class _Key(msgspec.Struct, rename="camel", gc=False):
    symbol: Text = None
    order_id: Integer = None


class _Row(_Key, rename="camel", gc=False):
    id: Integer = None
    time: Time = None
    price: Raw = _NULL
    qty: Raw = _NULL
    quote_qty: Raw = _NULL
    base_qty: Raw = _NULL
    realized_pnl: Raw = _NULL
    commission: Raw = _NULL
    commission_asset: Text = None
    margin_asset: Text = None
    buyer: Boolean = None
    maker: Boolean = None

    @property
    def decimals(self) -> dict[str, Raw]:
        required = {"price": self.price, "qty": self.qty}
        worth = {"quoteQty": self.quote_qty, "baseQty": self.base_qty, "realizedPnl": self.realized_pnl}
        return required | worth | {"commission": self.commission}


_key = msgspec.json.Decoder(_Key)
_row = msgspec.json.Decoder(_Row)


def question(records: Records, request: FillRequest) -> Question[FillPage]:
    """Both times are sent in any case: without them the exchange shows the recent 7 days, also of an order."""
    start, end = request.window.wire()
    parameters: dict[str, str | int] = {"symbol": request.symbol, "startTime": start, "endTime": end}
    if request.is_by_order_id:
        parameters["orderId"] = request.orders[0].order_id
    parameters["limit"] = records.greatest_limit
    keys = frozenset(order.key for order in request.orders)
    return Question(records.endpoint, parameters, partial(read_fills, keys))


def read_fills(keys: Collection[Key], body: bytes, received_at: int) -> FillPage:
    """The page in a 200's body; `received_at` is the exchange's clock, epoch milliseconds.

    Only rows of these orders are kept, and rows that do not show whose they are: the others are the owner's own trades.
    Raises TransientError where the body is not JSON (it may be cut off), ContractError where it is not an array.
    """
    rows = elements(body)
    own = [row for row in map(bytes, rows) if _is_of(keys, row)]
    read = [read_fill(row, received_at) for row in own]
    fills = tuple(row for row in read if isinstance(row, Fill))
    return FillPage(fills, tuple(row for row in read if isinstance(row, Reject)), len(rows))


def read_fill(raw: bytes, received_at: int) -> Fill | Reject:
    """A fill, or why the row is rejected."""
    decoded = decode(raw, _row, _EXPECTED)
    if isinstance(decoded, Reject):
        return decoded
    text, row = decoded
    if reason := _reason_to_reject(row, received_at):
        return Reject(text, reason, is_json=True)
    return Fill(row.symbol or "", int(row.order_id or 0), int(row.id or 0), int(row.time or 0), text)


def _is_of(keys: Collection[Key], raw: bytes) -> bool:
    """Whether a row is or may be a fill of one of these orders."""
    try:
        key = _key.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True
    return not key.symbol or key.order_id is None or (key.symbol, int(key.order_id)) in keys


def _reason_to_reject(row: _Row, received_at: int) -> str | None:
    if not row.symbol or row.order_id is None or row.id is None or row.time is None:
        return "symbol, orderId, id or time is missing"
    if not is_bigint(row.order_id) or not is_bigint(row.id):
        return "orderId or id is not an integer"
    if int(row.time) > received_at + CLOCK_MARGIN:
        return "time is more than a day later than the row was received"
    for name, value in row.decimals.items():
        if not DECIMAL.fullmatch(value):
            return f"{name} is not a decimal"
    return "price or qty is missing" if b"null" in (bytes(row.price), bytes(row.qty)) else None
