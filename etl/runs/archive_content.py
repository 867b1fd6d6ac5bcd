"""Opens an archive file: ZIP, gzip or bare CSV, by its first bytes. Reads it line by line, however large it expands."""

import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from typing import IO, NamedTuple, cast

from etl.core.archive.reading import LONGEST_LINE
from etl.errors import ArchiveError

LARGEST_TEXT = 4 << 30
"""Bytes of a file when it is expanded, about 20 million orders: what expands further is refused."""

_LONGEST = 4 * LONGEST_LINE + 1
"""Bytes of a line of the most characters, and one more."""

_ZIP, _GZIP = b"PK", b"\x1f\x8b"

_CUT = "the file is cut off or damaged; copy or download it again"
_UNUSUAL = "the ZIP file is compressed in an unusual way; unpack it and import the CSV file"


class Original(NamedTuple):
    """The bytes of a file as received."""

    sha256: str
    size: int


def original_of(path: Path) -> Original:
    """Raises ArchiveError where the file cannot be read."""
    try:
        with path.open("rb") as file:
            return Original(file_digest(file, "sha256").hexdigest(), path.stat().st_size)
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be read: {error.strerror}") from None


@contextmanager
def opened(path: Path, largest: int = LARGEST_TEXT) -> Iterator[tuple[Iterator[str], bool]]:
    """The lines of a file with their ends, and whether its container vouches for its length.

    Reading the lines raises ValueError with one line, which does not name the file.
    """
    try:
        with path.open("rb") as file:
            start = file.read(2)
            file.seek(0)
            if start == _ZIP:
                with zipfile.ZipFile(file) as archive, _only_file_of(archive) as content:
                    yield _lines(content, largest), True
            elif start == _GZIP:
                with gzip.open(file) as unpacked:
                    yield _lines(cast(IO[bytes], unpacked), largest), True
            else:
                yield _lines(file, largest), False
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from None
    except zipfile.BadZipFile:
        raise ValueError(_CUT) from None
    except NotImplementedError:  # of the directory, of a method of compression, or of its parameters
        raise ValueError(_UNUSUAL) from None


@contextmanager
def _only_file_of(archive: zipfile.ZipFile) -> Iterator[IO[bytes]]:
    names = [entry for entry in archive.infolist() if not entry.is_dir()]
    if any(entry.filename == "[Content_Types].xml" for entry in names):
        raise ValueError("this is a workbook of a spreadsheet; import the CSV file as the exchange gave it")
    if len(names) != 1:
        raise ValueError(f"the ZIP file holds {len(names)} files instead of one; unpack it and import each")
    if names[0].flag_bits & 1:
        raise ValueError("the ZIP file has a password; unpack it and import the CSV file")
    with archive.open(names[0]) as content:
        yield content


def _lines(content: IO[bytes], largest: int) -> Iterator[str]:
    size = 0
    try:
        while line := content.readline(_LONGEST):
            size += len(line)
            if size > largest:
                raise ValueError(f"the file expands to more than {largest >> 30} GiB: this is no order file")
            yield line.decode()
    except UnicodeDecodeError:
        raise ValueError("the file is no UTF-8 text; import it as the exchange gave it") from None
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError):
        raise ValueError(_CUT) from None
