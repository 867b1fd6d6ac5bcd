"""`etl.run_backfill` and `etl.run_sync`: the same work for a program in Python, which gets values and exceptions."""

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import etl
from etl.api import SettingsByName
from etl.errors import ConfigError, ExitCode, ForceOrdersError, StoppedError, StoreError, ThrottledError
from etl.settings.loading import load as load_settings
from etl.settings.model import Settings
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, Lab, Labs, assert_table_equals_history, order_row
from tests.acceptance.several_accounts import many_accounts
from tests.environment import ROOT
from tests.waiting import wait_until


@pytest.fixture
def here(lab: Labs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Labs:
    """Makes labs whose settings stand in this process's environment."""

    def make(*args: object, **options: object) -> Lab:
        made = lab(*args, **options)
        for name, value in made.command.environment.items():
            if name.startswith(("FORCE_ORDERS_", "BINANCE_")):
                monkeypatch.setenv(name, value)
        return made

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return make


@pytest.fixture
def everything_logged() -> Iterator[list[str]]:
    """What a host program that wants to read every log gets to read."""
    said: list[str] = []
    handler = logging.Handler(logging.DEBUG)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield said
    root.setLevel(level)
    root.removeHandler(handler)


def test_a_backfill_returns_what_it_stored_and_a_sync_what_came_since(here: Labs) -> None:
    with_history = here()
    backfilled = etl.run_backfill()
    assert (backfilled.status, backfilled.exit_code, backfilled.gaps) == ("succeeded", 0, ())
    assert backfilled.inserted == len(with_history.table()) > 0
    assert_table_equals_history(with_history)
    with_history.tell("orders", [order_row("BTCUSDT", 10**15, with_history.now() - DAY)])
    synced = etl.run_sync()
    assert (synced.status, synced.inserted) == ("succeeded", 1)
    assert synced.run_id > backfilled.run_id
    (ledger,) = with_history.sql(f"SELECT * FROM runs WHERE id = {synced.run_id}")
    assert (ledger["command"], ledger["requests"], ledger["weight"]) == ("sync", synced.requests, synced.weight)
    with pytest.raises(FrozenInstanceError):
        synced.inserted = 0  # type: ignore[misc]


def test_both_work_outside_the_main_thread_print_nothing_and_leave_signals_alone(
    here: Labs, capfd: pytest.CaptureFixture[str]
) -> None:
    with_history = here()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with ThreadPoolExecutor(1) as elsewhere:
        assert elsewhere.submit(etl.run_backfill).result(60).status == "succeeded"
        assert elsewhere.submit(etl.run_sync).result(60).status == "succeeded"
    assert {number: signal.getsignal(number) for number in handlers} == handlers
    assert capfd.readouterr() == ("", "")
    assert_table_equals_history(with_history)


def test_a_run_leaves_no_thread_behind(here: Labs) -> None:
    here(histories={"main": []})
    before = set(threading.enumerate())
    etl.run_sync()
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(timeout=30)
    assert [thread.name for thread in left if thread.is_alive()] == []


def test_two_calls_at_once_share_the_work_of_an_account_without_a_double_row(here: Labs) -> None:
    with_history = here()
    with ThreadPoolExecutor(2) as both:
        first, second = [both.submit(etl.run_backfill, patience_seconds=60) for _ in range(2)]
        inserted = first.result(90).inserted + second.result(90).inserted
    assert inserted == len(with_history.table()) > 0
    assert_table_equals_history(with_history)


def test_a_span_and_symbols_are_given_as_values(here: Labs) -> None:
    empty = here(Scenario(), histories={"main": []})
    at = empty.now() - 10 * DAY
    rows = [order_row("BTCUSDT", 1, at), order_row("ETHUSDT", 2, at), order_row("BTCUSDT", 3, at - 5 * DAY)]
    empty.tell("orders", rows)
    around = datetime.fromtimestamp(at / 1000, UTC)
    done = etl.run_backfill(symbols=["BTCUSDT"], since=around - timedelta(days=1), until=around + timedelta(days=1))
    assert (done.windows, done.inserted) == (1, 1)
    assert list(empty.table()) == [("BTCUSDT", 1)]
    assert etl.run_backfill(since="16d").inserted == 2


def test_what_stays_unproven_returns_as_gaps(here: Labs) -> None:
    here(Scenario(), histories={"main": []})
    done = etl.run_backfill(since="100d", beyond_retention=True)
    assert (done.status, done.exit_code) == ("incomplete", 3)
    assert {(gap.account, gap.symbol, gap.reason) for gap in done.gaps} == {("main", "*", "beyond_retention")}
    assert done.unproven == sum((gap.end - gap.start for gap in done.gaps), timedelta())
    assert timedelta(days=9) < done.unproven < timedelta(days=11)


def test_the_stop_event_ends_the_run_and_what_was_proven_is_kept(here: Labs) -> None:
    slow = here(Scenario(latency_ms=100))
    stop = threading.Event()
    with ThreadPoolExecutor(1) as elsewhere:
        running = elsewhere.submit(etl.run_backfill, stop=stop, concurrency=1)
        wait_until(lambda: running.done() or slow.stats()["pages"] >= 10)
        assert not running.done()
        stop.set()
        with pytest.raises(StoppedError, match="what was proven is kept"):
            running.result(10)
    assert slow.last_run()["status"] == "stopped"
    assert slow.watermark()["watermark"] is not None
    slow.tell("scenario", {"latency_ms": 0})
    assert etl.run_backfill().status == "succeeded"
    assert_table_equals_history(slow)


def test_a_wrong_key_fails_the_run_and_says_whose(here: Labs, monkeypatch: pytest.MonkeyPatch) -> None:
    here()
    monkeypatch.setenv("BINANCE_API_SECRET", "z" * 64)
    with pytest.raises(etl.RunFailedError, match="account main") as failed:
        etl.run_sync()
    assert failed.value.exit_code == ExitCode.FAILED
    assert failed.value.summary.status == "failed"
    assert "zzzz" not in str(failed.value)
    monkeypatch.delenv("BINANCE_API_SECRET")
    with pytest.raises(ConfigError, match="no secret"):
        etl.run_sync()


def test_one_of_several_keys_that_cannot_be_used_fails_the_run_and_the_others_are_read(
    here: Labs, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = many_accounts(here, 2)
    monkeypatch.setenv("FORCE_ORDERS_ACCOUNTS_DIR", "accounts")
    (two.command.directory / "account2.secret").unlink()
    for run in (etl.run_backfill, etl.run_sync):
        with pytest.raises(etl.RunFailedError, match=r"\Aaccount account2: .* cannot be read") as failed:
            run()
        assert failed.value.summary.faults == (str(failed.value),)
    read = two.sql("SELECT account FROM watermarks WHERE watermark IS NOT NULL")
    assert [row["account"] for row in read] == ["main"]
    assert etl.run_sync(accounts="main").status == "succeeded"
    with pytest.raises(ConfigError, match="cannot be read"):
        etl.run_sync(accounts="account2")


def test_a_ban_raises_with_the_instant_until_which_to_be_silent(here: Labs) -> None:
    banned = here()
    banned.tell("faults", [{"kind": "ban", "at": 3, "seconds": 600}])
    begun = banned.now()
    for _ in range(2):  # the second call knows of it from the database
        with pytest.raises(ThrottledError) as ban:
            etl.run_sync(patience_seconds=0, concurrency=1)
        assert ban.value.exit_code == ExitCode.BANNED
        assert begun + 500_000 < ban.value.cooldown_until < begun + 700_000
    assert banned.stats()["requests_during_ban"] == 0


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"weight_budget": 1}, "weight_budget: must be from 50"),
        ({"base_url": "http://example.org"}, "base_url: must begin with https://"),
        ({"weigth_budget": 100}, "no setting 'weigth_budget'"),
        ({"accounts": "nobody"}, "no account 'nobody'"),
        ({"symbols": ["B T C"]}, "'B T C' is not a symbol"),
        ({"since": datetime(2026, 9, 1)}, "has no time zone"),  # noqa: DTZ001  # which is what is wrong with it
        ({"since": datetime.now(UTC) + timedelta(days=1)}, "lies in the future"),
        ({"settings": "/nowhere/force-orders.toml"}, "there is no settings file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_said_before_any_request(here: Labs, wrong: dict[str, object], named: str) -> None:
    untouched = here()
    with pytest.raises(ConfigError, match=named) as refused:
        etl.run_backfill(**wrong)  # type: ignore[arg-type]
    assert refused.value.exit_code == ExitCode.WRONG_INPUT
    assert untouched.stats()["requests"] == 0
    assert untouched.sql("SELECT FROM runs") == []


def test_a_database_that_is_away_is_a_store_error_without_its_password(here: Labs) -> None:
    here()
    with pytest.raises(StoreError) as away:
        etl.run_sync(database_url="postgresql://fo:hunter2@127.0.0.1:1/fo")
    assert away.value.exit_code == ExitCode.DATABASE
    assert "hunter2" not in str(away.value)


def test_settings_come_from_a_file_or_an_object_and_named_ones_win(
    here: Labs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = here(Scenario(), histories={"main": []})
    from_environment = load_settings()
    for name in ("FORCE_ORDERS_BASE_URL", "FORCE_ORDERS_DATABASE_URL"):
        monkeypatch.delenv(name)
    assert etl.run_sync(from_environment).status == "succeeded"
    file = tmp_path / "other.toml"
    file.write_text(f'base_url = "{made.simulator.url}"\ndatabase_url = "postgresql://127.0.0.1:1/nowhere"\n')
    url = made.command.environment["FORCE_ORDERS_DATABASE_URL"]
    assert etl.run_sync(file, database_url=url, data_dir=tmp_path).status == "succeeded"
    assert [row["command"] for row in made.sql("SELECT command FROM runs")] == ["sync", "sync"]


def test_no_signed_url_reaches_the_log_of_a_host_program(here: Labs, everything_logged: list[str]) -> None:
    here(Scenario(), histories={"main": []})
    etl.run_backfill(since="20d")
    assert any("/fapi/v1/time" in line for line in everything_logged), "the HTTP library's log is read"
    assert [line for line in everything_logged if "signature" in line] == []


def test_every_setting_can_be_given_by_name_but_what_is_of_accounts_notifying_workers_and_backups() -> None:
    not_a_program_s = {one.name for one in fields(Settings) if one.name.startswith(("accounts", "notify_", "queue"))}
    not_a_program_s |= {"backup_dir", "keep_backups", "ping_url_file"}
    not_a_program_s |= {"markets"}  # an argument of both functions has its name
    not_a_program_s |= {"time_zone"}  # of what people are shown
    assert len(not_a_program_s) == 12
    assert set(SettingsByName.__annotations__) == {one.name for one in fields(Settings)} - not_a_program_s


def test_importing_the_package_loads_nothing_else() -> None:
    script = (
        "import sys, etl; early = [name for name in sys.modules if name.startswith(('etl.', 'sqlalchemy'))];"
        "print(early, etl.run_sync.__module__, 'sqlalchemy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[] etl.api True\n"


def test_every_error_that_is_raised_is_one_of_ours() -> None:
    assert issubclass(etl.RunFailedError, ForceOrdersError)
    with pytest.raises(AttributeError, match="run_everything"):
        etl.run_everything  # type: ignore[attr-defined]  # noqa: B018  # looking at it is what is tried
