"""Capital flows: the only trace of a liquidation that leaves no order, as Portfolio Margin has them.

Source: the page "Query Cross Isolated Margin Capital Flow", and the note of 2026-10 on the margin force orders of
Portfolio Margin. Every type is asked for in one request, and the liquidations are picked out here. So the proof needs
neither the exchange's filter nor a complete list of types, and a quiet window costs 100 weight instead of 500.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from etl.core.markets import pm_margin
from etl.core.markets.apis import SAPI
from etl.core.markets.market import Endpoint, Weights
from etl.core.orders import CloseType, Order, Reject
from etl.core.paging import Page
from etl.core.timeline import DAY

ENDPOINT = Endpoint(SAPI, "/sapi/v1/margin/capital-flow", 100)

WEIGHTS = Weights(by_symbol=ENDPOINT.weight, of_all=ENDPOINT.weight)

OF_MARKET = pm_margin.MARKET.name
"""The flows of an account are read where this market is, and belong to it."""

QUARANTINE = "capital-flow"
"""The column `market` of `quarantined_orders` for a row of this endpoint. It casts no doubt on the orders of a day."""

GREATEST_LIMIT = 1_000
"""The most rows on a page (documented)."""

DEFAULT_LIMIT = 500
"""Rows on a page if the request names no limit (documented)."""

KEPT = 90 * DAY
"""What the exchange promises to keep, milliseconds. Its answer for older times may be an empty list."""

REREAD = DAY
"""How far behind the newest proof a nightly run reads again, milliseconds. A flow may appear late; it never changes."""


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


@dataclass(frozen=True, slots=True)
class FlowPage(Page):
    """One response. To the walk each flow is a row with a key and a time, as an order is; `orders` shows it so."""

    flows: tuple[Flow, ...] = ()

    @property
    def liquidations(self) -> list[Flow]:
        return [flow for flow in self.flows if flow.is_liquidation]


def flow_page(flows: Sequence[Flow], rejects: Sequence[Reject], received_at: int, size: int) -> FlowPage:
    """`received_at`: the exchange's clock, epoch milliseconds. `size`: bytes of the response's body."""
    rows = tuple(Order("", one.flow_id, one.time, one.time, CloseType.UNKNOWN, one.raw) for one in flows)
    return FlowPage(rows, tuple(rejects), received_at, size, flows=tuple(flows))
