"""The table of how far exports came."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from etl.store.schema.columns import metadata, moment

export_marks = Table(
    "export_marks",
    metadata,
    Column("name", Text, primary_key=True),
    moment("changed_until"),
    moment("exported_at"),
    Column("file", Text),
    Column("orders", BigInteger, nullable=False),
    Column("selection", JSONB, nullable=False),
    CheckConstraint("orders >= 0", name="orders"),
)
