"""The tables of reconciliations: what was compared with the list of all orders, the days, the orders that differed."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, DateTime, Identity, Index, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB, TSTZMULTIRANGE, TSTZRANGE

from etl.store.schema.columns import metadata, moment, one_of

DISCREPANCIES = ("missing", "conflicting", "late", "different", "unseen", "namesake")

reconciliations = Table(
    "reconciliations",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("run_id", BigInteger, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("account", "market")),
    Column("reconciled_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("span", TSTZRANGE, nullable=False),
    Column("compared", TSTZMULTIRANGE, nullable=False),
    Column("reason", Text),
    *(Column(name, BigInteger, nullable=False) for name in ("orders_listed", "orders_compared")),
    *(Column(name, BigInteger, nullable=False) for name in (*DISCREPANCIES, "expected", "accepted")),
    CheckConstraint("compared <@ span", name="compared"),
    Index("reconciliations_run_idx", "run_id", "account", "market", unique=True),
    Index("reconciliations_scope_idx", "account", "market", "id"),
)

reconciled_days = Table(
    "reconciled_days",
    metadata,
    Column("account", Text, primary_key=True),
    Column("market", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("reason", Text),
    Column("run_id", BigInteger, nullable=False),
    Column("reconciled_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    one_of("verdict", ("agreed", "not checkable")),
    CheckConstraint("(verdict = 'agreed') = (reason IS NULL)", name="reason"),
)

reconciliation_orders = Table(
    "reconciliation_orders",
    metadata,
    Column("account", Text, primary_key=True),
    Column("market", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    Column("order_id", BigInteger, primary_key=True),
    moment("order_time"),
    Column("kind", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("raw", JSONB),
    Column("found_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("run_id", BigInteger, nullable=False),
    moment("resolved_at", required=False),
    one_of("kind", DISCREPANCIES),
    Index(
        "reconciliation_orders_disputed_idx",
        "account",
        "market",
        "order_time",
        postgresql_where=text("kind IN ('missing', 'conflicting') AND resolved_at IS NULL"),
    ),
)
