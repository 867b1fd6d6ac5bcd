"""The endpoints of income: the parameters of a request, and the rows of its answer."""

import re
from decimal import Decimal
from functools import partial

import msgspec
from msgspec import Raw

from etl.core.income import Income, IncomePage, income_page
from etl.core.markets.market import Records
from etl.core.orders import FieldType, Reject
from etl.core.paging import PageRequest
from etl.exchange.pages import elements
from etl.exchange.question import Question
from etl.exchange.row_types import (
    CLOCK_MARGIN,
    DECIMAL,
    LONGEST_NAME,
    TIME_NAME,
    TYPE_NAMES,
    Integer,
    Text,
    Time,
    decode,
    is_bigint,
)

_EXPECTED = {
    **dict.fromkeys(("asset", "symbol", "incomeType"), TYPE_NAMES[FieldType.TEXT]),
    "tranId": TYPE_NAMES[FieldType.INTEGER],
    "tradeId": "text or an integer",
    "time": TIME_NAME,
}
_NULL = b"null"
_DIGITS = re.compile(r"[0-9]{1,19}")


class _Row(msgspec.Struct, rename="camel", gc=False):
    income_type: Text = None
    tran_id: Integer = None
    time: Time = None
    asset: Text = None
    income: Raw = Raw(_NULL)
    symbol: Text = None
    trade_id: int | str | None = None


_row = msgspec.json.Decoder(_Row)


def question(listed: Records, income_type: str, request: PageRequest) -> Question[IncomePage]:
    start, end = request.window.wire()
    parameters: dict[str, str | int] = {
        "incomeType": income_type,
        "startTime": start,
        "endTime": end,
        "limit": request.limit,
    }
    return Question(listed.endpoint, parameters, partial(read_income, income_type))


def read_income(income_type: str, body: bytes, received_at: int) -> IncomePage:
    """The page in a 200's body; `received_at` is the exchange's clock, epoch milliseconds.

    Raises TransientError where the body is not JSON (it may be cut off), ContractError where it is not an array.
    """
    rows = [read_row(bytes(row), received_at) for row in elements(body)]
    income = [row for row in rows if isinstance(row, Income)]
    return income_page(income_type, income, [row for row in rows if isinstance(row, Reject)], received_at, len(body))


def read_row(raw: bytes, received_at: int) -> Income | Reject:
    """A row of income, or why it is rejected."""
    decoded = decode(raw, _row, _EXPECTED)
    if isinstance(decoded, Reject):
        return decoded
    text, row = decoded
    if reason := _reason_to_reject(row, received_at):
        return Reject(text, reason, is_json=True)
    return Income(
        row.income_type or "",
        int(row.tran_id or 0),
        int(row.time or 0),
        row.asset or "",
        Decimal(str(row.income, "ascii").strip('"')),
        row.symbol or "",
        _number(row.trade_id),
        text,
    )


def _reason_to_reject(row: _Row, received_at: int) -> str | None:
    if row.tran_id is None or row.time is None or not row.income_type:
        return "tranId, time or incomeType is missing"
    if not is_bigint(row.tran_id):
        return "tranId is not an integer"
    if int(row.time) > received_at + CLOCK_MARGIN:
        return "time is more than a day later than the row was received"
    if not row.asset or bytes(row.income) == _NULL:
        return "asset or income is missing"
    for key, name in (("asset", row.asset), ("symbol", row.symbol or "")):
        if len(name) > LONGEST_NAME:
            return f"{key} has more than {LONGEST_NAME} characters"
    return None if DECIMAL.fullmatch(row.income) else "income is not a decimal"


def _number(trade_id: int | str | None) -> int | None:
    """The exchange writes it as text, empty where there is none. What is no number stays in `raw` only."""
    written = "" if trade_id is None else str(trade_id)
    return int(written) if _DIGITS.fullmatch(written) and is_bigint(written) else None
