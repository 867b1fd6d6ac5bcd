"""The partitions of a lake, and which decimals Excel holds."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.timeline import DAY, Window, to_millis
from etl.errors import ConfigError
from etl.reporting.export.partitions import Partition, by_partition, check_bounds, left_alone, left_alone_line
from etl.reporting.export.xlsx import MAX_ORDERS, is_exact, too_many

moments = st.datetimes(datetime(1970, 1, 2), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
partitions = st.sampled_from([*Partition])


class Order(NamedTuple):
    order_time: datetime


@given(moments, partitions)
def test_an_instant_lies_in_its_partition_and_the_next_one_begins_where_it_ends(
    moment: datetime, partition: Partition
) -> None:
    window = partition.window(moment)
    assert window.contains(to_millis(moment))
    assert partition.is_name(partition.directory(moment))
    following = moment + timedelta(milliseconds=window.end - to_millis(moment))
    assert partition.window(following).start == window.end
    check_bounds(partition, window.start, window.end, now=0)


@given(moments, partitions, st.integers(1, DAY - 1))
def test_a_span_that_ends_within_a_partition_is_refused_but_for_now(
    moment: datetime, partition: Partition, off: int
) -> None:
    window = partition.window(moment)
    with pytest.raises(ConfigError, match=f"--since: .* whole {partition}s"):
        check_bounds(partition, window.start + off, None, now=0)
    with pytest.raises(ConfigError, match="--until: "):
        check_bounds(partition, None, window.start + off, now=0)
    check_bounds(partition, None, window.start + off, now=window.start + off)


def test_a_directory_is_named_as_hive_names_it() -> None:
    moment = datetime(2026, 9, 1, 23, 59, tzinfo=UTC)
    assert [partition.directory(moment) for partition in Partition] == ["day=2026-09-01", "month=2026-09"]
    assert Partition.DAY.directory(datetime(987, 1, 2, tzinfo=UTC)) == "day=0987-01-02"


@given(st.lists(moments, max_size=40), partitions, st.integers(1, 7), st.integers(1, 7))
def test_orders_that_come_by_partition_are_divided_and_none_is_lost(
    times: list[datetime], partition: Partition, rows: int, given_rows: int
) -> None:
    orders = [Order(moment) for moment in sorted(times)]
    chunks = [orders[place : place + given_rows] for place in range(0, len(orders), given_rows)]
    found = [(begin, [list(chunk) for chunk in own]) for begin, own in by_partition(chunks, partition, rows)]
    assert [begin for begin, _ in found] == sorted({partition.begin(moment) for moment in times})
    assert [order for _, own in found for chunk in own for order in chunk] == orders
    for begin, own in found:
        assert all(0 < len(chunk) <= rows for chunk in own)
        assert {partition.begin(order.order_time) for chunk in own for order in chunk} == {begin}


def test_partitions_of_the_span_that_were_not_written_are_left_alone_and_named() -> None:
    found = ["day=2026-09-01", "day=2026-09-02", "day=2026-09-03", "day=../x", "day=2026-9-2", "month=2026-09"]
    span = Window(to_millis(datetime(2026, 9, 2, tzinfo=UTC)), to_millis(datetime(2026, 9, 4, tzinfo=UTC)))
    assert left_alone(found, {"day=2026-09-03"}, Partition.DAY, span) == ["day=2026-09-02"]
    names = [f"day=2026-09-{day:02}" for day in range(1, 9)]
    assert ": day=2026-09-01, day=2026-09-02, day=2026-09-03, day=2026-09-04, day=2026-09-05 and 3 more;" in (
        left_alone_line("lake", names)
    )


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(-20, 20))
def test_a_double_gives_back_every_decimal_that_is_written_as_a_number(digits: int, exponent: int) -> None:
    value = Decimal(digits).scaleb(exponent)
    assert is_exact(value)
    assert Decimal(f"{float(value):.15g}") == value


@pytest.mark.parametrize("text", ["1234567890123456", "0.1234567890123456", "1e301", "1e-301", "NaN", "Infinity"])
def test_a_decimal_that_a_double_would_round_is_none(text: str) -> None:
    assert not is_exact(Decimal(text))


def test_a_sheet_is_full_with_a_header_and_1048575_orders() -> None:
    assert too_many(MAX_ORDERS) is None
    assert "1,048,576 orders do not fit" in (too_many(MAX_ORDERS + 1) or "")
