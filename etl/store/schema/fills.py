"""The tables of fills, and of what was read of them."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from etl.store.schema.columns import metadata, moment, one_of

FILL_STATES = ("complete", "incomplete")


def _order_key() -> list[Column[Any]]:
    names = ("account", "market", "symbol")
    return [*(Column(name, Text, primary_key=True) for name in names), Column("order_id", BigInteger, primary_key=True)]


force_order_fills = Table(
    "force_order_fills",
    metadata,
    *_order_key(),
    Column("trade_id", BigInteger, primary_key=True),
    moment("time"),
    Column("price", Numeric, nullable=False),
    Column("qty", Numeric, nullable=False),
    *(Column(name, Numeric) for name in ("quote_qty", "base_qty", "realized_pnl", "commission")),
    Column("commission_asset", Text),
    Column("margin_asset", Text),
    Column("buyer", Boolean),
    Column("maker", Boolean),
    Column("raw", JSONB, nullable=False),
    Column("first_seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("first_run_id", BigInteger, nullable=False),
    Index("force_order_fills_trade_idx", "account", "market", "symbol", "trade_id", "order_id"),
)

fill_checks = Table(
    "fill_checks",
    metadata,
    *_order_key(),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("executed_qty", Numeric, nullable=False),
    Column("cum_quote", Numeric),
    Column("checked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("tries", Integer, nullable=False, server_default="1"),
    Column("run_id", BigInteger, nullable=False),
    one_of("state", FILL_STATES),
    CheckConstraint("(state = 'incomplete') = (reason IS NOT NULL)", name="reason"),
    CheckConstraint("tries > 0", name="tries"),
)
