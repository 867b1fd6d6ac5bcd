"""The orders of archive files in `force_orders`: their upsert, and what the API says of the same orders and time."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select, tuple_

from etl.core.archive.rows import ArchivedOrder
from etl.core.orders import Key, TimeSource
from etl.core.timeline import Window, to_datetime
from etl.store.orders import IS_OF_API
from etl.store.schema import force_orders
from etl.store.upserting import Change, changes_of, joined, parameters, upsert_statement

Columns = Mapping[str, Any]
"""The columns of an order by name, all but `raw`."""

AT_ONCE = 5_000
"""Orders in one statement."""


def upsert(
    connection: Connection, account: str, market: str, run_id: int, file_id: int, orders: Sequence[ArchivedOrder]
) -> dict[Key, Change]:
    """Write the orders of a file, one version of each; returns the change of each key that was written.

    A row of the API always stays. Raises DBAPIError (DataError) where Postgres cannot read a row.
    """
    changes: dict[Key, Change] = {}
    ordered = sorted(orders, key=lambda order: order.key)  # so that two writers lock the same rows in the same order
    for i in range(0, len(ordered), AT_ONCE):
        some = ordered[i : i + AT_ONCE]
        values = {"account": account, "market": market, "run_id": run_id, "file_id": file_id, **parameters(some)}
        values["fields"] = joined(json.dumps(order.fields) for order in some)
        changes |= changes_of(connection.execute(_UPSERT, values))
    return changes


def keys_of_api(connection: Connection, account: str, market: str) -> set[Key]:
    """Every order of the API, by its key."""
    table = force_orders.c
    of_scope = (table.account == account, table.market == market, IS_OF_API)
    return {
        (row.symbol, row.order_id) for row in connection.execute(select(table.symbol, table.order_id).where(*of_scope))
    }


def of_api(connection: Connection, account: str, market: str, keys: Sequence[Key]) -> dict[Key, Columns]:
    """The orders of the API among these keys, all their columns but `raw`."""
    table = force_orders.c
    columns = [column for column in table if column is not table.raw]
    found: dict[Key, Columns] = {}
    for i in range(0, len(keys), AT_ONCE):
        rows = connection.execute(
            select(*columns).where(
                table.account == account,
                table.market == market,
                IS_OF_API,
                tuple_(table.symbol, table.order_id).in_(keys[i : i + AT_ONCE]),
            )
        )
        found |= {(row["symbol"], row["order_id"]): dict(row) for row in rows.mappings()}
    return found


def of_api_within(connection: Connection, account: str, market: str, windows: Sequence[Window]) -> dict[Key, Columns]:
    """The orders of the API whose order time lies in these windows, all their columns but `raw`."""
    table = force_orders.c
    columns = [column for column in table if column is not table.raw]
    found: dict[Key, Columns] = {}
    for window in windows:
        rows = connection.execute(
            select(*columns).where(
                table.account == account,
                table.market == market,
                IS_OF_API,
                table.order_time >= to_datetime(window.start),
                table.order_time < to_datetime(window.end),
            )
        )
        found |= {(row["symbol"], row["order_id"]): dict(row) for row in rows.mappings()}
    return found


_UPSERT = upsert_statement(
    "fields",
    {
        "order_time_source": f"'{TimeSource.TIME}'",
        "source": "'archive'",
        "time_precision": "'s'",
        "archive_file_id": "CAST(:file_id AS bigint)",
    },
    """
               stored.source = 'archive'
           AND (excluded.update_time > stored.update_time
                OR excluded.update_time = stored.update_time AND excluded.executed_qty > stored.executed_qty)""",
)
