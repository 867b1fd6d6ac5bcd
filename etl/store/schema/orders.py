"""The tables of force orders, of rows that could not be read, and of the instruments that orders name."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Numeric,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from etl.core.orders import FIELDS, CloseType, FieldType, TimeSource
from etl.store.schema.columns import metadata, moment, one_of

ORDER_SOURCES = ("api", "archive")
TIME_PRECISIONS = ("ms", "s")

_TYPES: dict[FieldType, TypeEngine[Any]] = {
    FieldType.TEXT: Text(),
    FieldType.INTEGER: BigInteger(),
    FieldType.DECIMAL: Numeric(),
    FieldType.BOOLEAN: Boolean(),
}

_KEY = ("symbol", "order_id")

_OF_SOME_MARKETS = ("pair", "cum_base", "is_isolated")
"""Columns that came with the second market. They stand behind the others."""


def _order_columns() -> list[Column[Any]]:
    """The columns of a force order, the exchange's fields first."""
    return [
        Column("account", Text, primary_key=True),
        Column("market", Text, primary_key=True),
        *(Column(field.column, _TYPES[field.type], primary_key=True) for field in FIELDS if field.column in _KEY),
        *(
            Column(field.column, _TYPES[field.type])
            for field in FIELDS
            if field.column not in (*_KEY, *_OF_SOME_MARKETS)
        ),
        Column("close_type", Text, nullable=False),
        moment("order_time"),
        moment("update_time"),
        Column("raw", JSONB, nullable=False),
        moment("first_seen_at"),
        moment("changed_at"),
        Column("first_run_id", BigInteger, nullable=False),
        Column("last_run_id", BigInteger, nullable=False),
    ]


def _later_order_columns() -> list[Column[Any]]:
    """The columns of a force order that came later, behind all others of the table."""
    return [
        *(Column(field.column, _TYPES[field.type]) for field in FIELDS if field.column in _OF_SOME_MARKETS),
        Column("source", Text, nullable=False, server_default="api"),
        Column("order_time_source", Text, nullable=False, server_default="time"),
        Column("time_precision", Text, nullable=False, server_default="ms"),
        Column("archive_file_id", BigInteger),
    ]


force_orders = Table(
    "force_orders",
    metadata,
    *_order_columns(),
    *_later_order_columns(),
    one_of("close_type", tuple(CloseType)),
    one_of("source", ORDER_SOURCES),
    one_of("order_time_source", tuple(TimeSource)),
    one_of("time_precision", TIME_PRECISIONS),
    CheckConstraint(
        "(source = 'archive') = (archive_file_id IS NOT NULL) AND (source = 'archive') = (time_precision = 's')",
        name="archive_file_id",
    ),
    Index(None, "account", "order_time", postgresql_include=["market"]),
    Index(
        "force_orders_archived_idx",
        *("account", "market", "order_time"),
        postgresql_where=text("source = 'archive'"),
    ),
)

order_counts = Table(
    "order_counts",
    metadata,
    Column("account", Text, primary_key=True),
    Column("market", Text, primary_key=True),
    Column("close_type", Text, primary_key=True),
    Column("orders", BigInteger, nullable=False),
    CheckConstraint("orders >= 0", name="orders"),
)

order_days = Table(
    "order_days",
    metadata,
    *(Column(name, Text, primary_key=True) for name in ("account", "market")),
    Column("day", Date, primary_key=True),
    Column("is_summed", Boolean, nullable=False, server_default="false"),
    CheckConstraint("NOT is_summed OR market NOT IN ('coinm', 'pm-coinm')", name="is_summed"),
    Index(
        "order_days_marked_idx",
        *("account", "market", "day"),
        postgresql_where=text("NOT is_summed AND market NOT IN ('coinm', 'pm-coinm')"),
    ),
)

daily_sums = Table(
    "daily_sums",
    metadata,
    *(Column(name, Text, primary_key=True) for name in ("account", "market")),
    Column("day", Date, primary_key=True),
    *(Column(name, Text, primary_key=True) for name in ("symbol", "close_type")),
    Column("orders", BigInteger, nullable=False),
    *(Column(name, Numeric) for name in ("quantity_filled", "notional", "improvement_bps", "largest_notional")),
    Column("quantity_unfilled", Numeric),
)

force_order_revisions = Table(
    "force_order_revisions",
    metadata,
    *_order_columns(),
    moment("valid_from"),
    Column("valid_until", DateTime(timezone=True), primary_key=True),
    *_later_order_columns(),
    Index(None, "account", "order_time"),
)

quarantined_orders = Table(
    "quarantined_orders",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("account", Text, nullable=False),
    Column("market", Text, nullable=False),
    Column("raw", JSONB, nullable=False),  # a JSON string where the row is no JSON
    Column("reason", Text, nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    moment("resolved_at", required=False),
    Column("decision_id", BigInteger),  # of the decision that dismissed it
    Index(
        "quarantined_orders_dismissed_idx",
        "account",
        "market",
        text("md5(raw::text)"),
        postgresql_where=text("decision_id IS NOT NULL"),
    ),
    Index(
        "quarantined_orders_unresolved_key",
        "account",
        "market",
        text("md5(raw::text)"),
        unique=True,
        postgresql_where=text("resolved_at IS NULL"),
    ),
)

instruments = Table(
    "instruments",
    metadata,
    Column("market", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    *(Column(name, Text) for name in ("base_asset", "quote_asset", "margin_asset", "pair", "contract_type")),
    Column("contract_size", Numeric),
    moment("delivery_at", required=False),
    Column("status", Text),
    moment("first_seen_at"),
    moment("changed_at"),
    moment("seen_at"),
    Column("is_listed", Boolean, nullable=False),
    CheckConstraint("contract_size > 0", name="contract_size"),
)
