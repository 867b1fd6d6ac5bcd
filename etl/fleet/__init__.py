"""Runs jobs from a queue in Postgres, on one machine or many; a job is the run that the command of its name would make.

One scheduled run, from `force-orders schedule` to its notification:

1. `schedule`: options and settings become a cron expression and one sync job for each account.
2. `service.serve` works until a signal. It builds what all jobs of the process share (weight budget, clock, metrics)
   and starts the worker again after the queue could not be used.
3. `worker.Worker` lets procrastinate enqueue the jobs when they are due, fetches jobs from the queues and runs each in
   a thread. `heartbeat` proves to the others that it lives, and stops its jobs where it cannot; `owned_jobs` says how
   its jobs ended, and retries those of workers that died.
4. `worker_context.WorkerContext.run_job` makes the run. For an account that is several weeks behind it enqueues a job
   for each week instead. A job that did not succeed is retried after `jobs.retry_delay`.
5. `nights` tells what became of each account, and `end_of_night` notifies, pings and makes a backup, within an hour.
   `lost_database` tells of it when the database cannot be used.

`backfill` makes the jobs of `backfill --distributed`; `queue` reads and writes the queue's tables.

This package does not print, sends no request of its own and writes no order: runs do.
"""
