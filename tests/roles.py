"""The roles of the database, with the rights that docs/operations.md gives them."""

import os
import re
from urllib.parse import quote, urlencode

from etl.store.engine import parse_url
from tests.pages import section

ROLES = {name: f"fo_{name}_{os.getpid()}" for name in ("owner", "writer", "reader")}
"""The documented roles, under names of this process: roles belong to the server, which others may share."""

ROLE_PASSWORD = "pa55word-of-every-role"


def rights(database: str) -> tuple[str, str]:
    """The documented statements for a database: those that a superuser runs once, those of the owner after upgrades."""
    once, after_each_upgrade = (
        re.sub(r"\bforce_orders_(owner|writer|reader)\b", lambda role: ROLES[role[1]], block).replace(
            "ON DATABASE force_orders ", f"ON DATABASE {database} "
        )
        for block in re.findall(r"```sql\n(.*?)```", section("docs/operations.md", "Roles and rights"), re.DOTALL)
    )
    return once, after_each_upgrade


def as_role(role: str, url: str) -> str:
    """The libpq URL of the same database for this role of `ROLES`, with its password."""
    rest = parse_url(url) | {"user": "", "password": ""}
    query = urlencode({name: value for name, value in rest.items() if value and name != "dbname"})
    return f"postgresql://{ROLES[role]}:{ROLE_PASSWORD}@/{quote(rest['dbname'])}?{query}"
