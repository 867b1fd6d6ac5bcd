"""What a worker's job costs when nothing is new, by how many accounts there are, and what three workers do together."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from sqlalchemy import Engine, event

from benchmarks.places import COMPILED, ORDERS_ALONE, PLENTY, ROOT, database, orders_alone, rows, simulator
from benchmarks.server_cpu import server_cpu
from benchmarks.table import Figure
from etl.core.markets import USDM
from etl.fleet.jobs import ClaimedJob, Job
from etl.fleet.queue import enqueue
from etl.fleet.worker_context import WorkerContext
from etl.runs import composition
from etl.settings.model import AccountKeys, Settings
from etl.settings.secret import SecretStr
from etl.simulator.accounts import Account, demo_accounts
from etl.store.engine import connection_to, engine_for

ACCOUNTS = (1, 40)
JOBS = 40
"""Jobs of a night that is measured, at least."""

WORKERS, TOGETHER = 3, 400
WARM = 80
"""Jobs until all workers have started. The rate is that of those after them: a worker lives for months."""
PATIENCE_S = 300


@dataclass(frozen=True)
class JobCost:
    """Milliseconds of wall time, of the worker's CPU and of the server's, and statements, all of one job."""

    wall: float
    cpu: float
    server_cpu: float
    statements: float

    @property
    def both(self) -> float:
        return self.cpu + self.server_cpu


def figures(server: str) -> Iterator[Figure]:
    for number in ACCOUNTS:
        with database(server) as place, TemporaryDirectory() as directory:
            yield from job(place, Path(directory), number, f"a job where nothing is new, accounts: {number}")
    yield from three_workers(server)


def job(place: str, directory: Path, number: int, what: str) -> Iterator[Figure]:
    """The second and the later nights of so many accounts."""
    accounts = demo_accounts(number)
    with simulator(profile="quiet", accounts=number) as url:
        cost = nights(place, settings_of(place, url, accounts, directory), accounts)
    yield Figure(what, f"CPU {cost.cpu:.0f} ms, the server's {cost.server_cpu:.0f} ms", aim="both ≤ 20 ms")
    yield Figure("… two cores could do, jobs a second", f"{2000 / cost.both:.0f}", aim="≥ 100")
    yield Figure("… statements", f"{cost.statements:.0f}")


def nights(place: str, settings: Settings, accounts: Sequence[Account]) -> JobCost:
    """The mean of the jobs of all nights but the first, one after the other, force orders alone."""
    settings, stop, statements = orders_alone(settings), Event(), 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    with composition.access(settings, engine_for(place), stop) as access:
        context = WorkerContext(settings, access, stop, "bench/1")
        run_night(context, accounts, 0)
        event.listen(Engine, "before_cursor_execute", count)
        began, cpu, server = time.monotonic(), time.process_time(), server_cpu(place)
        later = range(1, 1 + max(1, JOBS // len(accounts)))
        for number in later:
            run_night(context, accounts, number)
        wall, own, of_server = time.monotonic() - began, time.process_time() - cpu, server_cpu(place) - server
        event.remove(Engine, "before_cursor_execute", count)
        context.connections.close()
    jobs = len(later) * len(accounts)
    return JobCost(1000 * wall / jobs, 1000 * own / jobs, 1000 * of_server / jobs, statements / jobs)


def run_night(context: WorkerContext, accounts: Sequence[Account], night: int) -> None:
    for number, one in enumerate(accounts):
        context.run_job(ClaimedJob(Job(one.name, "default", is_last=True), 10_000_000 * (1 + night) + number, 0))


def three_workers(server: str) -> Iterator[Figure]:
    """Three processes and the queue, with the simulator on the same cores."""
    accounts = demo_accounts(TOGETHER)
    with ExitStack() as stack:
        url = stack.enter_context(simulator(profile="quiet", accounts=TOGETHER))
        place = stack.enter_context(database(server))
        directory = Path(stack.enter_context(TemporaryDirectory()))
        settings = settings_of(place, url, accounts, directory)
        nights(place, settings, accounts)
        with connection_to(engine_for(place)) as connection:
            enqueue(connection, [Job(one.name, "default", is_last=True) for one in accounts])
        jobs = rows(place, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
        server_before = server_cpu(place)
        environment = {
            **os.environ,
            **COMPILED,
            "PYTHONPATH": str(ROOT),
            "FORCE_ORDERS_CONFIG": str(_file(settings, directory)),
        }
        workers = [
            subprocess.Popen(
                [sys.executable, "-m", "etl", "worker", "--jobs", "4"],
                env=environment,
                cwd=ROOT,
                stderr=subprocess.DEVNULL,
            )
            for _ in range(WORKERS)
        ]
        for worker in workers:
            stack.callback(worker.kill)
        began, first = _when(place, jobs, WARM)
        ended, last = _when(place, jobs, jobs)
        server_spent = server_cpu(place) - server_before
        for worker in workers:
            worker.terminate()
        spent = [os.wait4(worker.pid, 0)[2] for worker in workers]
    cpu = sum(one.ru_utime + one.ru_stime for one in spent)
    what = f"three workers, {jobs} jobs of {TOGETHER} accounts, jobs a second"
    yield Figure(what, f"{(last - first) / (ended - began):.0f}", aim="≥ 100")
    each = f"CPU {1000 * cpu / jobs:.0f} ms, the server's {1000 * server_spent / jobs:.0f} ms"
    yield Figure("… a job, with the queue and the start of the workers", each)


def _when(place: str, jobs: int, ended: int) -> tuple[float, int]:
    """The moment when so many jobs have ended, and how many have ended then."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        done = rows(place, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'")
        if done >= min(ended, jobs):
            return time.monotonic(), done
        time.sleep(0.05)
    raise RuntimeError("the workers do not end their jobs")


def settings_of(place: str, url: str, accounts: Sequence[Account], directory: Path) -> Settings:
    return Settings(
        database_url=SecretStr(place),
        base_url=url,
        markets=(USDM,),
        weight_budget=PLENTY,
        data_dir=directory,
        accounts={one.name: _keys(directory, one) for one in accounts},
    )


def _keys(directory: Path, account: Account) -> AccountKeys:
    files = []
    for name, secret in (("key", account.key), ("secret", account.secret)):
        files.append(directory / f"{account.name}.{name}")
        files[-1].touch(mode=0o600)
        files[-1].write_text(secret)
    return AccountKeys(api_key_file=files[0], api_secret_file=files[1])


def _file(settings: Settings, directory: Path) -> Path:
    """A settings file that says the same, without what a night reads besides force orders."""
    assert settings.database_url is not None
    lines = [
        f'database_url = "{settings.database_url.get_secret_value()}"',
        f'base_url = "{settings.base_url}"',
        'markets = ["usdm"]',
        f"weight_budget = {PLENTY}",
        *(f"{name} = {value}" for name, value in ORDERS_ALONE.items()),
        f'data_dir = "{directory}"',
    ]
    for name, keys in settings.accounts.items():
        assert isinstance(keys, AccountKeys)
        lines += [
            f"[accounts.{name}]",
            f'api_key_file = "{keys.api_key_file}"',
            f'api_secret_file = "{keys.api_secret_file}"',
        ]
    file = directory / "force-orders.toml"
    file.touch(mode=0o600)
    file.write_text("\n".join(lines))
    return file
