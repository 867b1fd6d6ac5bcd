"""`backfill`: reads the history of a span once."""

from collections.abc import Sequence

from etl.accounts.credentials import keyring
from etl.runs.arguments import check_markets, check_readable, parse_symbols
from etl.runs.ingest import IngestSpec
from etl.runs.spans import SpanText, backfill_planner
from etl.settings.model import Settings


def backfill_spec(
    settings: Settings,
    accounts: Sequence[str],
    symbols: Sequence[str],
    span: SpanText,
    markets: Sequence[str] = (),
    *,
    costs: bool = False,
) -> IngestSpec:
    """Raises ConfigError before anything is requested or opened. `costs`: also read what the orders cost."""
    names = parse_symbols(symbols)
    check_readable(settings, span)
    keys = keyring(settings, accounts)
    check_markets(settings, [one.account for one in keys.usable], names, markets)
    return IngestSpec("backfill", keys, backfill_planner(span, names), names, markets, span, costs)
