"""An instrument: what a symbol of a market is, as the exchange lists it."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Instrument:
    """One symbol. None: the exchange does not say it, or the market has no such thing."""

    symbol: str
    base_asset: str | None = None
    quote_asset: str | None = None
    margin_asset: str | None = None
    pair: str | None = None
    contract_type: str | None = None
    contract_size: Decimal | None = None
    """What one contract is worth, in the quote asset."""
    delivery_at: int | None = None
    """Epoch milliseconds. None: it never expires."""
    status: str | None = None
