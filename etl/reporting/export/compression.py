"""Compresses a file. It holds neither a name nor a time, so that the same orders are the same bytes."""

import sys
import zlib
from collections.abc import Generator
from typing import Any

from etl.errors import ConfigError
from etl.reporting.export.content import Content, Encoder

GZIP_WBITS = 16 + zlib.MAX_WBITS
"""zlib's word for the format of gzip."""


def gzipped(encode: Encoder) -> Encoder:
    """The same file as gzip."""
    return lambda content: _packed(encode, content, zlib.compressobj(wbits=GZIP_WBITS))


def zstandard(encode: Encoder) -> Encoder:
    """The same file as Zstandard. Raises ConfigError without a library for it."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError:
        raise ConfigError("Zstandard needs backports.zstd: pip install 'force-orders-etl[zstd]'") from None
    return lambda content: _packed(encode, content, zstd.ZstdCompressor())


def _packed(encode: Encoder, content: Content, pack: Any) -> Generator[bytes, None, None]:
    for piece in encode(content):
        yield pack.compress(piece)
    yield pack.flush()
