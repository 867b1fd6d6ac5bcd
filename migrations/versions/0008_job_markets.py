"""Markets of jobs: the view `jobs` names the market of each, and its times as others name them.

`handed_out_at` becomes `enqueued_at`, `night` becomes `due_at`. The view is replaced, not made anew, so that rights on
it stay.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

RENAMED = {"handed_out_at": "enqueued_at", "night": "due_at"}

_VIEW = """
    {create} VIEW jobs AS
    SELECT job.id, job.task_name AS command, job.args ->> 'account' AS account, job.queue_name AS queue,
           timestamptz 'epoch' + (job.args ->> 'since')::bigint * interval '1 millisecond' AS since,
           timestamptz 'epoch' + (job.args ->> 'until')::bigint * interval '1 millisecond' AS until,
           timestamptz 'epoch' + (job.args ->> 'timestamp')::bigint * interval '1 second' AS {due_at},
           job.status::text AS status, job.attempts, job.scheduled_at AS not_before,
           events.enqueued_at AS {enqueued_at}, events.started_at, events.ended_at,
           run.id AS run_id, run.worker, run.status AS run_status, run.error{more}
      FROM procrastinate_jobs AS job
     CROSS JOIN LATERAL (
           SELECT min(at) FILTER (WHERE type = 'deferred') AS enqueued_at,
                  max(at) FILTER (WHERE type = 'started') AS started_at,
                  max(at) FILTER (WHERE type IN ('succeeded', 'failed', 'cancelled', 'aborted')) AS ended_at
             FROM procrastinate_events WHERE job_id = job.id
           ) AS events
      LEFT JOIN LATERAL (SELECT * FROM runs WHERE runs.job_id = job.id ORDER BY runs.id DESC LIMIT 1) AS run ON true
     WHERE job.task_name IN ('sync', 'backfill')
"""


def upgrade() -> None:
    for old, new in RENAMED.items():
        op.execute(f"ALTER VIEW jobs RENAME COLUMN {old} TO {new}")
    # Jobs that were enqueued before there were markets carry none.
    market = ", coalesce(job.args ->> 'market', 'usdm') AS market"
    op.execute(_VIEW.format(create="CREATE OR REPLACE", due_at="due_at", enqueued_at="enqueued_at", more=market))


def downgrade() -> None:
    op.execute("DROP VIEW jobs")  # a column cannot be taken from a view
    op.execute(_VIEW.format(create="CREATE", due_at="night", enqueued_at="handed_out_at", more=""))
