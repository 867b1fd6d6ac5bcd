"""`reconcile`: holds the stored force orders against the list of all orders of each account."""

from collections.abc import Sequence

from etl.accounts.credentials import keyring
from etl.runs.arguments import check_readable
from etl.runs.reconciliation import ReconcileSpec
from etl.runs.spans import SpanText
from etl.settings.model import Settings


def reconcile_spec(
    settings: Settings, accounts: Sequence[str], span: SpanText, markets: Sequence[str] = ()
) -> ReconcileSpec:
    """Raises ConfigError before anything is requested."""
    check_readable(settings, span)
    return ReconcileSpec(keyring(settings, accounts), span, markets)
