"""Whatever a command waits for stands in its progress line, with the seconds, and once in its log."""

import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest
from rich.cells import cell_len

from etl.simulator.scenario import Scenario
from tests.acceptance.lab import Lab, Labs
from tests.acceptance.terminal import COLUMNS, on_a_terminal
from tests.combining import few_of

Making = Callable[[Labs], AbstractContextManager[Lab]]

EARLY_IN_A_MINUTE = int(time.time()) // 60 * 60_000 + 5_000


@contextmanager
def little_budget(lab: Labs) -> Iterator[Lab]:
    poor = lab(Scenario(clock_at_ms=EARLY_IN_A_MINUTE))
    poor.command.environment["FORCE_ORDERS_WEIGHT_BUDGET"] = "101"
    yield poor


@contextmanager
def others(lab: Labs) -> Iterator[Lab]:
    yield lab(Scenario(clock_at_ms=EARLY_IN_A_MINUTE, others_weight=2_400), room=False)


@contextmanager
def a_ban(lab: Labs) -> Iterator[Lab]:
    banned = lab()
    banned.tell("faults", [{"kind": "ban", "at": 3, "seconds": 600}])
    banned.command.environment["FORCE_ORDERS_PATIENCE_SECONDS"] = "3600"
    yield banned


@contextmanager
def a_failing_exchange(lab: Labs) -> Iterator[Lab]:
    failing = lab()
    failing.tell("faults", [{"kind": "status", "status": 503, "path": "/fapi/v1/forceOrders"}])
    # One window in flight: several would each wait for a retry of their own.
    failing.command.environment.update(FORCE_ORDERS_ATTEMPTS="20", FORCE_ORDERS_CONCURRENCY="1")
    yield failing


@contextmanager
def a_slow_exchange(lab: Labs) -> Iterator[Lab]:
    hanging = lab()
    hanging.tell("faults", [{"kind": "hang", "path": "/fapi/v1/forceOrders"}])
    yield hanging


@contextmanager
def another_run(lab: Labs) -> Iterator[Lab]:
    busy = lab()
    with psycopg.connect(busy.database_url) as holding:
        holding.execute("SELECT pg_advisory_lock(hashtextextended('main/usdm', 0))")
        yield busy


@contextmanager
def a_lock(lab: Labs) -> Iterator[Lab]:
    locked = lab()
    with psycopg.connect(locked.database_url, application_name="psql") as holding:
        holding.execute("LOCK TABLE coverage IN ACCESS EXCLUSIVE MODE")
        yield locked


@contextmanager
def a_silent_database(lab: Labs) -> Iterator[Lab]:
    cut_off = lab()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://user:pa55word@127.0.0.1:{silent.getsockname()[1]}/none"
        cut_off.command.environment["FORCE_ORDERS_DATABASE_URL"] = url
        yield cut_off


LEFT = r"(?:\d+ min )?\d+ s left: "
SO_FAR = r"\d s so far: "

WAITS = {
    "its own budget": (little_budget, LEFT, "this minute's weight budget is used up"),
    "others on the address": (others, LEFT, "other traffic uses this minute's weight"),
    "a cooldown": (a_ban, LEFT, "the exchange wants no request"),
    "a retry": (a_failing_exchange, LEFT, "retry after an error: "),
    "a slow answer": (a_slow_exchange, SO_FAR, "the exchange has not answered yet"),
    "another run": (another_run, SO_FAR, r"pid \d+ \(\w+\) has account main"),
    "a lock": (a_lock, SO_FAR, r"database locked by pid \d+ \(\w+, psql\)"),
    "a connection": (a_silent_database, SO_FAR, "connecting to the database"),
}


@pytest.mark.parametrize(("making", "seconds", "what"), few_of(WAITS, 4))
def test_what_is_waited_for_stands_in_the_progress_line(lab: Labs, making: Making, seconds: str, what: str) -> None:
    with making(lab) as waiting, on_a_terminal(waiting.command, "--log-level", "error", "backfill") as terminal:
        terminal.read_until(rf"^{seconds}{what}")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.read_all() == 130
    drawn = [line for line in terminal.lines() if "━" in line]
    assert max(map(cell_len, drawn)) <= COLUMNS
    assert terminal.written.rindex("\x1b[?25h") > terminal.written.rindex("\x1b[?25l"), "the cursor is there again"


@pytest.mark.parametrize(("making", "seconds", "what"), WAITS.values(), ids=WAITS.keys())
def test_what_is_waited_for_stands_in_the_log_once(lab: Labs, making: Making, seconds: str, what: str) -> None:
    length = rf" {seconds.removesuffix(' left: ')}" if seconds is LEFT else ""
    with making(lab) as waiting:
        process = waiting.command.start("--log-level", "info", "backfill")
        assert process.stderr is not None
        told = next(line for line in process.stderr if re.search(rf" waiting{length}: {what}", line))
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=30)
    assert told.split()[1] == ("warning" if making is a_ban else "info")
    assert not re.search(what, rest)


def test_a_command_that_only_looks_says_it_too(lab: Labs) -> None:
    with a_lock(lab) as locked, on_a_terminal(locked.command, "status") as terminal:
        terminal.read_until(r"^\d s so far: database locked by pid \d+")


def test_verify_counts_the_windows_that_are_compared(lab: Labs) -> None:
    read = lab()
    assert read("backfill").returncode == 0
    with psycopg.connect(read.database_url) as owner:
        owner.execute("DELETE FROM force_orders WHERE symbol = 'BTCUSDT'")
    read.tell("scenario", {"latency_ms": 200})
    with on_a_terminal(read.command, "verify", FORCE_ORDERS_CONCURRENCY="1") as terminal:
        terminal.read_until(r"^\d+ windows? compared, [1-9]\d* differences?")
        read.tell("scenario", {"latency_ms": 0})
        assert terminal.read_all() == 3
    assert "new order" not in terminal.written
