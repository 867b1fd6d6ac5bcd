"""The number of jobs in the queue by status. The view `jobs` shows each of them."""

from sqlalchemy import Connection, text

_BY_STATUS = text("""
    SELECT status::text, count(*) AS jobs
      FROM procrastinate_jobs WHERE task_name IN ('sync', 'backfill') GROUP BY status
""")

STATUSES = ("todo", "doing", "succeeded", "failed")


def count_jobs(connection: Connection) -> dict[str, int]:
    """Jobs by status, finished ones until they are deleted. Empty where there never was a job."""
    found = {str(row.status): int(row.jobs) for row in connection.execute(_BY_STATUS)}
    return dict.fromkeys(STATUSES, 0) | found if found else {}
