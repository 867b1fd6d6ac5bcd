"""The symbols of the simulated exchange: their scales, their prices, and the assets in their names."""

from dataclasses import dataclass

QUOTES = ("USDT", "USDC", "BUSD", "USD1", "BTC")


@dataclass(frozen=True, slots=True)
class Instrument:
    """A symbol with its decimals and the price around which its history moves (in units of the quote asset).

    `contract_size`: for a coin-margined contract, its worth in USD; its quantities are whole contracts.
    """

    symbol: str
    price: float
    price_decimals: int
    quantity_decimals: int
    contract_size: int | None = None


USDM_INSTRUMENTS = (
    Instrument("BTCUSDT", 96_400.0, 2, 3),
    Instrument("ETHUSDT", 3_320.0, 2, 3),
    Instrument("SOLUSDT", 187.0, 3, 2),
    Instrument("XRPUSDT", 2.31, 4, 1),
    Instrument("DOGEUSDT", 0.32, 5, 0),
    Instrument("1000PEPEUSDT", 0.0171, 7, 0),
    Instrument("LINKUSDC", 22.4, 3, 2),
    Instrument("币安人生USDT", 0.1384, 5, 0),
)

COINM_INSTRUMENTS = (
    Instrument("BTCUSD_PERP", 96_400.0, 1, 0, 100),
    Instrument("BTCUSD_261225", 97_100.0, 1, 0, 100),
    Instrument("ETHUSD_PERP", 3_320.0, 2, 0, 10),
    Instrument("SOLUSD_PERP", 187.0, 3, 0, 10),
    Instrument("DOGEUSD_PERP", 0.32, 5, 0, 10),
)

MARGIN_INSTRUMENTS = (
    Instrument("BTCUSDT", 96_400.0, 2, 5),
    Instrument("ETHUSDT", 3_320.0, 2, 4),
    Instrument("BNBUSDT", 640.0, 2, 3),
    Instrument("BNBBTC", 0.00664, 6, 3),
    Instrument("DOGEUSDC", 0.32, 5, 0),
)

BNB = Instrument("BNBUSDT", 640.0, 2, 2)
"""What fees can be paid in. It has no history of its own."""

ISOLATED_SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBBTC")
"""The margin pairs that can be isolated."""


def usdm_instrument(symbol: str) -> Instrument:
    """The USDⓈ-M instrument of that name; one that is only known from a row is worth about 1."""
    return _USDM.get(symbol) or Instrument(symbol, 1.0, 4, 1)


def coinm_instrument(symbol: str) -> Instrument:
    """The COIN-M contract of that name; one that is only known from a row is worth about 1 and has the usual size."""
    return _COINM.get(symbol) or Instrument(symbol, 1.0, 4, 0, 100 if symbol.startswith("BTC") else 10)


def assets_of(symbol: str) -> tuple[str, str]:
    """Base and quote asset of a symbol, as its name says: BTCUSDT, BTCUSD_PERP."""
    pair, is_contract, _ = symbol.partition("_")
    known = ("USD",) if is_contract else QUOTES
    quote = next((quote for quote in known if pair.endswith(quote)), "USDT")
    return pair.removesuffix(quote), quote


_USDM = {one.symbol: one for one in (*USDM_INSTRUMENTS, BNB)}
_COINM = {one.symbol: one for one in COINM_INSTRUMENTS}
