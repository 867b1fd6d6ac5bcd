"""What a run did and left undone, and how far it has come."""

from collections.abc import Callable
from dataclasses import dataclass, field

from etl.core.timeline import Window
from etl.errors import ExitCode
from etl.store import runs
from etl.store.coverage import Gap


@dataclass(frozen=True)
class Progress:
    """How far a run has come. `etl.waits` holds what it waits for."""

    walks_done: int
    walks: int
    found: str
    """What was found so far, in a few words."""


@dataclass
class Summary:
    """What a run did, and what it left undone."""

    command: str
    run_id: int
    status: str = "running"
    exit_code: ExitCode = ExitCode.DONE
    markets: frozenset[str] = frozenset()
    """Those that it was to read, of any account."""
    windows: int = 0
    counts: runs.Counts = field(default_factory=runs.Counts)
    gaps: list[Gap] = field(default_factory=list)
    unproven: int = 0
    """Milliseconds of the run's span that are still unproven, and of what an audit doubts."""
    audited: int = 0
    """Old windows that were read again."""
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What is no fault and may be a surprise, one line each."""
    span: Window | None = None
    """The requested span as instants by the exchange's clock. None: no span was requested."""
    clipped: str | None = None
    """One line if the requested span begins before the retention of the exchange and the run therefore does not."""
    late_clock: str | None = None
    """One line if a clock that is behind the exchange's kept the newest minutes from being proven."""
    cooldown_until: int = 0
    """End of the last cooldown, epoch milliseconds; 0: there was none."""
    seconds: float = 0.0


Watcher = Callable[[Progress], None]


def unwatched(progress: Progress) -> None:
    """The watcher of a run whose progress is not shown."""
