"""Runs by account and market: a small table that the transaction of each page keeps, and the worker of each run."""

from pathlib import Path
from runpy import run_path

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

JOB = "The job that it was for, an id of jobs; null where a person or a timer started it."
WORKER = "The worker that ran the job: host and process; null without a job."
RECEIVED = "Rows that the exchange answered with of this account and market; a row that came twice counts twice."
OF_SCOPE = {
    "account": "Name of the account in the settings.",
    "market": "usdm: USDⓈ-M futures; coinm: COIN-M futures; margin: cross and isolated margin; pm-usdm, pm-coinm, "
    "pm-margin: the same of a Portfolio Margin account.",
}
COMMENTS = {
    "run_wallets": {
        "run_id": "The run, an id of runs.",
        **OF_SCOPE,
        "rows_received": RECEIVED,
        "inserted": "Orders that were not there before.",
        "updated": "Orders that a later version replaced.",
        "unchanged": "Orders that were there already as received.",
        "quarantined": "Rows that could not be read and were kept aside.",
        "largest_page": "Rows of the longest page.",
    },
    "report_runs": {"job_id": JOB, "worker": WORKER},
    "report_run_wallets": {
        "run_id": "Number of the run.",
        **OF_SCOPE,
        "command": "backfill, sync, verify and so on.",
        "status": "How the whole run ended: running, succeeded, incomplete, failed, banned or stopped.",
        "started_at": "When the run began.",
        "finished_at": "When the run ended; null while it runs.",
        "job_id": JOB,
        "worker": WORKER,
        "rows_received": RECEIVED,
        "orders_new": "Orders that were not there before.",
        "orders_changed": "Orders that a later version replaced.",
        "orders_unchanged": "Orders that were there already as received.",
        "rows_quarantined": "Rows that could not be read and were kept aside.",
    },
}
TABLE = (
    "What each run stored in each account and market. One with a row was answered; what it cost is in runs, as "
    "requests serve several. Runs before this table have none."
)
VIEW = "What each run stored in each account and market that was answered, with the worker that ran it."


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    _comment("TABLE run_wallets", TABLE)
    _comment("VIEW report_run_wallets", VIEW)
    for relation, columns in COMMENTS.items():
        for column, said in columns.items():
            _comment(f"COLUMN {relation}.{column}", said)


def downgrade() -> None:
    """A column cannot be taken from a view: it is made anew. Rights on it are lost."""
    reports = run_path(str(Path(__file__).with_name("0005_reports.py")))
    scale = run_path(str(Path(__file__).with_name("0016_scale.py")))
    op.execute("DROP VIEW report_run_wallets, report_runs")
    op.execute("DROP TABLE run_wallets")
    op.execute(reports["RUNS"])
    _, columns = reports["COMMENTS"]["report_runs"]
    _comment("VIEW report_runs", f"{scale['OF_RUNS']} {scale['REMOVED']}")
    for column, said in columns.items():
        _comment(f"COLUMN report_runs.{column}", said)


def _comment(what: str, said: str) -> None:
    quoted = said.replace("'", "''")
    op.execute(f"COMMENT ON {what} IS '{quoted}'")
