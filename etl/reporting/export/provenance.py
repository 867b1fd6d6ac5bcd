"""What is said of a file: which orders it holds, of which program, how complete, and its checksum. Pure."""

import json
from dataclasses import dataclass

from etl.core.timeline import iso
from etl.reporting.export.columns import Columns
from etl.reporting.export.orders import OrderFilter
from etl.reporting.export.writing import Written


@dataclass(frozen=True)
class Provenance:
    """Where the orders of a file are from."""

    program: str
    """Name and version."""
    schema: str
    """The revision of the database's schema."""
    chosen: OrderFilter
    columns: Columns
    completeness: str | None
    """In one line; None where nothing is known of the days: symbols are chosen, or they were never asked for."""
    is_closed: bool
    """Whether the span has an end: else the completeness line says another thing each day."""

    def inside(self) -> str:
        """For the file itself: only what stays the same as long as the orders do."""
        return _json(self._of_query() | ({"completeness": self.completeness} if self.is_closed else {}))

    def beside(self, file: str, file_format: str, written: Written, made_at: int) -> str:
        """For a file beside it; `made_at`: epoch milliseconds."""
        of_file = {
            "file": file,
            "format": file_format,
            "made_at": iso(made_at),
            "orders": written.orders,
            "bytes": written.size,
            "sha256": written.sha256,
        }
        said = {"columns": [column.name for column in self.columns], "completeness": self.completeness}
        return json.dumps(of_file | self._of_query() | said, indent=2, ensure_ascii=False) + "\n"

    def _of_query(self) -> dict[str, object]:
        chosen = self.chosen
        moments = {"since": chosen.since, "until": chosen.until, "changed_since": chosen.changed_since}
        return {
            "program": self.program,
            "schema": self.schema,
            **{name: None if instant is None else iso(instant) for name, instant in moments.items()},
            "accounts": sorted(chosen.accounts),
            "markets": sorted(chosen.markets),
            "symbols": sorted(chosen.symbols),
        }


def _json(values: dict[str, object]) -> str:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False)
