"""The columns of an export: those of the view report_force_orders, or some of them by name."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, DateTime, MetaData, Numeric, Table, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP

from etl.errors import ConfigError

PRECISION = 38
"""Digits of Parquet's decimal128. The view's own decimals have no limit."""

Columns = Sequence[Column[Any]]


def _decimal(name: str, scale: int = 18) -> Column[Any]:
    return Column(name, Numeric(PRECISION, scale))


def _of_the_exchange(name: str) -> Column[Any]:
    """A time of the exchange's, in milliseconds."""
    return Column(name, DateTime(timezone=True))


def _of_the_database(name: str) -> Column[Any]:
    """A time of the database's, in microseconds: two versions of an order may be one apart."""
    return Column(name, TIMESTAMP(timezone=True, precision=6))


report_force_orders = Table(
    "report_force_orders",
    MetaData(),
    Column("account", Text),
    Column("market", Text),
    Column("symbol", Text),
    Column("order_id", BigInteger),
    Column("close_type", Text),
    Column("side", Text),
    Column("position_closed", Text),
    _of_the_exchange("order_time"),
    _of_the_exchange("update_time"),
    Column("status", Text),
    _decimal("quantity_ordered"),
    _decimal("quantity_filled"),
    _decimal("fill_ratio", 6),
    _decimal("price"),
    _decimal("average_price"),
    _decimal("improvement_bps", 2),
    _decimal("notional"),
    *(Column(name, Text) for name in ("quote_asset", "base_asset", "margin_asset")),
    _decimal("coin_notional"),
    *(Column(name, Text) for name in ("pair", "contract_type")),
    _decimal("contract_size"),
    _of_the_exchange("delivery_at"),
    Column("is_isolated", Boolean),
    *(Column(name, Text) for name in ("order_time_source", "source")),
    *(_of_the_database(name) for name in ("changed_at", "first_seen_at")),
    *(Column(name, Text) for name in ("client_order_id", "position_side")),
)

COLUMNS: Columns = tuple(report_force_orders.columns)


def choose_columns(typed: str | None) -> Columns:
    """The columns of a list with commas, in its order; without one, all. Raises ConfigError."""
    if typed is None:
        return COLUMNS
    names = [name.strip() for name in typed.split(",")]
    known = report_force_orders.columns
    for name in names:
        if name not in known:
            raise ConfigError(f"--columns: there is no column {name!r}; there are {', '.join(known.keys())}")
        if names.count(name) > 1:
            raise ConfigError(f"--columns names {name} twice")
    return tuple(known[name] for name in names)
