"""Numbers as they are sent: the views keep every digit, and a model for warehouses has those that fit a type."""

from decimal import Decimal
from typing import Any

import pytest
from psycopg.errors import NumericValueOutOfRange
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests.environment import ROOT
from tests.postgres.reported import at, found, write

MODEL = (ROOT / "config" / "dbt" / "models" / "typed_orders.sql").read_text(encoding="utf-8")
TYPED = text(MODEL.replace("{{ source('force_orders', 'report_force_orders') }}", "report_force_orders"))
LONG: dict[str, Any] = {"cumQuote": "123456789012345678901.5", "avgPrice": "0.1234567890123456789"}


def test_a_view_has_every_digit(connection: Connection) -> None:
    write(connection, at(1_790_000_000_000, **LONG))
    (order,) = found(connection, "report_force_orders")
    assert (str(order["notional"]), str(order["average_price"])) == (LONG["cumQuote"], LONG["avgPrice"])


def test_a_cast_fails_where_a_number_does_not_fit_and_scale_finds_what_it_would_round(connection: Connection) -> None:
    write(connection, at(1_790_000_000_000, **LONG))
    rounded = text("SELECT count(*) FROM report_force_orders WHERE scale(average_price) > 18")
    assert connection.scalar(rounded) == 1
    with pytest.raises(DBAPIError) as refused:
        connection.execute(text("SELECT notional::numeric(38,18) FROM report_force_orders")).all()
    assert isinstance(refused.value.orig, NumericValueOutOfRange)


def test_the_typed_model_rounds_nothing_and_fails_on_nothing(connection: Connection) -> None:
    write(connection, at(1_790_000_000_000, **LONG), at(1_790_000_000_000, 2, cumQuote="99999999999999999999.5000"))
    types = text("SELECT DISTINCT pg_typeof(price), scale(price) FROM (" + TYPED.text + ") AS typed")
    assert connection.execute(types).all() == [("numeric", 18)]
    unfit, fit = sorted(connection.execute(TYPED).mappings().all(), key=lambda row: row["order_id"])
    assert [unfit[name] for name in ("notional", "average_price", "is_exact")] == [None, None, False]
    assert (unfit["quantity_filled"], unfit["price"]) == (Decimal("0.001"), Decimal("10871.09"))
    assert (fit["notional"], fit["is_exact"]) == (Decimal("99999999999999999999.5"), True)
