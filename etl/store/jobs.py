"""How many jobs the queue holds, and how they stand; what they are is told by the view `jobs`."""

from sqlalchemy import Connection, text

_STANDING = text("""
    SELECT status::text, count(*) AS jobs
      FROM procrastinate_jobs WHERE task_name IN ('sync', 'backfill') GROUP BY status
""")

STATUSES = ("todo", "doing", "succeeded", "failed")


def count_jobs(connection: Connection) -> dict[str, int]:
    """Jobs by status, those that were done as long as they are remembered."""
    found = {str(row.status): int(row.jobs) for row in connection.execute(_STANDING)}
    return dict.fromkeys(STATUSES, 0) | found if found else {}
