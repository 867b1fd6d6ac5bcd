"""Which format a file of orders has: by its name, or as it is said."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from etl.errors import ConfigError
from etl.reporting.export import parquet, xlsx
from etl.reporting.export.compression import gzipped, zstandard
from etl.reporting.export.content import Encoder
from etl.reporting.export.texts import as_csv, as_csv_for_excel, as_jsonl

ENCODERS: Mapping[str, Encoder] = {
    "csv": as_csv,
    "jsonl": as_jsonl,
    "parquet": parquet.as_parquet,
    "xlsx": xlsx.as_xlsx,
}
COMPRESSIONS: Mapping[str, Callable[[Encoder], Encoder]] = {"gz": gzipped, "zst": zstandard}
COMPRESSED_ALREADY = {"parquet": "Parquet", "xlsx": "xlsx"}
FORMATS = ["csv", "csv.gz", "csv.zst", "jsonl", "jsonl.gz", "jsonl.zst", "parquet", "xlsx"]
OTHER_COMPRESSIONS = (".zstd", ".bz2", ".xz", ".zip", ".lz4", ".br")
EXCEL = "xlsx"


@dataclass(frozen=True)
class FileFormat:
    """A format, with its compression."""

    name: str
    """One of FORMATS; also how a file of it ends."""
    encode: Encoder


def format_of(out: str, said: str | None, *, for_excel: bool = False) -> FileFormat:
    """The format of a file of this name: what is said, one of FORMATS, or else what its suffix says.

    `for_excel`: CSV begins with a byte order mark. Raises ConfigError where the name does not say what to write or says
    another thing than `said`, or if the library of the format is not installed.
    """
    suffix = Path(out).suffix.lower()
    if suffix in OTHER_COMPRESSIONS:
        raise ConfigError(f"{out}: only .gz and .zst compress it; write {Path(out).stem}.gz, or compress it afterwards")
    named = suffix.removeprefix(".") if suffix.removeprefix(".") in COMPRESSIONS else None
    kind, _, packed = (said or _suffix_of(Path(out).stem if named else out, out)).partition(".")
    compression = packed or named
    if named and packed and named != packed:
        raise ConfigError(f"{out} is a name for .{named}, not for --format {said}")
    if compression and kind in COMPRESSED_ALREADY:
        raise ConfigError(
            f"{out}: {COMPRESSED_ALREADY[kind]} is compressed already, and no reader takes it with .{named}"
        )
    if for_excel and kind != "csv":
        raise ConfigError("--bom is for CSV only: the other formats say themselves how their texts are encoded")
    for library in (parquet, xlsx):
        if kind == library.__name__.rpartition(".")[2]:
            library.check_installed()
    encode = as_csv_for_excel if for_excel else ENCODERS[kind]
    if compression is None:
        return FileFormat(kind, encode)
    return FileFormat(f"{kind}.{compression}", COMPRESSIONS[compression](encode))


def _suffix_of(name: str, out: str) -> str:
    suffix = Path(name).suffix.lower().removeprefix(".")
    if suffix not in ENCODERS:
        raise ConfigError(f"the suffix of {out} is not a known format; add --format {'|'.join(ENCODERS)}")
    return suffix
