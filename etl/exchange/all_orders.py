"""The list of all orders of an account in a market, its own ones too: its parameters. Rows are as in force orders."""

import msgspec

from etl.core.hints import Hint
from etl.core.markets.market import Records
from etl.core.orders import CloseType, close_type_of
from etl.core.paging import Page, PageRequest
from etl.core.timeline import Window
from etl.errors import ContractError
from etl.exchange.pages import read_page
from etl.exchange.question import Question


class _Listed(msgspec.Struct, rename="camel", gc=False):
    """What a hint needs of a row."""

    time: int
    client_order_id: str = ""


_listed = msgspec.json.Decoder(list[_Listed])


def question(records: Records, request: PageRequest) -> Question[Page]:
    """Of a window, with a symbol where the request names one."""
    start, end = request.window.wire()
    parameters: dict[str, str | int] = {"startTime": start, "endTime": end, "limit": request.limit}
    if request.symbol is not None:
        parameters["symbol"] = request.symbol
    return Question(records.endpoint, parameters, read_page)


def hint_question(records: Records, window: Window) -> Question[Hint]:
    """The times of the forced orders of a window. Of a list that is cut the newest rows remain (documented)."""
    start, end = window.wire()

    def read(body: bytes, received_at: int) -> Hint:
        try:
            rows = _listed.decode(body)
        except (msgspec.DecodeError, RecursionError):
            raise ContractError("the exchange answered with a list of orders that gives no hint") from None
        since = min(row.time for row in rows) if len(rows) >= records.greatest_limit else window.start
        return Hint(since, [r.time for r in rows if close_type_of(r.client_order_id) is not CloseType.UNKNOWN])

    parameters = {"startTime": start, "endTime": end, "limit": records.greatest_limit}
    return Question(records.endpoint, parameters, read)
