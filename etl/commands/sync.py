"""`sync`: the nightly job, from each watermark to now."""

from collections.abc import Sequence

from etl.accounts.credentials import keyring
from etl.runs.ingest import IngestSpec
from etl.runs.spans import nightly_planner
from etl.settings.model import Settings


def sync_spec(settings: Settings, accounts: Sequence[str], markets: Sequence[str] = ()) -> IngestSpec:
    """Raises ConfigError before anything is requested or opened."""
    return IngestSpec("sync", keyring(settings, accounts), nightly_planner, markets=markets)
