"""From the rows of an order file to its bytes: CSV, byte order mark, container, and damage if a scenario wants it."""

import gzip
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from etl.simulator.messages import Reply
from etl.simulator.scenario import Scenario

NO_DATA = "No data matches the criteria."
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
LINE_ENDS = {"CRLF": "\r\n", "LF": "\n"}
ENDINGS = {"zip": ".zip", "gzip": ".csv.gz", "bare": ".csv"}
MEDIA_TYPES = {"zip": "application/zip", "gzip": "application/gzip", "bare": "text/csv"}


@dataclass(frozen=True, slots=True)
class OrderFile:
    """A file as it is downloaded."""

    name: str
    content: bytes
    media_type: str

    @property
    def reply(self) -> Reply:
        """The file as it goes over the wire."""
        disposition = f'attachment; filename="{self.name}"'
        return Reply(200, self.content, self.media_type, (("Content-Disposition", disposition),))


def order_file(
    stem: str, header: Mapping[str, str], rows: Sequence[Mapping[str, str]], scenario: Scenario
) -> OrderFile:
    """The file of that name, without its ending, with the columns of `header` under the names it gives them."""
    packed = _packed(f"{stem}.csv", _csv(header, rows, scenario).encode(), scenario)
    if scenario.export_cut == "file":
        packed = packed[: len(packed) // 2]
    container = scenario.export_container
    return OrderFile(stem + ENDINGS[container], packed, MEDIA_TYPES[container])


def _csv(header: Mapping[str, str], rows: Sequence[Mapping[str, str]], scenario: Scenario) -> str:
    """The text. No value has a comma, so that nothing is quoted, as in the real ones."""
    lines = [",".join(header.values()), *(",".join(row[name] for name in header) for row in rows)]
    if not rows and scenario.export_empty == "message":
        lines.append(NO_DATA)
    whole, broken = len(lines), ""
    if scenario.export_cut == "csv":
        whole = len(lines) // 2
        broken = lines[whole][: len(lines[whole]) // 2]
    line_end = LINE_ENDS[scenario.export_line_end]
    text = "".join(line + line_end for line in lines[:whole]) + broken
    return BOM + text if scenario.export_bom else text


def _packed(name: str, plain: bytes, scenario: Scenario) -> bytes:
    match scenario.export_container:
        case "zip":
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                entry = zipfile.ZipInfo(name)  # dated 1980, so that the same rows are the same bytes
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, plain)
            return packed.getvalue()
        case "gzip":
            return gzip.compress(plain, mtime=0)
        case "bare":
            return plain
