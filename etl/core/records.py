"""Records of an account beside its orders, such as capital flows and income: what every list of them has in common."""

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from etl.core.markets.market import Records, Weights
from etl.core.page_limits import PageLimits
from etl.core.paging import Page
from etl.core.planning import Rules
from etl.core.timeline import DAY

Record = TypeVar("Record")

REREAD = 5 * DAY
"""How far behind the newest proof a nightly run reads again, milliseconds: a record may appear late. With the day since
the last night it still fits into one request."""


@dataclass(frozen=True, slots=True)
class RecordPage(Page, Generic[Record]):
    """One response. To the walk each row is something with a key and a time, as an order is; `orders` shows it so."""

    records: tuple[Record, ...] = ()
    """The rows that are to be stored."""


def rules_of(listed: Records, rules: Rules) -> Rules:
    """The planning rules of a list, from those of the orders."""
    return replace(
        rules,
        keeps=listed.keeps if rules.keeps is None else min(rules.keeps, listed.keeps),
        widest=min(rules.widest, listed.widest),
        reread=min(rules.reread, REREAD),
        weights=Weights(listed.endpoint.weight, listed.endpoint.weight),
    )


def page_limits(listed: Records) -> PageLimits:
    """For one run: each page is asked for with the most rows that the list gives."""
    return PageLimits(listed.greatest_limit, listed.default_limit)
