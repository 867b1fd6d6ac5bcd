"""The tables of seals."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    SmallInteger,
    Table,
    Text,
    func,
)

from etl.store.schema.columns import metadata

seals = Table(
    "seals",
    metadata,
    Column("account", Text, primary_key=True),
    Column("market", Text, primary_key=True),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("day", Date, nullable=False),
    Column("version", SmallInteger, nullable=False),
    Column("orders", BigInteger, nullable=False),
    *(Column(name, Text, nullable=name == "replaces") for name in ("content", "previous", "replaces", "digest")),
    Column("run_id", BigInteger, nullable=False),
    Column("sealed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("orders >= 0", name="orders"),
    Index("seals_account_market_previous_key", "account", "market", "previous", unique=True),
)

newest_seals = Table(
    "newest_seals",
    metadata,
    *(Column(name, Text, primary_key=True) for name in ("account", "market")),
    Column("digest", Text, nullable=False),
)
