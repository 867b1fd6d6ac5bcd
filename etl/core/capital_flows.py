"""Capital flows: the only trace of a liquidation that leaves no order, as Portfolio Margin has them.

Source: the page "Query Cross Isolated Margin Capital Flow", and the note of 2026-10 on the margin force orders of
Portfolio Margin. Every type is asked for in one request, and the liquidations are picked out here. So the proof needs
neither the exchange's filter nor a complete list of types, and a quiet window costs 100 weight instead of 500.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from etl.core.markets import pm_margin
from etl.core.markets.apis import SAPI
from etl.core.markets.market import Endpoint, Records
from etl.core.orders import CloseType, Order, Reject
from etl.core.records import RecordPage

FLOWS = Records(Endpoint(SAPI, "/sapi/v1/margin/capital-flow", 100), greatest_limit=1_000, default_limit=500)
"""The limits are documented. Its answer for a time that it no longer keeps may be an empty list."""

OF_MARKET = pm_margin.MARKET.name
"""The flows of an account are read where this market is, and belong to it."""

QUARANTINE = "capital-flow"
"""The column `market` of `quarantined_orders` for a row of this endpoint. It casts no doubt on the orders of a day."""


class Flow(NamedTuple):
    """One checked row. `time` is in epoch milliseconds, `raw` the row's JSON text as received."""

    flow_id: int
    time: int
    type: str
    raw: str

    @property
    def is_liquidation(self) -> bool:
        """Whether it is of a type such as SELL_LIQUIDATION or LIQUIDATION_FEE, also of one that is new."""
        return is_liquidation(self.type)


def is_liquidation(flow_type: str) -> bool:
    return "LIQUIDATION" in flow_type


FlowPage: TypeAlias = RecordPage[Flow]
"""One response, with the liquidations among its flows."""


def flow_page(flows: Sequence[Flow], rejects: Sequence[Reject], received_at: int, size: int) -> FlowPage:
    """`received_at`: the exchange's clock, epoch milliseconds. `size`: bytes of the response's body."""
    rows = tuple(Order("", one.flow_id, one.time, one.time, CloseType.UNKNOWN, one.raw) for one in flows)
    liquidations = tuple(flow for flow in flows if flow.is_liquidation)
    return RecordPage(rows, tuple(rejects), received_at, size, records=liquidations)
