"""A file held against the API: where they agree, where they do not, and what says nothing."""

from decimal import Decimal
from typing import Any

from etl.core.archive.comparison import Comparison, compare
from etl.core.archive.reading import read_file
from etl.core.archive.rows import ArchivedOrder
from etl.core.orders import FIELDS, FieldType
from etl.core.timeline import to_datetime
from tests.archives import cells, text
from tests.documented import ROW

NOON = 1_700_000_000_000
FORCED = ROW | {"time": NOON + 123, "updateTime": NOON + 1_456}
KEY = (str(ROW["symbol"]), int(ROW["orderId"]))


def archived(**changes: str) -> ArchivedOrder:
    (order,) = read_file(text([cells(FORCED, **changes)]).splitlines(keepends=True)).orders.values()
    return order


def of_api(**changes: Any) -> dict[str, Any]:
    columns = {
        field.column: Decimal(str(FORCED[field.wire])) if field.type is FieldType.DECIMAL else FORCED[field.wire]
        for field in FIELDS
        if field.wire in FORCED
    }
    times = {"order_time": to_datetime(NOON + 123), "update_time": to_datetime(NOON + 1_456)}
    return dict.fromkeys(field.column for field in FIELDS) | columns | times | changes


def judged(order: ArchivedOrder | None, known: dict[str, Any] | None, *, shared: bool = True) -> Comparison:
    return compare([order] if order else [], {KEY: known} if known else {}, {KEY: shared})


def test_the_same_order_agrees_in_every_field_that_the_file_has() -> None:
    found = judged(archived(), of_api())
    assert (found.agreed, found.disagreed) == (1, [])
    assert found.line == "agrees with the API on 1 of 1 orders of the time that both cover"


def test_decimals_agree_by_value() -> None:
    assert judged(archived(**{"Average Price": "10913.21"}), of_api()).agreed == 1


def test_a_different_field_is_named_with_both_values() -> None:
    found = judged(archived(Side="BUY", Amount="7"), of_api())
    assert found.disagreed == [f"{KEY[0]} {KEY[1]}: side is BUY and not SELL, origQty is 7 and not {ROW['origQty']}"]


def test_other_seconds_are_a_difference() -> None:
    (line,) = judged(archived(**{"Time(UTC)": "2023-11-14 22:13:19"}), of_api()).disagreed
    assert "time is 2023-11-14T22:13:19Z and not 2023-11-14T22:13:20Z" in line


def test_an_earlier_version_than_the_apis_says_nothing() -> None:
    assert judged(archived(Status="NEW"), of_api(update_time=to_datetime(NOON + 9_000))).agreed == 1


def test_an_order_that_only_the_file_has_is_a_disagreement_where_the_api_proved_its_time() -> None:
    assert judged(archived(), None).disagreed == [f"{KEY[0]} {KEY[1]} of 2023-11-14T22:13:20Z: the API did not show it"]
    assert judged(archived(), None, shared=False).disagreed == []


def test_an_order_that_only_the_api_has_shows_that_the_file_is_not_whole() -> None:
    found = judged(None, of_api())
    assert (found.lacking, len(found.disagreed)) == (1, 1)
    assert judged(None, of_api(), shared=False).disagreed == []


def test_an_order_without_a_fill_may_be_missing_from_the_file() -> None:
    found = judged(None, of_api(executed_qty=Decimal(0)))
    assert (found.lacking, found.unfilled, found.disagreed) == (0, 1, [])


def test_a_settlement_that_the_api_does_not_show_is_no_disagreement() -> None:
    found = judged(archived(**{"Client Order Id": "settlement_autoclose-1"}), None)
    assert (found.settlements, found.disagreed) == (1, [])
    assert "1 settlement in the file alone" in found.line
