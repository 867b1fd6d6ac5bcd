"""Metrics of the machine that the program runs on: its disk, and how far its clock is from the exchange's."""

import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from prometheus_client.core import Metric

from etl.core.timeline import SECOND
from etl.file_access import data_places
from etl.monitoring.gauge import gauge
from etl.settings.model import Settings


def directories(settings: Settings) -> list[Path]:
    """Where the program writes: its data, those of the embedded Postgres, and backups where every night makes one."""
    return [*data_places(settings.data_dir), *([settings.backup_dir] if settings.backup_dir else [])]


def disk_families(directories: Collection[Path]) -> Iterator[Metric]:
    """The free space of those directories that are there."""
    there = [path for path in directories if path.is_dir()]
    yield gauge(
        "disk_free_bytes",
        "Free space of the disk that holds a directory in use.",
        ("directory",),
        (((str(path),), shutil.disk_usage(path).free) for path in there),
    )


def clock_families(machine_is_ahead: int | None) -> Iterator[Metric]:
    """`machine_is_ahead`: as `ExchangeClock.machine_is_ahead`; no sample before the exchange's clock was read."""
    samples = [] if machine_is_ahead is None else [((), -machine_is_ahead / SECOND)]
    yield gauge(
        "exchange_clock_offset_seconds", "How far the exchange's clock is ahead of this machine's.", (), samples
    )
