"""The list of all orders of an account in a market, its own ones too: its parameters. Rows are as in force orders."""

from etl.core.markets.market import Records
from etl.core.paging import Page, PageRequest
from etl.exchange.pages import read_page
from etl.exchange.question import Question


def question(records: Records, request: PageRequest) -> Question[Page]:
    """Of a window, with a symbol where the request names one."""
    start, end = request.window.wire()
    parameters: dict[str, str | int] = {"startTime": start, "endTime": end, "limit": request.limit}
    if request.symbol is not None:
        parameters["symbol"] = request.symbol
    return Question(records.endpoint, parameters, read_page)
