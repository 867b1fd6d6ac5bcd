"""The table of the exchange's archive files."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import TSTZRANGE

from etl.core.archive.plan import FileState
from etl.store.schema.columns import metadata, moment, one_of

archive_files = Table(
    "archive_files",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("account", "market")),
    Column("span", TSTZRANGE, nullable=False),
    *(Column(name, Text) for name in ("format", "uid")),
    Column("state", Text, nullable=False),
    Column("download_id", Text),
    *(moment(name, required=False) for name in ("requested_at", "expires_at")),
    Column("sha256", Text),
    *(Column(name, BigInteger) for name in ("bytes", "rows", "forced_orders")),
    moment("imported_at", required=False),
    Column("run_id", BigInteger, nullable=False),
    Column("error", Text),
    one_of("state", tuple(FileState)),
    CheckConstraint("NOT (isempty(span) OR lower_inf(span) OR upper_inf(span))", name="span"),
    CheckConstraint(
        "state NOT IN ('requested', 'processing', 'completed') OR requested_at IS NOT NULL", name="requested"
    ),
    CheckConstraint("state NOT IN ('processing', 'completed') OR download_id IS NOT NULL", name="download_id"),
    CheckConstraint(text("sha256 ~ '^[0-9a-f]{64}$'"), name="sha256"),
    CheckConstraint(
        "(state = 'imported') = (imported_at IS NOT NULL) AND (state <> 'imported' OR sha256 IS NOT NULL "
        "AND num_nulls(format, uid, bytes, rows, forced_orders) = 0)",
        name="imported",
    ),
    Index(None, "account", "market"),
)
