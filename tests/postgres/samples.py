"""Rows as the exchange sends them, and pages of them, for the tests of the store."""

import json
from typing import Any

from etl.core.findings import Finding, Verdict
from etl.core.paging import Page
from etl.core.timeline import Window
from etl.exchange.pages import read_page
from tests.documented import RECEIVED_AT, ROW

ACCOUNT = "main"


def row(**changes: Any) -> str:
    """The documented row as JSON text, with some of its fields changed."""
    return json.dumps(ROW | changes)


def page(*rows: str, received_at: int = RECEIVED_AT) -> Page:
    """The response that holds these rows, as the exchange's edge reads it."""
    return read_page(f"[{', '.join(rows)}]".encode(), received_at)


def proven(start: int, end: int, symbol: str | None = None) -> Finding:
    return Finding(Window(start, end), Verdict.PROVEN, symbol)
