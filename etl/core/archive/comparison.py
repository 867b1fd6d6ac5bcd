"""The calibration: orders of a file held against what the API said of the same time. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from etl.core.archive.rows import ArchivedOrder
from etl.core.orders import FIELDS, CloseType, FieldType, Key
from etl.core.text import many
from etl.core.timeline import SECOND, iso, to_millis

ApiOrder = Mapping[str, Any]
"""The columns of a row of `force_orders` that the API answered with, by name."""

_COMPARED = {
    field.wire: field
    for field in FIELDS
    if field.wire not in ("symbol", "orderId", "reduceOnly", "closePosition", "workingType", "origType")
}


@dataclass
class Comparison:
    """What a file and the API say of the time that both cover."""

    is_covered: bool = False
    """Whether there is such a time."""
    agreed: int = 0
    disagreed: list[str] = field(default_factory=list)
    """A line for each order on which they disagree."""
    unfilled: int = 0
    """Orders of the API without a fill that the file lacks, as it may."""
    settlements: int = 0
    """Settlements of the file that the API did not show: whether its list has them is not documented."""
    lacking: int = 0
    """Filled orders of the API that the file lacks: it does not hold all of its span."""

    @property
    def line(self) -> str:
        if not self.is_covered:
            return "nothing of its span is proven by the API, so it was compared with nothing"
        compared = self.agreed + len(self.disagreed)
        more = f"; {self.unfilled} without a fill stand in the API's answers alone" if self.unfilled else ""
        more += f"; {many(self.settlements, 'settlement')} in the file alone" if self.settlements else ""
        return f"agrees with the API on {self.agreed} of {compared} orders of the time that both cover{more}"


def compare(orders: Iterable[ArchivedOrder], of_api: Mapping[Key, ApiOrder], shared: Mapping[Key, bool]) -> Comparison:
    """Hold the orders of a file against those of the API.

    `of_api`: every stored order of the API that the file has, or that the file should have. `shared`: for each key of
    either side, whether its order lies in the time that both cover.
    """
    found = Comparison(is_covered=True)
    in_file = {order.key: order for order in orders}
    for key in sorted(in_file.keys() | of_api.keys()):
        order, known = in_file.get(key), of_api.get(key)
        name = f"{key[0]} {key[1]}"
        if order is not None and known is not None:
            differing = _differing(order, known)
            if differing:
                found.disagreed.append(f"{name}: {', '.join(differing)}")
            else:
                found.agreed += 1
        elif not shared.get(key):
            continue
        elif order is not None and order.close_type is CloseType.SETTLEMENT:
            found.settlements += 1
        elif order is not None:
            found.disagreed.append(f"{name} of {iso(order.order_time)}: the API did not show it")
        elif known is not None and not known["executed_qty"]:
            found.unfilled += 1
        else:
            found.disagreed.append(f"{name}: the file lacks it")
            found.lacking += 1
    return found


def _differing(order: ArchivedOrder, known: ApiOrder) -> Sequence[str]:
    """How they differ, a phrase for each field. An earlier version than the API's says nothing."""
    updated = _second(known["update_time"])
    if order.update_time < updated:
        return ()
    differing = [
        f"{wire} is {value} and not {known[of.column]}"
        for wire, of in _COMPARED.items()
        if (value := order.fields.get(wire)) is not None
        and known[of.column] is not None
        and not _is_same(of.type, value, known[of.column])
    ]
    times = (("time", order.order_time, _second(known["order_time"])), ("updateTime", order.update_time, updated))
    return [*differing, *(f"{name} is {iso(at)} and not {iso(of)}" for name, at, of in times if at != of)]


def _is_same(kind: FieldType, in_file: str, known: object) -> bool:
    return Decimal(in_file) == known if kind is FieldType.DECIMAL else in_file == known


def _second(moment: Any) -> int:
    return to_millis(moment) // SECOND * SECOND
