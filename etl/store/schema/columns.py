"""What the tables share: their metadata, and columns and checks that occur more than once."""

from typing import Any

from sqlalchemy import CheckConstraint, Column, DateTime, MetaData
from sqlalchemy.dialects.postgresql import TSTZMULTIRANGE

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

EVERY_SYMBOL = "*"
"""The value of the column `symbol` for requests without symbol."""


def moment(name: str, *, required: bool = True) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=not required)


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def known_of_a_scope() -> list[Column[Any]]:
    sets = ("proven", "saturated", "beyond_retention", "failed", "disputed")
    return [
        moment("asked_since", required=False),
        *(Column(name, TSTZMULTIRANGE, nullable=False, server_default="{}") for name in sets),
    ]
