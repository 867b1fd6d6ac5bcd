"""Why the views do not cast to numeric(38,18): what the exchange sends is kept with every digit, however long."""

from typing import Any

import pytest
from psycopg.errors import NumericValueOutOfRange
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests.postgres.reported import at, found, write

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
