"""The pictures of docs/tables.md: every table once, every column, in words that Mermaid reads."""

import re

from etl.store.schema import metadata
from tests.table_pictures import tables_reference

DIAGRAMS = re.findall(r"```mermaid\nerDiagram\n(.*?)```", tables_reference(), re.DOTALL)
ENTITY = re.compile(r"^    (\w+) \{\n(.*?)^    \}$", re.MULTILINE | re.DOTALL)
ATTRIBUTE = re.compile(r'        [a-z]+ ([a-z0-9_]+)(?: PK| "may be null")?')
LINK = re.compile(r'    (\w+) \|\|--o\{ (\w+) : "[a-z_, ]+"')


def test_every_table_has_a_picture_with_all_its_columns() -> None:
    drawn = [(name, body) for diagram in DIAGRAMS for name, body in ENTITY.findall(diagram)]
    columns = {
        name: [found[1] for line in body.splitlines() if (found := ATTRIBUTE.fullmatch(line))] for name, body in drawn
    }
    assert len(drawn) == len(columns)
    assert columns == {name: list(table.columns.keys()) for name, table in metadata.tables.items()}


def test_every_other_line_joins_two_tables() -> None:
    links = [line for diagram in DIAGRAMS for line in ENTITY.sub("", diagram).splitlines() if line.strip()]
    found = [LINK.fullmatch(line) for line in links]
    assert [line for line, link in zip(links, found, strict=True) if link is None] == []
    assert {name for link in found if link for name in link.groups()} <= set(metadata.tables)
    assert '    force_orders ||--o{ force_order_fills : "account, market, symbol, order_id"' in links
