"""What a file of orders holds, and what turns it into bytes."""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from etl.reporting.export.columns import Columns

Chunk = Sequence[Any]
"""Rows: the values of the chosen columns, and behind them what else the export needs."""


@dataclass(frozen=True)
class Content:
    """The orders of a file."""

    columns: Columns
    chunks: Iterable[Chunk]
    provenance: str = ""
    """What a format that has a place for it says of the orders, as JSON."""


Encoder = Callable[[Content], Generator[bytes, None, None]]
"""From the content to the pieces of a file. The file is complete only once the generator is exhausted."""
