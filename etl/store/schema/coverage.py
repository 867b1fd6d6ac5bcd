"""The table of what is proven of force orders."""

from sqlalchemy import Column, Table, Text
from sqlalchemy.dialects.postgresql import TSTZMULTIRANGE

from etl.store.schema.columns import known_of_a_scope, metadata

coverage = Table(
    "coverage",
    metadata,
    Column("account", Text, primary_key=True),
    Column("market", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    *known_of_a_scope(),
    Column("archived", TSTZMULTIRANGE, nullable=False, server_default="{}"),
)
