"""`backfill`: reads the history of a span once."""

from collections.abc import Sequence

from etl.accounts.credentials import keyring
from etl.runs.arguments import check_readable, parse_symbols
from etl.runs.ingest import IngestSpec
from etl.runs.spans import SpanText, backfill_planner
from etl.settings.model import Settings


def backfill_spec(settings: Settings, accounts: Sequence[str], symbols: Sequence[str], span: SpanText) -> IngestSpec:
    """Raises ConfigError before anything is requested or opened."""
    names = parse_symbols(symbols)
    check_readable(settings, span)
    return IngestSpec("backfill", keyring(settings, accounts), backfill_planner(span, names), names, span=span)
