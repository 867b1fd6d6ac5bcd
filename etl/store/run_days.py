"""The table `run_days`: the sums of each day's runs. They stay when the runs themselves are removed.

Both steps take one day of UTC in one statement, and either may be repeated or done by two processes at once.
"""

from datetime import date, datetime

from sqlalchemy import Connection, text

_COUNTED_UNTIL = text("SELECT (max(day) + 1)::timestamp AT TIME ZONE 'UTC' FROM run_days")

# A run that began has been committed within a day. One that still runs ends the days that can be counted.
_COUNT = text("""
    WITH next AS (
        SELECT min(started_at) AS first, (min(started_at) AT TIME ZONE 'UTC')::date AS day
          FROM runs WHERE started_at >= CAST(:since AS timestamptz)
    ), bounds AS (
        SELECT first, day, (day + 1)::timestamp AT TIME ZONE 'UTC' AS until FROM next
    )
    INSERT INTO run_days
           (day, command, status, runs, requests, weight, rows_received, inserted, updated, unchanged, quarantined,
            largest_page, last_finished_at, first_run_id, last_run_id)
    SELECT day, command, status, count(*), sum(requests), sum(weight), sum(rows_received), sum(inserted), sum(updated),
           sum(unchanged), sum(quarantined), max(largest_page), max(finished_at), min(id), max(id)
      FROM bounds JOIN runs ON started_at >= first AND started_at < until
     WHERE until <= least(now() - interval '1 day', (SELECT min(started_at) FROM runs WHERE status = 'running'))
     GROUP BY day, command, status
        ON CONFLICT DO NOTHING
    RETURNING day
""")

_REMOVE = text("""
    WITH oldest AS (
        SELECT min(day) AS day FROM run_days
         WHERE removed_at IS NULL AND day < (now() AT TIME ZONE 'UTC')::date - CAST(:keep_days AS integer)
    ), removed_wallets AS (
        DELETE FROM run_wallets USING runs, oldest
         WHERE run_id = runs.id
           AND started_at >= day::timestamp AT TIME ZONE 'UTC' AND started_at < (day + 1)::timestamp AT TIME ZONE 'UTC'
    ), removed AS (
        DELETE FROM runs USING oldest
         WHERE started_at >= day::timestamp AT TIME ZONE 'UTC' AND started_at < (day + 1)::timestamp AT TIME ZONE 'UTC'
    )
    UPDATE run_days SET removed_at = now() FROM oldest WHERE run_days.day = oldest.day
    RETURNING run_days.day
""")


def counted_until(connection: Connection) -> datetime | None:
    """The end of the last day that was counted; None: none was. Each run that began before is counted."""
    found: datetime | None = connection.scalar(_COUNTED_UNTIL)
    return found


def count_next_day(connection: Connection) -> date | None:
    """Count the runs of the next day that has some; None if all of the days that are over are counted.

    A day is over a day after its end, once no run that began in it or before still runs. The caller commits.
    """
    since = counted_until(connection)
    values = {"since": "-infinity" if since is None else since.isoformat()}
    day: date | None = connection.execute(_COUNT, values).scalars().first()
    return day


def remove_oldest_day(connection: Connection, keep_days: int) -> date | None:
    """Remove the runs of the oldest counted day that is more than `keep_days` days ago; None if there is none.

    The caller commits.
    """
    day: date | None = connection.execute(_REMOVE, {"keep_days": keep_days}).scalars().first()
    return day
