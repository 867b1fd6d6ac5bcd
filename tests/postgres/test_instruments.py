"""What an exchange lists is kept, whatever it lists later."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, text

from etl.core.instruments import Instrument
from etl.core.timeline import to_datetime
from etl.store import instruments

QUARTER = 1_601_020_800_000
PERPETUAL = Instrument("BTCUSD_PERP", "BTC", "USD", "BTC", "BTCUSD", "PERPETUAL", Decimal(100), None, "TRADING")
QUARTERLY = Instrument(
    "BTCUSD_200925", "BTC", "USD", "BTC", "BTCUSD", "CURRENT_QUARTER", Decimal(100), QUARTER, "TRADING"
)


def remember(connection: Connection, *listed: Instrument, market: str = "coinm") -> None:
    """Each time in a transaction of its own, and so with a time of its own."""
    instruments.remember(connection, market, listed)
    connection.commit()


def known(connection: Connection) -> dict[str, dict[str, Any]]:
    """Without the moment at which each was listed last."""
    rows = connection.execute(text("SELECT * FROM instruments ORDER BY market, symbol")).mappings().all()
    connection.rollback()
    return {row["symbol"]: {name: value for name, value in row.items() if name != "seen_at"} for row in rows}


def test_every_column_says_what_the_exchange_said(connection: Connection) -> None:
    remember(connection, PERPETUAL, QUARTERLY)
    found = known(connection)
    assert found["BTCUSD_PERP"]["delivery_at"] is None
    one = found["BTCUSD_200925"]
    assert one.pop("first_seen_at") == one.pop("changed_at")
    assert one == {
        "market": "coinm",
        "symbol": "BTCUSD_200925",
        "base_asset": "BTC",
        "quote_asset": "USD",
        "margin_asset": "BTC",
        "pair": "BTCUSD",
        "contract_type": "CURRENT_QUARTER",
        "contract_size": Decimal(100),
        "delivery_at": to_datetime(QUARTER),
        "status": "TRADING",
        "is_listed": True,
    }


def test_what_is_delisted_stays_and_what_comes_back_is_listed(connection: Connection) -> None:
    remember(connection, PERPETUAL, QUARTERLY)
    first = known(connection)
    remember(connection, PERPETUAL)
    gone = known(connection)
    assert gone["BTCUSD_PERP"] == first["BTCUSD_PERP"], "nothing changed"
    changed_at = gone["BTCUSD_200925"]["changed_at"]
    assert changed_at > first["BTCUSD_200925"]["changed_at"]
    assert gone["BTCUSD_200925"] == first["BTCUSD_200925"] | {"is_listed": False, "changed_at": changed_at}
    remember(connection, PERPETUAL)
    assert known(connection) == gone
    remember(connection, PERPETUAL, QUARTERLY)
    assert known(connection)["BTCUSD_200925"]["is_listed"] is True


def test_a_change_is_kept_with_its_time(connection: Connection) -> None:
    remember(connection, Instrument("BTCUSD_200925", status="PENDING_TRADING"))
    before = known(connection)["BTCUSD_200925"]
    remember(connection, QUARTERLY)
    after = known(connection)["BTCUSD_200925"]
    assert (after["status"], after["contract_size"]) == ("TRADING", 100)
    assert after["first_seen_at"] == before["first_seen_at"] < after["changed_at"]


def test_a_listing_is_recent_until_the_next_night(connection: Connection) -> None:
    assert not instruments.are_recent(connection, "coinm")
    remember(connection, PERPETUAL)
    assert instruments.are_recent(connection, "coinm")
    assert instruments.are_recent(connection, "pm-coinm"), "it has the same instruments"
    assert not instruments.are_recent(connection, "usdm")
    connection.execute(text("UPDATE instruments SET seen_at = seen_at - interval '21 hours'"))
    assert not instruments.are_recent(connection, "coinm")
    remember(connection, PERPETUAL)
    assert instruments.are_recent(connection, "coinm")


def test_a_listing_without_symbols_is_no_answer(connection: Connection) -> None:
    remember(connection, PERPETUAL)
    remember(connection)
    assert known(connection)["BTCUSD_PERP"]["is_listed"] is True


@pytest.mark.parametrize(
    ("market", "shared"),
    [
        *(("usdm", "usdm"), ("pm-usdm", "usdm"), ("coinm", "coinm"), ("pm-coinm", "coinm")),
        *(("margin", "margin"), ("pm-margin", "margin")),
    ],
)
def test_the_markets_of_portfolio_margin_share_the_instruments_of_the_others(
    connection: Connection, market: str, shared: str
) -> None:
    remember(connection, Instrument("OTHER"), market="other")
    remember(connection, PERPETUAL, market=market)
    found = {symbol: (one["market"], one["is_listed"]) for symbol, one in known(connection).items()}
    assert found == {"OTHER": ("other", True), "BTCUSD_PERP": (shared, True)}
