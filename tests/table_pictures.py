"""Pictures of the tables in Mermaid, made from the models: for each file of the schema a diagram of its tables.

The tables have no foreign keys, as rows of one may outlive those of another. A line is drawn where a table has the
columns that are the key of another one.
"""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import dialect

from etl.store import schema
from etl.store.schema import metadata

TYPES = {"TIMESTAMP WITH TIME ZONE": "timestamptz"}
KEYS = {
    "force_orders": ("account", "market", "symbol", "order_id"),
    "instruments": ("market", "symbol"),
}
"""Tables to which others refer by the columns of their key."""

IDS = {"run_id": "runs", "first_run_id": "runs", "last_run_id": "runs", "decision_id": "decisions"}
"""Columns that are the id of a row in another table."""


def tables_reference() -> str:
    """A heading, what the file holds, and a diagram for each file of the schema."""
    return "\n".join(_section(name, words, tables) for name, words, tables in _files())


def _files() -> Iterator[tuple[str, str, list[Table]]]:
    """(name, what it says of itself, its tables) of each file that makes tables."""
    for found in sorted(iter_modules(schema.__path__), key=lambda one: (one.name != "orders", one.name)):
        module = import_module(f"{schema.__name__}.{found.name}")
        tables = [one for one in vars(module).values() if isinstance(one, Table)]
        if tables:
            yield found.name, (module.__doc__ or "").splitlines()[0], tables


def _section(name: str, words: str, tables: list[Table]) -> str:
    title = name.replace("_", " ").capitalize()
    lines = [f"### {title}", "", words, "", "```mermaid", "erDiagram"]
    for table in tables:
        lines += [f"    {table.name} {{", *(f"        {_attribute(column)}" for column in table.columns), "    }"]
    lines += [f"    {line}" for table in tables for line in _links(table)]
    return "\n".join([*lines, "```", ""])


def _attribute(column: "Column[object]") -> str:
    kind = column.type.compile(dialect())  # type: ignore[no-untyped-call]
    shown = f"{TYPES.get(kind, kind.lower())} {column.name}"
    return f"{shown} PK" if column.primary_key else f'{shown} "may be null"' if column.nullable else shown


def _links(table: Table) -> Iterator[str]:
    for other, key in KEYS.items():
        if table.name != other and set(key) <= set(table.columns.keys()) and other in metadata.tables:
            if other == "instruments" and table.name != "force_orders":
                continue  # whatever names an order names its symbol as well
            yield f'{other} ||--o{{ {table.name} : "{", ".join(key)}"'
    for column, other in IDS.items():
        if column in table.columns:
            yield f'{other} ||--o{{ {table.name} : "{column}"'
