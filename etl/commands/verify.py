"""`verify`: reads history again and compares it with the database."""

from collections.abc import Sequence

from etl.accounts.credentials import keyring
from etl.core.sampling import Sample
from etl.runs.arguments import check_readable
from etl.runs.spans import SpanText
from etl.runs.verification import VerifySpec
from etl.settings.model import Settings


def verify_spec(
    settings: Settings,
    accounts: Sequence[str],
    span: SpanText,
    sample: int | None,
    markets: Sequence[str] = (),
    *,
    repair: bool,
) -> VerifySpec:
    """`sample`: how many windows to read, at random; None: all. Raises ConfigError before anything is requested."""
    check_readable(settings, span)
    return VerifySpec(keyring(settings, accounts), span, Sample(sample), repair, markets)
