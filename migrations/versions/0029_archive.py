"""Archive: the exchange's files of past orders, what they cover, and which orders are from them.

An archive is a kind of its own: it fills gaps `beyond_retention`, and no day becomes proven by it. Views are replaced,
not made anew, so that rights on them stay; a reader needs a right on `report_archives`.
"""

from pathlib import Path

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

STATES = (
    "proven: every order of the day is stored. archived: what the API does not prove of it is covered by files of the "
    "exchange's archive, which have whole seconds and may lack orders without a fill. quarantined: it would be proven "
    "or archived, but a row that could not be read may belong to it. disputed: the exchange contradicted itself, or an "
    "order differs from the exchange's. partly: some instants or symbols are proven or archived. not: none is, and it "
    "was asked for. beyond retention: the exchange no longer kept it. never asked: nobody ever asked for it. future: "
    "it has not begun. No row says nothing: an account or market without one is unknown."
)
STATES_BEFORE = (
    "proven: every order of the day is stored. quarantined: it would be proven, but a row that could not be "
    "read may belong to it. disputed: the exchange contradicted itself, or an order differs from the exchange's. "
    "partly: some instants or symbols are proven. not: none is, and it was asked for. beyond retention: the exchange "
    "no longer kept it. never asked: nobody ever asked for it. future: it has not begun. No row says nothing: an "
    "account or market without one is unknown."
)
EACH_DAY = "Each day from one date to another, both included, of each account in each of its markets."
COVERAGE = (
    "proven: every instant of it, of every symbol; archived: what is not proven of it is covered by files of the "
    "exchange's archive; quarantined: one of both, but a row that could not be read may belong to it; partly: some "
    "instants or symbols; not: none."
)
COVERAGE_BEFORE = (
    "proven: every instant of it, of every symbol; quarantined: the same, but a row that could not be read "
    "may belong to it; partly: some instants or symbols; not: none."
)
COMMENTS = {
    "TABLE archive_files": "The files of past orders that the exchange was asked for, or that were imported by hand.",
    "COLUMN archive_files.id": "Number of the file.",
    "COLUMN archive_files.account": "Name of the account in the settings.",
    "COLUMN archive_files.market": "The market of its orders.",
    "COLUMN archive_files.span": "What it was asked for; of one that was imported by hand, from its oldest to its "
    "newest row.",
    "COLUMN archive_files.format": "asyn: the file of a request; web: that of the web page. Null until it is read.",
    "COLUMN archive_files.uid": "The exchange's number of the account, as every row of the file says it.",
    "COLUMN archive_files.state": "planned; requested: stored before it was sent, and still without an answer; "
    "processing and completed at the exchange; downloaded; imported; expired before it was downloaded; failed.",
    "COLUMN archive_files.download_id": "The exchange's name of the file.",
    "COLUMN archive_files.requested_at": "When it was asked for, which counts against the quota. Null: by hand.",
    "COLUMN archive_files.expires_at": "Until when it can be downloaded.",
    "COLUMN archive_files.sha256": "Of its bytes as received.",
    "COLUMN archive_files.bytes": "Its length as received.",
    "COLUMN archive_files.rows": "All its rows, also of orders that were not forced.",
    "COLUMN archive_files.forced_orders": "Force orders in it.",
    "COLUMN archive_files.imported_at": "When its orders were stored.",
    "COLUMN archive_files.run_id": "The last run that changed this row.",
    "COLUMN archive_files.error": "Why it is of no use, or what it contradicts.",
    "COLUMN force_orders.time_precision": "ms, or s: the row is from an archive, whose times are whole seconds.",
    "COLUMN force_orders.archive_file_id": "The row of archive_files that it is from; null where the API gave it.",
    "COLUMN force_order_revisions.time_precision": "As in force_orders.",
    "COLUMN force_order_revisions.archive_file_id": "As in force_orders.",
    "COLUMN coverage.archived": "What files of the archive cover; it proves nothing.",
    "VIEW report_archives": "What files of the exchange's archive cover, by account and market.",
    "COLUMN report_archives.account": "Name of the account in the settings.",
    "COLUMN report_archives.market": "The market.",
    "COLUMN report_archives.archived": "What files cover and the API did not prove, as a set of instants.",
    "COLUMN report_coverage.coverage": COVERAGE,
    "FUNCTION report_completeness": f"{EACH_DAY} {STATES}",
}
BEFORE = (
    ("0018_gaps.sql", "CREATE OR REPLACE VIEW coverage_gaps", ";\n"),
    ("0018_gaps.sql", "CREATE OR REPLACE VIEW report_coverage", "AS days;\n"),
    ("0020_completeness.sql", "CREATE FUNCTION report_completeness", "$$;\n"),
    ("0020_reports.sql", "CREATE OR REPLACE FUNCTION keep_force_order_revision", "$$;\n"),
)
AS_OF = ("0020_reports.sql", "CREATE OR REPLACE FUNCTION force_orders_as_of", "$$;\n")


def upgrade() -> None:
    op.execute(_text_of("0029_archive.sql"))
    for what, said in COMMENTS.items():
        _comment(what, said)


def downgrade() -> None:
    """Orders from archives go, and their versions: the schema before knows no file that they are from."""
    op.execute("DELETE FROM force_orders WHERE source = 'archive'")
    op.execute("DELETE FROM force_order_revisions WHERE source = 'archive'")
    for part in BEFORE:
        op.execute(_statement(*part).replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    op.execute("DROP FUNCTION force_orders_as_of")
    op.execute("DROP VIEW report_archives")
    op.execute("DROP TABLE archive_files")
    op.execute("ALTER TABLE coverage DROP COLUMN archived")
    for table in ("force_orders", "force_order_revisions"):
        op.execute(f"ALTER TABLE {table} DROP COLUMN time_precision, DROP COLUMN archive_file_id")
    op.execute(_statement(*AS_OF))
    _comment("FUNCTION report_completeness", f"{EACH_DAY} {STATES_BEFORE}")
    _comment("COLUMN report_coverage.coverage", COVERAGE_BEFORE)


def _statement(file: str, begin: str, end: str) -> str:
    _, begins, rest = _text_of(file).partition(begin)
    statement, ends, _ = rest.partition(end)
    return begins + statement + ends


def _comment(what: str, said: str) -> None:
    quoted = said.replace("'", "''")
    op.execute(f"COMMENT ON {what} IS '{quoted}'")


def _text_of(file: str) -> str:
    return Path(__file__).with_name(file).read_text(encoding="utf-8")
