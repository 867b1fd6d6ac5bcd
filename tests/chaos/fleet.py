"""Three workers that share the jobs of some accounts, each with a role of its own, and what may happen to one of them.

`python -m tests.chaos.fleet` does it to each in turn for an hour (FLEET_SECONDS), and prints what it met.
"""

import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import LiteralString

import psycopg
from psycopg import sql

from etl.fleet.jobs import Job
from etl.fleet.queue import enqueue
from etl.simulator.accounts import demo_accounts
from etl.simulator.scenario import Scenario
from etl.simulator.server import Simulator
from etl.store.engine import connection_to, engine_for
from tests.acceptance.lab import DAY, Lab, order_row
from tests.acceptance.long_running import history_of, with_keys
from tests.chaos.ownserver import OwnServer, own_server
from tests.chaos.pacing import QUICK
from tests.chaos.scenes import ALLOWANCE
from tests.command import Command
from tests.environment import bare_environment
from tests.forking import Process

WORKERS = 3
ACCOUNTS = 9
LATENCY_MS = 250
"""So long does each request take, so that something is always under way."""

MOMENT_S = QUICK.heartbeat
MINUTE_S = 1.5 * QUICK.dead_after
"""What is a minute to workers of the usual pace: long enough for the others to take the jobs."""

RECOVERS_WITHIN_S = 60.0
TRIES = 12
"""Attempts of one job that are far more than anything here calls for."""


@dataclass
class Worker:
    """A worker process and its role, which no other process uses. What it says goes to `log`."""

    number: int
    log: Path
    process: Process | None = None

    @property
    def role(self) -> str:
        return f"fleet_{self.number}"


@dataclass
class Fleet:
    """The workers, and the lab that they read: an exchange, a database, the owner's view of it."""

    lab: Lab
    workers: list[Worker]
    nights: int = 0
    met: Counter[str] = field(default_factory=Counter)

    def start(self, worker: Worker, *words: str) -> None:
        """Start its process, by default as a worker."""
        command = self.lab.command
        url = f"{self.lab.database_url}&user={worker.role}&application_name={worker.role}"
        environment = command.environment | {"FORCE_ORDERS_DATABASE_URL": url}
        with worker.log.open("ab") as log:
            worker.process = Process(
                words or ("worker", "--jobs", "2"),
                command.directory,
                environment,
                stdout=log.fileno(),
                stderr=log.fileno(),
                prepare=("tests.chaos.pacing:at_quick_pace", []),
            )

    def keep_up(self) -> None:
        """What a supervisor does: start again what has ended."""
        for worker in self.workers:
            if worker.process is not None and worker.process.poll() is not None:
                self.met[f"a worker ended with {worker.process.returncode}"] += 1
                self.start(worker)

    def tell(self, statement: LiteralString, **names: str) -> None:
        """Run a statement as the owner of the tables."""
        with closing(psycopg.connect(self.lab.database_url, autocommit=True)) as owner:
            owner.execute(sql.SQL(statement).format(**{name: sql.Identifier(value) for name, value in names.items()}))

    def next_night(self) -> None:
        """A new order for each account, and a job to read it."""
        self.nights += 1
        at = self.lab.now() - 2 * DAY
        for account in accounts():
            self.lab.tell(f"orders?account={account}", [order_row("BTCUSDT", self.nights, at + self.nights)])
        with connection_to(engine_for(self.lab.database_url)) as connection:
            enqueue(connection, [Job(account, "default", due_at=self.nights) for account in accounts()])

    def hurry(self) -> None:
        """Whoever waits for a retry in minutes waits for two seconds."""
        with closing(psycopg.connect(self.lab.database_url, autocommit=True)) as owner:
            owner.execute(
                "UPDATE procrastinate_jobs SET scheduled_at = now() + interval '2 seconds'"
                " WHERE status = 'todo' AND scheduled_at > now() + interval '2 seconds'"
            )

    def has_run_since(self, worker: Worker, run_id: int) -> bool:
        """Whether the worker has brought a run to a good end that began after this one."""
        pid = worker.process.pid if worker.process else 0
        found = f"FROM runs WHERE id > {run_id} AND worker LIKE '%/{pid}' AND status = 'succeeded'"
        return bool(self.lab.sql(f"SELECT {found} LIMIT 1"))

    def is_idle(self) -> bool:
        return not self.lab.sql("SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing') LIMIT 1")


def accounts() -> list[str]:
    return [one.name for one in demo_accounts(ACCOUNTS)]


@contextmanager
def fleet(server: OwnServer, directory: Path) -> Iterator[Fleet]:
    """A fleet under way, whose processes end with the block."""
    owned = list(demo_accounts(ACCOUNTS))
    scenario = Scenario(latency_ms=LATENCY_MS, weight_limit=ALLOWANCE, weight_without_symbol=1, weight_with_symbol=1)
    with server.database() as url, ExitStack() as running:
        simulator = running.enter_context(Simulator(scenario, owned, histories={one.name: [] for one in owned}))
        settings = {
            "FORCE_ORDERS_WEIGHT_BUDGET": str(ALLOWANCE),
            "FORCE_ORDERS_RETENTION_DAYS": "8",
            "FORCE_ORDERS_PATIENCE_SECONDS": "1",
        }
        command = Command(directory, bare_environment(directory)).against(simulator, url, **settings)
        made = Fleet(
            with_keys(Lab(simulator, url, command), owned),
            [Worker(number, directory / f"worker-{number}.log") for number in range(1, WORKERS + 1)],
        )
        for worker in made.workers:
            made.tell("DROP ROLE IF EXISTS {role}", role=worker.role)
            made.tell("CREATE ROLE {role} LOGIN", role=worker.role)
            running.callback(made.tell, "DROP OWNED BY {role}; DROP ROLE {role}", role=worker.role)
            restore_rights(made, worker)
            made.start(worker)
            running.callback(end, worker)
        yield made


def end(worker: Worker) -> None:
    if worker.process is not None:
        worker.process.send_signal(signal.SIGCONT)
        worker.process.kill()
        worker.process.wait()


def restore_rights(fleet: Fleet, worker: Worker) -> None:
    fleet.tell("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}", role=worker.role)
    fleet.tell("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}", role=worker.role)


Blow = Callable[[Fleet, Worker, Random], None]


def every_connection_is_cut(fleet: Fleet, worker: Worker, lot: Random) -> None:
    _cut(fleet, worker, 100)


def one_connection_is_cut(fleet: Fleet, worker: Worker, lot: Random) -> None:
    _cut(fleet, worker, 1)


def _cut(fleet: Fleet, worker: Worker, count: int) -> None:
    fleet.lab.sql(
        "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity"
        f" WHERE usename = '{worker.role}' ORDER BY random() LIMIT {count}) AS chosen"
    )


RIGHTS: Sequence[tuple[LiteralString, LiteralString]] = (
    ("UPDATE", "procrastinate_workers"),
    ("SELECT", "procrastinate_workers"),
    ("UPDATE", "procrastinate_jobs"),
    ("SELECT", "procrastinate_jobs"),
    ("INSERT", "procrastinate_events"),
    ("INSERT", "runs"),
    ("UPDATE", "runs"),
    ("SELECT", "coverage"),
    ("UPDATE", "coverage"),
)


def _without_a_right(seconds: float) -> Blow:
    def blow(fleet: Fleet, worker: Worker, lot: Random) -> None:
        right, table = lot.choice(RIGHTS)
        fleet.tell(f"REVOKE {right} ON {table} FROM {{role}}", role=worker.role)
        _wait(fleet, seconds)
        restore_rights(fleet, worker)

    return blow


def _behind_a_lock(seconds: float) -> Blow:
    """Nobody can use a table for a while, as during a migration."""

    def blow(fleet: Fleet, worker: Worker, lot: Random) -> None:
        table = lot.choice(("procrastinate_workers", "procrastinate_jobs", "runs"))
        with closing(psycopg.connect(fleet.lab.database_url)) as other:
            other.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(table)))
            _wait(fleet, seconds)

    return blow


def _signalled(number: int) -> Blow:
    def blow(fleet: Fleet, worker: Worker, lot: Random) -> None:
        assert worker.process is not None
        worker.process.send_signal(number)
        worker.process.wait(30)

    return blow


def _stands_still(seconds: float) -> Blow:
    """As a machine does that is paused, or swaps."""

    def blow(fleet: Fleet, worker: Worker, lot: Random) -> None:
        assert worker.process is not None
        worker.process.send_signal(signal.SIGSTOP)
        _wait(fleet, seconds)
        worker.process.send_signal(signal.SIGCONT)

    return blow


def nothing(fleet: Fleet, worker: Worker, lot: Random) -> None:
    """So that the first blow finds them at work."""


BLOWS: dict[str, Blow] = {
    "nothing": nothing,
    "kill -9": _signalled(signal.SIGKILL),
    "every connection cut": every_connection_is_cut,
    "a right revoked for a minute": _without_a_right(MINUTE_S),
    "stands still for a minute": _stands_still(MINUTE_S),
    "one connection cut": one_connection_is_cut,
    "a right revoked for a moment": _without_a_right(MOMENT_S),
    "a table locked for a moment": _behind_a_lock(MOMENT_S),
    "a table locked for a minute": _behind_a_lock(MINUTE_S),
    "SIGTERM": _signalled(signal.SIGTERM),
    "stands still for a moment": _stands_still(MOMENT_S),
}


def strike(fleet: Fleet, worker: Worker, name: str, lot: Random) -> list[str]:
    """One blow, and the time until every worker works again; a complaint if one does not."""
    fleet.met[name] += 1
    BLOWS[name](fleet, worker, lot)
    (last,) = fleet.lab.sql("SELECT coalesce(max(id), 0) AS id FROM runs")
    waiting = list(fleet.workers)
    deadline = time.monotonic() + RECOVERS_WITHIN_S
    while waiting and time.monotonic() < deadline:
        fleet.hurry()
        if fleet.is_idle():
            fleet.next_night()
        _wait(fleet, 0.3)
        waiting = [one for one in waiting if not fleet.has_run_since(one, last["id"])]
    return [f"{name} of {worker.role}: {one.role} does not work again" for one in waiting]


def leave_alone(fleet: Fleet) -> list[str]:
    """Everything that is left is done, with nothing in its way."""
    deadline = time.monotonic() + RECOVERS_WITHIN_S
    fleet.next_night()
    while not fleet.is_idle() and time.monotonic() < deadline:
        fleet.hurry()
        _wait(fleet, 0.3)
    return complaints(fleet)


def complaints(fleet: Fleet) -> list[str]:
    """What must not be at the end: a job lost or done twice at once, a table that is not the exchange's."""
    found = [
        f"job {row['id']} of {row['account']}: {row['status']} after {row['attempts']} attempts, {row['error']}"
        for row in fleet.lab.sql(f"SELECT * FROM jobs WHERE status <> 'succeeded' OR attempts > {TRIES}")
    ]
    found += [
        f"runs {row['one']} and {row['other']} of job {row['job_id']} at once" for row in fleet.lab.sql(TWICE_AT_ONCE)
    ]
    for account in accounts():
        stored = fleet.lab.sql(f"SELECT symbol, order_id FROM force_orders WHERE account = '{account}'")
        if missing := history_of(fleet.lab, account).keys() - {(row["symbol"], row["order_id"]) for row in stored}:
            found.append(f"{account}: {len(missing)} orders are not stored")
    return found


TWICE_AT_ONCE = """
    WITH read AS (
         SELECT runs.id, runs.job_id, account, tstzrange(runs.started_at, runs.finished_at) AS during
           FROM runs JOIN jobs ON jobs.id = runs.job_id WHERE requests > 0
         )
    SELECT read.id AS one, more.id AS other, more.job_id FROM read JOIN read AS more USING (account)
     WHERE read.id < more.id AND read.during && more.during
"""
"""Two runs that read the same account at the same time. One that found the account taken has sent no request."""


def main() -> int:
    seconds, seed = float(os.environ.get("FLEET_SECONDS", "3600")), int(os.environ.get("CHAOS_SEED", "1"))
    with own_server() as server, tempfile.TemporaryDirectory() as directory:
        lot = Random(f"fleet/{seed}")
        with fleet(server, Path(directory)) as under_way:
            wrong = campaign(under_way, seconds, lot)
            jobs, attempts = report(under_way)
    for complaint in wrong:
        print(complaint)
    print(f"{seconds:.0f} s, {under_way.nights} nights, {jobs} jobs in {attempts} attempts, {len(wrong)} complaints")
    return int(bool(wrong))


def campaign(fleet: Fleet, seconds: float, lot: Random) -> list[str]:
    """Every blow to each worker in turn, until the time is over; then what is wrong."""
    until, wrong = time.monotonic() + seconds, list[str]()
    while time.monotonic() < until and not wrong:
        for name in BLOWS:
            for worker in fleet.workers:
                if time.monotonic() < until:
                    wrong += strike(fleet, worker, name, lot)
                    print(f"{until - time.monotonic():.0f} s left: {name}, {worker.role}", file=sys.stderr, flush=True)
    return [*wrong, *leave_alone(fleet)]


def report(fleet: Fleet) -> tuple[int, int]:
    for name, count in sorted(fleet.met.items()):
        print(f"{count:6} {name}")
    (sums,) = fleet.lab.sql("SELECT count(*) AS jobs, sum(attempts)::int AS attempts FROM jobs")
    return sums["jobs"], sums["attempts"]


def _wait(fleet: Fleet, seconds: float) -> None:
    """Let the workers work; their supervisor looks after them meanwhile."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        fleet.keep_up()
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
