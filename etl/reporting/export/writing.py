"""Writes orders to a file as it is encoded, and tells what came of it."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import BinaryIO, NamedTuple

from etl.reporting.export.content import Chunk, Content, Encoder


class Written(NamedTuple):
    """A file that was written."""

    orders: int = 0
    size: int = 0
    """In bytes."""
    sha256: str = ""


def write_orders(content: Content, encode: Encoder, out: BinaryIO) -> Written:
    """Write the orders to `out`. Raises StoreError as the chunks do, and OutputError as `encode` does."""
    digest, orders, size = hashlib.sha256(), 0, 0

    def counted(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        nonlocal orders
        for chunk in chunks:
            orders += len(chunk)
            yield chunk

    with closing(encode(replace(content, chunks=counted(content.chunks)))) as pieces:
        for piece in pieces:
            out.write(piece)
            digest.update(piece)
            size += len(piece)
    return Written(orders, size, digest.hexdigest())
