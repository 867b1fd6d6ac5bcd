"""The tables of the weight that an address may use, and has used."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Integer, Table, Text, func

from etl.store.schema.columns import metadata, moment, one_of

cooldowns = Table(
    "cooldowns",
    metadata,
    Column("egress", Text, primary_key=True),
    moment("until"),
    Column("reason", Text, nullable=False),
)

weight_limits = Table(
    "weight_limits",
    metadata,
    Column("host", Text, primary_key=True),
    Column("per_minute", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    moment("seen_at"),
    CheckConstraint("per_minute > 0", name="per_minute"),
    one_of("source", ("exchangeInfo", "429")),
)

spent_weight = Table(
    "spent_weight",
    metadata,
    Column("egress", Text, primary_key=True),
    Column("minute", DateTime(timezone=True), primary_key=True),
    Column("holder", Integer, primary_key=True),
    Column("weight", BigInteger, nullable=False),
    Column("late", BigInteger, nullable=False),
    Column("noted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("late BETWEEN 0 AND weight", name="late"),
)
