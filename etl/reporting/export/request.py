"""What an export is asked to write, and which requests contradict themselves. Pure."""

from dataclasses import dataclass

from etl.core.timeline import Window
from etl.errors import ConfigError
from etl.reporting.export.columns import Columns
from etl.reporting.export.formats import FileFormat
from etl.reporting.export.orders import OrderFilter
from etl.reporting.export.partitions import Partition, check_bounds

LAST = "last"
"""As --changed-since: since the last export of the name."""
DEFAULT_NAME = "default"


@dataclass(frozen=True)
class ExportRequest:
    """An export as it is asked for."""

    out: str
    """As the user named it."""
    is_stream: bool
    """Whether the output is stdout, a pipe or a device: nobody can tell whether what it got is kept."""
    file: FileFormat
    columns: Columns
    chosen: OrderFilter
    span: Window
    """From the bounds of `chosen`, or what stands in for them."""
    since: str | None
    """As it was typed."""
    partition: Partition | None = None
    mark: str | None = None
    """The name under which is remembered how far the export came; None: nothing is."""
    with_provenance: bool = False

    def selection(self) -> dict[str, object]:
        """Which orders a mark speaks of. A relative time only moves forward, so that it needs no mark of its own."""
        chosen = self.chosen
        names = {"accounts": chosen.accounts, "markets": chosen.markets, "symbols": chosen.symbols}
        return {"since": self.since} | {key: sorted(set(values)) for key, values in names.items()}


def check_request(request: ExportRequest, now: int) -> None:
    """Raise ConfigError if a request contradicts itself. `now`: epoch milliseconds."""
    chosen = request.chosen
    if chosen.changed_since is not None and chosen.changed_since > now:
        raise ConfigError("--changed-since lies in the future")
    if request.mark is not None and chosen.until is not None:
        raise ConfigError(
            "--changed-since last takes no --until: the next export would leave out what changed before it and "
            "lies after the end of this one"
        )
    if request.is_stream and (needs := _needing_a_file(request)):
        raise ConfigError(f"{needs} needs a file, and {request.out} is none")
    if request.partition is not None:
        check_bounds(request.partition, chosen.since, chosen.until, now)


def check_selection(request: ExportRequest, of_mark: dict[str, object]) -> None:
    """Raise ConfigError if a mark was made by an export of other orders: of these it says nothing."""
    if of_mark != request.selection():
        raise ConfigError(
            f"the export {request.mark!r} chose other orders ({_described(of_mark)}), and its mark says nothing of "
            "these; give this one a name of its own: --name"
        )


def _needing_a_file(request: ExportRequest) -> str | None:
    if request.partition is not None:
        return "--partition"
    if request.mark is not None:
        return "--changed-since last"
    return "--provenance" if request.with_provenance else None


def _described(selection: dict[str, object]) -> str:
    chosen = [f"{key} {_listed(value)}" for key, value in selection.items() if value]
    return "; ".join(chosen) if chosen else "all"


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
