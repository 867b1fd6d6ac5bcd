"""Views of watermarks, gaps, jobs, verifications, quarantine and revisions for those who may read the reports alone."""

from pathlib import Path

from alembic import op
from sqlalchemy import text

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

MEANINGS = {
    "report_watermarks": "How far each symbol is proven without a gap: everything from covered_since to watermark.",
    "report_gaps": "What is not proven of what was ever asked for, up to the newest proof.",
    "report_jobs": "The jobs of the queue that workers share, and what became of each.",
    "report_verifications": "What each verify compared with the exchange.",
    "report_quarantine": "How many rows could not be read, by account and market. A day to which a waiting one may "
    "belong is not complete.",
    "report_revisions": "Earlier versions of orders, each with the time in which it was the current one.",
}
SAME = {
    "report_watermarks": "watermarks",
    "report_gaps": "coverage_gaps",
    "report_jobs": "jobs",
    "report_verifications": "verifications",
    "report_revisions": "force_order_revisions",
}
"""The relation whose words its columns have."""

OWN = {
    "report_jobs.job_id": "Number of the job.",
    "report_verifications.verification_id": "Number of the verification; of the same scope the greatest counts.",
    "report_quarantine.account": "Name of the account in the settings.",
    "report_quarantine.market": "The market that was asked; capital-flow, fills, or income- and the market for rows of "
    "those endpoints.",
    "report_quarantine.rows_received": "Rows that could not be read, of all time.",
    "report_quarantine.waiting": "Those that wait to be read or dismissed.",
    "report_quarantine.resolved": "Those that could be read later.",
    "report_quarantine.dismissed": "Those that a person dismissed.",
    "report_quarantine.waiting_since": "When the oldest waiting one was received; null where none waits.",
    "report_quarantine.newest_seen_at": "When the newest was received.",
    "report_revisions.average_price": "Average price of the fills, in the quote asset; 0: nothing was filled. Null "
    "where the market sends none.",
    "report_revisions.quantity_ordered": "Quantity to be closed, in the base asset; of coin-margined orders in "
    "contracts.",
    "report_revisions.quantity_filled": "Quantity that was closed, in the unit of quantity_ordered.",
}
SAID = text("""
    SELECT own.attname AS name, col_description(source.attrelid, source.attnum) AS said
      FROM pg_attribute AS own
      JOIN pg_attribute AS source ON source.attrelid = to_regclass(:source) AND source.attname = own.attname
     WHERE own.attrelid = to_regclass(:view) AND own.attnum > 0
""")


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    for view, meaning in MEANINGS.items():
        _comment(f"VIEW {view}", meaning)
    for view, source in SAME.items():
        for name, said in op.get_bind().execute(SAID, {"view": view, "source": source}).all():
            _comment(f"COLUMN {view}.{name}", said)
    for column, said in OWN.items():
        _comment(f"COLUMN {column}", said)


def downgrade() -> None:
    op.execute(f"DROP VIEW {', '.join(MEANINGS)}")


def _comment(what: str, said: str | None) -> None:
    quoted = "NULL" if said is None else "'" + said.replace("'", "''") + "'"
    op.get_bind().exec_driver_sql(f"COMMENT ON {what} IS {quoted}", execution_options={"no_parameters": True})
