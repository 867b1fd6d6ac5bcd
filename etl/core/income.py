"""Income: what changed the balance of an account in a market, by type. A liquidation leaves its clearance fee here.

Source: the page "Get Income History". Each type is asked for by itself, because the others are many and belong to the
fills. A server that ignores the type shows all of them; then its rows of this type are whole like the page. A page with
rows of other types only answers another question and proves nothing.
"""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from etl.core.orders import CloseType, Order, Reject
from etl.core.records import RecordPage

_QUARANTINE = "income-"


class Income(NamedTuple):
    """One checked row. `time` is in epoch milliseconds, `raw` the row's JSON text as received.

    `symbol` is empty where the exchange names none. `trade_id` is None where it is no number.
    """

    income_type: str
    tran_id: int
    time: int
    asset: str
    amount: Decimal
    symbol: str
    trade_id: int | None
    raw: str
    copy: int = 0
    """The number of such a row among those of its page that are equal, from 0; always 0 where it has an id."""

    @property
    def key(self) -> tuple[object, ...]:
        """Identifies the row within an account and market.

        An id is unique within its type (documented), but 0 is none (observed): such a row is all that it says.
        """
        own = (self.time, self.asset, self.amount, self.symbol, self.trade_id, self.copy)
        return (self.income_type, self.tran_id, *(() if self.tran_id else own))


IncomePage: TypeAlias = RecordPage[Income]
"""One response, with its rows of the type that was asked for."""


def income_page(
    income_type: str, rows: Sequence[Income], rejects: Sequence[Reject], received_at: int, size: int
) -> IncomePage:
    """`received_at`: the exchange's clock, epoch milliseconds. `size`: bytes of the response's body.

    To the walk the type of a row is what a symbol is of an order, so that it sees which rows were not asked for.
    """
    numbered = number_copies(rows)
    orders = tuple(
        Order(one.income_type, hash(one.key), one.time, one.time, CloseType.UNKNOWN, one.raw) for one in numbered
    )
    own = tuple(one for one in numbered if one.income_type == income_type)
    return RecordPage(orders, tuple(rejects), received_at, size, records=own)


def number_copies(rows: Sequence[Income]) -> list[Income]:
    """The rows of a page, those without id numbered where they are equal.

    Equal rows have one time, and a window is never cut within a millisecond. So a page shows all of them or is full,
    and each page that shows all numbers them alike.
    """
    seen: Counter[tuple[object, ...]] = Counter()
    numbered: list[Income] = []
    for row in rows:
        numbered.append(row if row.tran_id else row._replace(copy=seen[row.key]))
        seen[row.key] += 1
    return numbered


def quarantine_of(market: str) -> str:
    """The column `market` of `quarantined_orders` for a row of a market's income. It casts no doubt on any order."""
    return f"{_QUARANTINE}{market}"


def market_of(quarantine: str) -> str | None:
    """The market of whose income a quarantined row is; None: it is something else."""
    return quarantine.removeprefix(_QUARANTINE) if quarantine.startswith(_QUARANTINE) else None
