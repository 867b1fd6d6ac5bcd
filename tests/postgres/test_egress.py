"""One budget and one silence for all processes behind an address: who takes weight, and who is refused."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from socket import gethostname

import psycopg
import pytest
from sqlalchemy import Connection

from etl.core.egress import Taken
from etl.core.markets.apis import FUTURES_POOL, PORTFOLIO_POOL
from etl.core.timeline import HOUR, MINUTE, SECOND
from etl.store import egress as module
from etl.store.egress import UNNAMED, PoolEgress, SharedEgress, shared_egress, spent_weights
from etl.store.engine import engine_for
from tests.waiting import wait_until

NOON = 29_000_000 * MINUTE + 30 * SECOND
"""The middle of a minute."""

LATE = NOON + 29 * SECOND + SECOND // 2
NEXT = NOON + MINUTE


class Egresses:
    """Opens what a process opens, each time on a connection of its own."""

    def __init__(self, url: str, running: ExitStack) -> None:
        self._url = url
        self._running = running

    def __call__(self, name: str | None = None) -> PoolEgress:
        return self.shared(name).of_pool(FUTURES_POOL)

    def shared(self, name: str | None = None) -> SharedEgress:
        return self._running.enter_context(shared_egress(engine_for(self._url), name))


def cut_connections(url: str) -> None:
    """All of the program's to this database, as a restart of the server does."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'force-orders'"
        )


@pytest.fixture
def processes(writer_url: str) -> Iterator[Egresses]:
    with ExitStack() as running:
        yield Egresses(writer_url, running)


def test_two_processes_have_one_budget(processes: Egresses) -> None:
    one, other = processes(), processes()
    assert one.take(50, NOON, 100) == Taken(granted=True, spent=50, cooldown=0)
    assert other.take(50, NOON, 100) == Taken(granted=True, spent=100, cooldown=0)
    assert one.take(1, NOON, 100) == Taken(granted=False, spent=100, cooldown=0)


def weights(frankfurt: int) -> dict[tuple[str, str], int]:
    return {("frankfurt", "futures"): frankfurt, ("frankfurt", "portfolio"): 30, ("tokyo/1", "futures"): 0}


def test_what_all_have_spent_of_the_running_minute_can_be_read_by_egress_and_pool(
    processes: Egresses, connection: Connection
) -> None:
    assert spent_weights(connection, NOON) == {}
    first, second, elsewhere = processes.shared("frankfurt"), processes.shared("frankfurt"), processes("tokyo/1")
    lasting = processes.shared("frankfurt").of_pool(PORTFOLIO_POOL)
    one, other = first.of_pool(FUTURES_POOL), second.of_pool(FUTURES_POOL)
    one.take(50, NOON, 100)
    other.take(20, NOON, 100)
    elsewhere.take(40, NOON - MINUTE, 100)
    lasting.take(30, NOON, 100)
    assert spent_weights(connection, NOON) == weights(frankfurt=70)
    one.take(10, LATE, 100)
    assert spent_weights(connection, LATE) == weights(frankfurt=80)
    of_next = spent_weights(connection, NEXT)
    assert of_next["frankfurt", "futures"] == 10, "the last second's may count in the next"
    assert of_next["frankfurt", "portfolio"] == 0
    assert other.take(0, NEXT, 10).spent == spent_weights(connection, NEXT)["frankfurt", "futures"]
    first.close()
    second.close()
    wait_until(lambda: spent_weights(connection, NOON) == weights(frankfurt=0))  # the server has to notice


def test_a_new_minute_begins_with_nothing_spent(processes: Egresses) -> None:
    one = processes()
    assert one.take(100, NOON, 100).granted
    assert one.take(100, NEXT, 100) == Taken(granted=True, spent=100, cooldown=0)


def test_what_was_taken_in_the_last_second_of_a_minute_counts_in_the_next_as_well(processes: Egresses) -> None:
    one, other = processes(), processes()
    assert one.take(60, LATE, 100).granted
    assert other.take(50, NEXT, 100) == Taken(granted=False, spent=60, cooldown=0)
    assert other.take(40, NEXT, 100) == Taken(granted=True, spent=100, cooldown=0)
    assert other.take(100, NEXT + MINUTE, 100).granted


def test_another_address_has_a_budget_of_its_own(processes: Egresses) -> None:
    assert processes("frankfurt").take(100, NOON, 100).granted
    assert processes("tokyo").take(100, NOON, 100).granted


def test_without_a_name_the_weight_is_the_machine_s_and_the_silence_everybody_s(
    processes: Egresses, database_url: str
) -> None:
    unnamed = processes()
    unnamed.take(50, NOON, 100)
    unnamed.start_cooldown(HOUR, "banned")
    with psycopg.connect(database_url) as looking:
        assert looking.execute("SELECT egress FROM spent_weight").fetchall() == [(gethostname(),)]
        assert looking.execute("SELECT egress FROM cooldowns").fetchall() == [(UNNAMED,)]
    assert processes("frankfurt").take(50, NOON, 100).granted


def test_nobody_takes_anything_during_a_silence_that_another_process_was_asked_for(processes: Egresses) -> None:
    one, other = processes(), processes()
    other.start_cooldown(HOUR, "banned")
    granted, spent, silent = one.take(1, NOON, 100)
    assert (granted, spent) == (False, 0)
    assert HOUR - 10 * SECOND < silent <= HOUR


def test_a_budget_without_limit_asks_the_database_for_many_requests_at_once(processes: Egresses) -> None:
    one, other = processes(), processes()
    plenty = 6_400_000
    assert one.take(50, NOON, plenty) == Taken(granted=True, spent=50, cooldown=0)
    assert other.take(50, NOON, plenty).spent == plenty // module.LEASES + 50
    assert one.take(50, NOON, plenty) == Taken(granted=True, spent=100, cooldown=0)


def test_a_lease_is_looked_at_again_soon_so_that_a_silence_ends_it(
    processes: Egresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE_VALID_S", 0)
    one, other = processes(), processes()
    assert one.take(50, NOON, 6_400_000).granted
    other.start_cooldown(HOUR, "banned")
    assert not one.take(50, NOON, 6_400_000).granted


def test_a_lease_ends_with_its_minute_and_where_its_last_second_begins(processes: Egresses) -> None:
    one, other = processes(), processes()
    plenty = 6_400_000
    lease = plenty // module.LEASES
    assert one.take(50, NOON, plenty).spent == 50
    assert one.take(50, LATE, plenty).spent == lease + 50
    assert other.take(0, NOON, plenty).spent == 2 * lease
    assert one.take(50, NEXT, plenty).spent == lease + 50, "what was leased late counts twice, and no more of it"


def test_what_remains_can_be_taken_to_the_last_bit_however_many_take_at_once(processes: Egresses) -> None:
    taken: list[int] = []

    def work(own: PoolEgress) -> None:
        while own.take(50, NOON, 2_400).granted:
            taken.append(50)

    workers = [threading.Thread(target=work, args=[processes()]) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(taken) == 2_400


def test_what_a_process_took_counts_until_it_ends_however_it_does(processes: Egresses, writer_url: str) -> None:
    other = processes()
    with shared_egress(engine_for(writer_url), None) as shared:
        ending = shared.of_pool(FUTURES_POOL)
        assert ending.take(60, NOON, 100).granted
        assert ending.take(30, LATE, 100).granted
        assert not other.take(50, LATE, 100).granted
    wait_until(
        lambda: other.take(50, LATE, 100) == Taken(granted=True, spent=50, cooldown=0)
    )  # the server has to notice
    assert other.take(50, NEXT, 100) == Taken(granted=True, spent=100, cooldown=0)


def test_a_lost_connection_is_replaced_by_the_next_request(processes: Egresses, database_url: str) -> None:
    one = processes()
    assert one.take(60, NOON, 100).granted
    cut_connections(database_url)
    assert one.take(100, NOON, 100) == Taken(granted=True, spent=100, cooldown=0), (
        "of what went before the header tells"
    )


def test_minutes_that_are_long_over_are_forgotten(processes: Egresses, database_url: str) -> None:
    processes().take(50, NOON, 100)
    with psycopg.connect(database_url) as looking:
        looking.execute("UPDATE spent_weight SET noted_at = now() - interval '2 days'")
    processes().take(50, NEXT, 100)
    with psycopg.connect(database_url) as looking:
        assert looking.execute("SELECT count(*) FROM spent_weight").fetchone() == (1,)


def test_each_pool_of_weight_is_counted_by_itself_on_one_connection(
    processes: Egresses, connection: Connection
) -> None:
    shared = processes.shared("frankfurt")
    futures, portfolio = shared.of_pool(FUTURES_POOL), shared.of_pool(PORTFOLIO_POOL)
    assert futures.take(60, NOON, 100) == Taken(granted=True, spent=60, cooldown=0)
    assert portfolio.take(90, NOON, 100) == Taken(granted=True, spent=90, cooldown=0)
    assert not futures.take(50, NOON, 100).granted
    assert spent_weights(connection, NOON) == {("frankfurt", "futures"): 60, ("frankfurt", "portfolio"): 90}


def test_a_cooldown_holds_in_every_pool(processes: Egresses) -> None:
    here, elsewhere = processes.shared("frankfurt"), processes.shared("frankfurt")
    here.of_pool(PORTFOLIO_POOL).start_cooldown(60_000, "banned")
    for shared in (here, elsewhere):
        for pool in (FUTURES_POOL, PORTFOLIO_POOL):
            taken = shared.of_pool(pool).take(1, NOON, 100)
            assert not taken.granted
            assert taken.cooldown > 50_000
