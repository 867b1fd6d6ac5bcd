"""How often a worker does what it does again and again, and after how long it counts as dead."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """All in seconds. Every process that shares a database must have the same pace."""

    heartbeat: float = 5.0
    """Between two heartbeats, and the longest that one may take."""
    retry: float = 1.0
    """Before a heartbeat or the end of a job is sent again that the database did not take."""
    gives_up_after: float = 14.0
    """Without a heartbeat for so long, a worker stops its jobs: soon others may take them."""
    gone_after: float = 18.0
    """Without a heartbeat for so long, a process whose jobs do not stop ends itself."""
    dead_after: float = 20.0
    """Without a heartbeat for so long, a worker is dead to the others, and they retry its jobs."""
    poll: float = 0.5
    """Between two looks for a job. Procrastinate does not notify when the end of one job unlocks another."""
    reconnect: float = 5.0
    """Before a worker starts again whose queue could not be used."""


PACE = Pace()
"""The pace of this process."""
