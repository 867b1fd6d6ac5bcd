"""The tables of capital flows, and of what is proven of them."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Index, Numeric, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

from etl.store.schema.columns import known_of_a_scope, metadata, moment

capital_flows = Table(
    "capital_flows",
    metadata,
    Column("account", Text, primary_key=True),
    Column("market", Text, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("tran_id", BigInteger),
    moment("time"),
    Column("asset", Text, nullable=False),
    Column("symbol", Text),
    Column("type", Text, nullable=False),
    Column("amount", Numeric, nullable=False),
    Column("raw", JSONB, nullable=False),
    Column("first_seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("first_run_id", BigInteger, nullable=False),
    CheckConstraint("type LIKE '%LIQUIDATION%'", name="type"),
    Index(None, "account", "time"),
)

capital_flow_coverage = Table(
    "capital_flow_coverage",
    metadata,
    Column("account", Text, primary_key=True),
    Column("market", Text, primary_key=True),
    *known_of_a_scope(),
)
