"""The table of mark prices."""

from sqlalchemy import CheckConstraint, Column, DateTime, Numeric, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB

from etl.store.schema.columns import metadata, one_of

mark_prices = Table(
    "mark_prices",
    metadata,
    *(Column(name, Text, primary_key=True) for name in ("market", "symbol")),
    Column("minute", DateTime(timezone=True), primary_key=True),
    Column("price", Numeric, nullable=False),
    Column("raw", JSONB, nullable=False),
    Column("first_seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    one_of("market", ("usdm", "coinm")),
    CheckConstraint(text("minute = date_trunc('minute', minute, 'UTC')"), name="minute"),
    CheckConstraint("price > 0", name="price"),
)
