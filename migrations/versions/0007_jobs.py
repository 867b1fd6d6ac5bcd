"""Jobs: the queue that workers share, and what became of each job. The queue's tables are procrastinate's own.

`0007_jobs.sql` is the schema of procrastinate 3.10 (MIT license), unchanged, so that every database gets the same
tables whatever version is installed. A newer version that needs other tables ships files in its `sql/migrations`; each
of them needs a revision here. pyproject.toml allows no newer version before that.
"""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    op.execute("ALTER TABLE runs ADD COLUMN job_id bigint, ADD COLUMN worker text")
    op.execute("CREATE INDEX runs_job_id_idx ON runs (job_id)")
    # A run an account and night makes many: neither who is at work nor the last week may cost a look at all of them.
    op.execute("CREATE INDEX runs_running_idx ON runs (id) WHERE status = 'running'")
    op.execute("CREATE INDEX runs_started_at_idx ON runs (started_at)")
    op.execute("""
        CREATE VIEW jobs AS
        SELECT job.id, job.task_name AS command, job.args ->> 'account' AS account, job.queue_name AS queue,
               timestamptz 'epoch' + (job.args ->> 'since')::bigint * interval '1 millisecond' AS since,
               timestamptz 'epoch' + (job.args ->> 'until')::bigint * interval '1 millisecond' AS until,
               timestamptz 'epoch' + (job.args ->> 'timestamp')::bigint * interval '1 second' AS night,
               job.status::text AS status, job.attempts, job.scheduled_at AS not_before,
               events.handed_out_at, events.started_at, events.ended_at,
               run.id AS run_id, run.worker, run.status AS run_status, run.error
          FROM procrastinate_jobs AS job
         CROSS JOIN LATERAL (
               SELECT min(at) FILTER (WHERE type = 'deferred') AS handed_out_at,
                      max(at) FILTER (WHERE type = 'started') AS started_at,
                      max(at) FILTER (WHERE type IN ('succeeded', 'failed', 'cancelled', 'aborted')) AS ended_at
                 FROM procrastinate_events WHERE job_id = job.id
               ) AS events
          LEFT JOIN LATERAL (SELECT * FROM runs WHERE runs.job_id = job.id ORDER BY runs.id DESC LIMIT 1) AS run ON true
         WHERE job.task_name IN ('sync', 'backfill')
    """)


def downgrade() -> None:
    op.execute("DROP VIEW jobs")
    op.execute("DROP INDEX runs_started_at_idx, runs_running_idx")
    op.execute("ALTER TABLE runs DROP COLUMN job_id, DROP COLUMN worker")
    op.execute("""
        DROP TABLE procrastinate_periodic_defers, procrastinate_events, procrastinate_jobs, procrastinate_workers
           CASCADE  -- with the function that gives a row of one
    """)
    op.execute(r"""
        DO $$
        DECLARE
            made text;
        BEGIN
            FOR made IN
                SELECT oid::regprocedure::text FROM pg_proc
                 WHERE pronamespace = current_schema()::regnamespace AND proname LIKE 'procrastinate\_%'
            LOOP
                EXECUTE 'DROP FUNCTION ' || made;
            END LOOP;
        END
        $$
    """)
    op.execute("DROP TYPE procrastinate_job_to_defer_v1, procrastinate_job_event_type, procrastinate_job_status")
