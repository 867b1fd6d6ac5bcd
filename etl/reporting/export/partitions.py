"""Partitions of a lake: a directory for each day or month of UTC, named as Hive names them. Pure."""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import chain, groupby, islice
from typing import Any

from etl.core.timeline import Window, iso, to_datetime, to_millis
from etl.errors import ConfigError
from etl.reporting.export.content import Chunk

FILE_STEM = "part-0"
NAMES_LISTED = 5


class Partition(StrEnum):
    """How long a partition is."""

    DAY = "day"
    MONTH = "month"

    def begin(self, moment: datetime) -> datetime:
        """The beginning of the partition in which an instant lies."""
        day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return day if self is Partition.DAY else day.replace(day=1)

    def window(self, moment: datetime) -> Window:
        """The partition in which an instant lies."""
        begin = self.begin(moment)
        longer_than_one = begin + timedelta(days=1 if self is Partition.DAY else 31)
        return Window(to_millis(begin), to_millis(self.begin(longer_than_one)))

    def directory(self, moment: datetime) -> str:
        """The directory of the partition in which an instant lies: day=2026-09-01, month=2026-09."""
        begin = self.begin(moment).date().isoformat()
        return f"{self.value}={begin if self is Partition.DAY else begin[:7]}"

    def is_name(self, name: str) -> bool:
        """Whether a directory is one of these partitions."""
        key, _, value = name.partition("=")
        try:
            found = date.fromisoformat(value if self is Partition.DAY else f"{value}-01")
        except ValueError:
            return False
        return key == self.value and name == self.directory(datetime(found.year, found.month, found.day, tzinfo=UTC))


def check_bounds(partition: Partition, since: int | None, until: int | None, now: int) -> None:
    """Raise ConfigError for a span that ends within a partition: its file would lose the rest of the orders.

    Epoch milliseconds; None: no bound. The partition of `now` has no more than what there is until now.
    """
    for name, instant in (("--since", since), ("--until", until)):
        if instant is None or instant == now:
            continue
        if to_millis(partition.begin(to_datetime(instant))) != instant:
            raise ConfigError(
                f"{name}: {iso(instant)} lies within a {partition} of UTC, and its file would lose the rest of it; "
                f"begin and end with whole {partition}s"
            )


def by_partition(
    chunks: Iterable[Chunk], partition: Partition, rows: int
) -> Iterator[tuple[datetime, Iterator[Chunk]]]:
    """Orders that come by partition, as chunks of at most `rows` for each of them, with its beginning.

    The chunks of one must be taken before the next.
    """
    orders = chain.from_iterable(chunks)
    for begin, own in groupby(orders, key=lambda order: partition.begin(order.order_time)):
        yield begin, _chunked(own, rows)


def left_alone(found: Iterable[str], written: Collection[str], partition: Partition, chosen: Window) -> list[str]:
    """Of the directories found, the partitions of a span that were not written, sorted."""
    first, last = partition.directory(to_datetime(chosen.start)), partition.directory(to_datetime(chosen.end - 1))
    return sorted(name for name in found if partition.is_name(name) and first <= name <= last and name not in written)


def left_alone_line(out: str, names: Collection[str]) -> str:
    """What to say of such partitions."""
    listed = ", ".join(sorted(names)[:NAMES_LISTED])
    more = f" and {len(names) - NAMES_LISTED} more" if len(names) > NAMES_LISTED else ""
    return f"{out} keeps files of partitions in which no order is any more: {listed}{more}; remove them if you want"


def _chunked(rows: Iterable[Any], size: int) -> Iterator[Chunk]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, size)):
        yield chunk
