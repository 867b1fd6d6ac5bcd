"""How many accounts one address can sync in a minute of the exchange's clock, which runs ten times as fast here.

A real worker with all its jobs, runs and transactions; every account is complete up to yesterday.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import requests

from benchmarks.budget import SPEED, FastClock
from benchmarks.places import database, orders_alone, simulator
from benchmarks.table import Figure
from etl.core.findings import Finding, Verdict
from etl.core.markets import USDM
from etl.core.timeline import DAY, MINUTE, Window
from etl.errors import StoppedError
from etl.exchange.budget import ALLOWANCE
from etl.exchange.clock import local_now
from etl.fleet.jobs import Job
from etl.fleet.queue import enqueue
from etl.fleet.service import ServiceOptions, serve
from etl.settings.model import AccountKeys, Settings
from etl.settings.secret import SecretStr
from etl.simulator.accounts import Account, demo_accounts
from etl.store import coverage
from etl.store.engine import connection_to, engine_for

MINUTES = 5
"""Whole minutes that are counted."""

PATIENCE_S = 120

WHOLE_NIGHT = 50 + 30 + 5
"""Weight of a night without anything new: the force orders, one type of income, the list of all orders."""


def figures(server: str) -> Iterator[Figure]:
    for budget in (ALLOWANCE // 2, ALLOWANCE):
        nights, throttled = measured(server, budget, 50, is_whole=False)
        yield Figure(f"accounts a minute, nights at {budget} weight a minute", f"{nights:.1f}", f"{budget // 50}")
        yield Figure("… answers with 429 or 418", str(throttled), aim="0")
        whole, _ = measured(server, budget, WHOLE_NIGHT, is_whole=True)
        yield Figure("… with income and the list of all orders", f"{whole:.1f}", f"{budget // WHOLE_NIGHT}")


def measured(server: str, budget: int, weight: int, *, is_whole: bool) -> tuple[float, int]:
    """Accounts synced in each whole minute, and the number of responses 429 and 418.

    `weight`: of one night; `is_whole`: whether it reads income and the list of all orders too.
    """
    accounts = demo_accounts(budget // weight * (MINUTES + 2))
    switches = {"profile": "quiet", "accounts": len(accounts), "clock_speed": SPEED, "weight_limit": ALLOWANCE}
    with simulator(**switches) as url, database(server) as place, TemporaryDirectory() as directory:
        keys = {one.name: _keys(Path(directory), one) for one in accounts}
        settings = Settings(
            database_url=SecretStr(place),
            base_url=url,
            markets=(USDM,),
            weight_budget=budget,
            recv_window_ms=60_000,
            accounts=keys,
        )
        settings = settings if is_whole else orders_alone(settings)
        with connection_to(engine_for(place)) as connection:
            for one in accounts:
                known = Finding(Window(local_now() - 80 * DAY, local_now() - DAY), Verdict.PROVEN)
                coverage.record(connection, one.name, USDM, [known])
            enqueue(connection, [Job(one.name, "default") for one in accounts])
        done, stop = count(), Event()

        def say(line: str) -> None:
            if next(done) == len(accounts) - 1:
                stop.set()

        worker = Thread(target=lambda: _serve(settings, stop, say))
        worker.start()
        stop.wait(PATIENCE_S)
        stop.set()
        worker.join()
        stats = requests.get(f"{url}/sim/stats", timeout=30).json()
    whole = sorted(one["minute_ms"] for one in stats["weight_by_minute"])[1:-1][:MINUTES]
    asked = [one for one in stats["log"] if one["server_time_ms"] // MINUTE * MINUTE in whole and one["status"] == 200]
    return len(asked) / len(whole), stats["throttled"] + stats["bans"]


def _serve(settings: Settings, stop: Event, say: Callable[[str], None]) -> None:
    with suppress(StoppedError):
        serve(settings, ServiceOptions(["default"], 8), stop, say, FastClock())


def _keys(directory: Path, account: Account) -> AccountKeys:
    files = []
    for name, secret in (("key", account.key), ("secret", account.secret)):
        files.append(directory / f"{account.name}.{name}")
        files[-1].touch(mode=0o600)
        files[-1].write_text(secret)
    return AccountKeys(api_key_file=files[0], api_secret_file=files[1])
