"""The tables of income, and of what is proven of it."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Numeric,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from etl.store.schema.columns import known_of_a_scope, metadata, moment

income = Table(
    "income",
    metadata,
    Column("account", Text, nullable=False),
    Column("market", Text, nullable=False),
    Column("income_type", Text, nullable=False),
    Column("tran_id", BigInteger, nullable=False),
    moment("time"),
    Column("asset", Text, nullable=False),
    Column("amount", Numeric, nullable=False),
    Column("symbol", Text, nullable=False),  # empty where there is none
    Column("trade_id", BigInteger),
    Column("copy", SmallInteger, nullable=False),
    Column("raw", JSONB, nullable=False),
    Column("first_seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("first_run_id", BigInteger, nullable=False),
    CheckConstraint("copy >= 0 AND (copy = 0 OR tran_id = 0)", name="copy"),
    Index(
        "income_tran_id_key",
        "account",
        "market",
        "income_type",
        "tran_id",
        unique=True,
        postgresql_where=text("tran_id <> 0"),
    ),
    Index(
        "income_without_id_key",
        "account",
        "market",
        "income_type",
        "time",
        "asset",
        "amount",
        "symbol",
        text("coalesce(trade_id, '-1'::integer)"),
        "copy",
        unique=True,
        postgresql_where=text("tran_id = 0"),
    ),
    Index("income_type_time_idx", "account", "market", "income_type", "time"),
    Index("income_symbol_time_idx", "account", "market", "symbol", "time"),
    Index("income_trade_id_idx", "account", "market", "trade_id", postgresql_where=text("trade_id IS NOT NULL")),
)

income_coverage = Table(
    "income_coverage",
    metadata,
    Column("account", Text, primary_key=True),
    Column("market", Text, primary_key=True),
    Column("income_type", Text, primary_key=True),
    *known_of_a_scope(),
)
