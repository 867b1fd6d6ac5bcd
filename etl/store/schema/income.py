"""The tables of income, and of what is proven of it."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Numeric,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from etl.store.schema.columns import known_of_a_scope, metadata

_MOMENT = DateTime(timezone=True)

_INCOME = (
    "What changed the balance of an account in a market, of the types that are read: INSURANCE_CLEAR is the fee for "
    "the clearance of a liquidation. A row names no order. Of a time that income_gaps names some rows may be missing. "
    "Unique by account, market, income_type and tran_id or, where that is 0, by all that a row says."
)
_TYPE = "The word of the exchange, such as INSURANCE_CLEAR or FUNDING_FEE."
_TRAN_ID = "The id that the exchange gave, unique within the type; 0: none."
_COPY = "Numbers, from 0, rows without id that are equal in all that they say; else 0."

income = Table(
    "income",
    metadata,
    Column(
        "id", BigInteger, Identity(always=True), primary_key=True, comment="Ours: the order in which rows were stored."
    ),
    Column("account", Text, nullable=False, comment="Name of the account in the settings."),
    Column("market", Text, nullable=False, comment="The market in whose balance it is."),
    Column("income_type", Text, nullable=False, comment=_TYPE),
    Column("tran_id", BigInteger, nullable=False, comment=_TRAN_ID),
    Column("time", _MOMENT, nullable=False, comment="When the balance changed, to the millisecond."),
    Column("asset", Text, nullable=False, comment="The asset of the balance."),
    Column("amount", Numeric, nullable=False, comment="How much of the asset; negative where the account lost it."),
    Column("symbol", Text, nullable=False, comment="The contract; empty where the exchange names none."),
    Column("trade_id", BigInteger, comment="The fill that it belongs to; null where the exchange names none."),
    Column("copy", SmallInteger, nullable=False, comment=_COPY),
    Column("raw", JSONB, nullable=False, comment="The row as received."),
    Column("first_seen_at", _MOMENT, nullable=False, server_default=func.now(), comment="When the row was stored."),
    Column("first_run_id", BigInteger, nullable=False, comment="The run that stored it."),
    CheckConstraint("copy >= 0 AND (copy = 0 OR tran_id = 0)", name="copy"),
    Index(
        "income_tran_id_key",
        *("account", "market", "income_type", "tran_id"),
        unique=True,
        postgresql_where=text("tran_id <> 0"),
    ),
    Index(
        "income_without_id_key",
        *("account", "market", "income_type", "time", "asset", "amount", "symbol"),
        text("coalesce(trade_id, '-1'::integer)"),
        "copy",
        unique=True,
        postgresql_where=text("tran_id = 0"),
    ),
    Index("income_type_time_idx", "account", "market", "income_type", "time"),
    Index("income_symbol_time_idx", "account", "market", "symbol", "time"),
    Index("income_trade_id_idx", "account", "market", "trade_id", postgresql_where=text("trade_id IS NOT NULL")),
    comment=_INCOME,
)

income_coverage = Table(
    "income_coverage",
    metadata,
    Column("account", Text, primary_key=True),
    Column("market", Text, primary_key=True),
    Column("income_type", Text, primary_key=True),
    *known_of_a_scope(),
    comment="Internal: what is proven of the income of each type.",
)
