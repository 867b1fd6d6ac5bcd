"""The tables of what was done: runs, verifications, backups, probes."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZMULTIRANGE, TSTZRANGE

from etl.store.schema.columns import metadata, moment, one_of

RUN_STATUSES = ("running", "succeeded", "incomplete", "failed", "banned", "stopped")

_RUN_COUNTS = (
    *("requests", "weight", "rows_received", "inserted"),
    *("updated", "unchanged", "quarantined", "largest_page"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("command", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    moment("finished_at", required=False),
    Column("status", Text, nullable=False),
    *(Column(name, BigInteger, nullable=False, server_default="0") for name in _RUN_COUNTS),
    Column("error", Text),
    Column("job_id", BigInteger),
    Column("worker", Text),
    one_of("status", RUN_STATUSES),
    CheckConstraint("(status = 'running') = (finished_at IS NULL)", name="finished"),
    Index(None, "job_id"),
    Index(None, "started_at"),
    Index("runs_running_idx", "id", postgresql_where=text("status = 'running'")),
)

run_wallets = Table(
    "run_wallets",
    metadata,
    Column("run_id", BigInteger, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("market", Text, primary_key=True),
    *(Column(name, BigInteger, nullable=False) for name in _RUN_COUNTS if name not in ("requests", "weight")),
)

run_days = Table(
    "run_days",
    metadata,
    Column("day", Date, primary_key=True),
    Column("command", Text, primary_key=True),
    Column("status", Text, primary_key=True),
    *(Column(name, BigInteger, nullable=False) for name in ("runs", *_RUN_COUNTS)),
    moment("last_finished_at"),
    Column("first_run_id", BigInteger, nullable=False),
    Column("last_run_id", BigInteger, nullable=False),
    moment("removed_at", required=False),
    CheckConstraint("runs > 0 AND first_run_id <= last_run_id", name="runs"),
)

verifications = Table(
    "verifications",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("run_id", BigInteger, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("account", "market", "symbol")),
    Column("verified_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("span", TSTZRANGE, nullable=False),
    Column("compared", TSTZMULTIRANGE, nullable=False),
    Column("unread", TSTZMULTIRANGE, nullable=False),
    Column("unread_reason", Text),
    *(
        Column(name, BigInteger, nullable=False)
        for name in ("orders_compared", "missing", "different", "extra", "forgotten", "repaired")
    ),
    Column("differences", JSONB, nullable=False),
    Column("is_sample", Boolean, nullable=False),
    CheckConstraint("repaired <= missing + different", name="repaired"),
    CheckConstraint("isempty(unread) = (unread_reason IS NULL) AND NOT unread && compared", name="unread"),
    Index("verifications_run_idx", "run_id", "account", "market", "symbol", unique=True),
    Index("verifications_scope_idx", "account", "market", "symbol", "id"),
)

backups = Table(
    "backups",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    moment("made_at"),
    Column("file", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("orders", BigInteger, nullable=False),
    Column("newest_seal", Text),
    moment("verified_at", required=False),
    CheckConstraint("bytes > 0 AND orders >= 0", name="counts"),
)

probe_results = Table(
    "probe_results",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("run_id", BigInteger, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("account", "market", "host")),
    Column("probed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    *(Column(name, Text, nullable=False) for name in ("question", "answer")),
    Column("is_settled", Boolean, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("evidence", "program_version")),
    CheckConstraint("is_settled = (answer NOT IN ('not settled', 'does not apply'))", name="is_settled"),
    CheckConstraint("question <> '' AND answer <> '' AND evidence <> ''", name="words"),
    Index("probe_results_question_idx", "account", "market", "question", "id"),
)
