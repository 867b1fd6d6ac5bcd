"""Many accounts behind one address, for ten minutes of the exchange's clock, which runs ten times as fast.

There is no other traffic on the address; the figures are those that the exchange counts.
"""

import time
from collections.abc import Iterator
from threading import Event

import requests

from benchmarks.places import database, simulator
from benchmarks.table import Figure
from etl.accounts.credentials import Credentials, Keyring
from etl.core.markets import USDM
from etl.exchange.budget import ALLOWANCE
from etl.exchange.clock import ExchangeClock
from etl.runs import composition
from etl.runs.ingest import IngestSpec
from etl.runs.spans import SpanText, backfill_planner
from etl.settings.model import Settings
from etl.settings.secret import SecretStr
from etl.simulator.accounts import demo_accounts
from etl.store.engine import connection_to, engine_for

SPEED = 10
ACCOUNTS = 45
MINUTES = 10


class FastClock(ExchangeClock):
    """The clock of an exchange whose time runs faster than ours."""

    def __init__(self) -> None:
        super().__init__()
        self._began = time.monotonic()

    def now(self) -> int:
        return super().now() + int((time.monotonic() - self._began) * 1_000 * (SPEED - 1))

    def set(self, exchange_time: int) -> int:
        self._began = time.monotonic()
        return super().set(exchange_time)


def figures(server: str) -> Iterator[Figure]:
    keys = Keyring(
        [Credentials(one.name, SecretStr(one.key), SecretStr(one.secret)) for one in demo_accounts(ACCOUNTS)]
    )
    switches = {"profile": "quiet", "accounts": ACCOUNTS, "clock_speed": SPEED, "weight_limit": ALLOWANCE}
    with simulator(**switches) as url, database(server) as place:
        settings = Settings(base_url=url, markets=(USDM,), weight_budget=ALLOWANCE, recv_window_ms=60_000)
        with (
            connection_to(engine_for(place)) as connection,
            composition.reading(settings, keys, connection, Event(), FastClock()) as reader,
        ):
            spec = IngestSpec("backfill", keys, backfill_planner(SpanText(), []))
            composition.ingest_with(connection, reader, spec)
        stats = requests.get(f"{url}/sim/stats", timeout=30).json()
    minutes = [one["weight"] for one in stats["weight_by_minute"]]
    whole = minutes[1:-1][:MINUTES]
    used = sum(whole) / (ALLOWANCE * len(whole))
    what = f"weight used of what is allowed, {len(whole)} minutes of {ACCOUNTS} accounts"
    yield Figure(what, f"{used:.1%}", aim="≥ 95 %")
    yield Figure("… answers with 429 or 418", str(stats["throttled"] + stats["bans"]), aim="0")
