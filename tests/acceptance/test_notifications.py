"""Notifications after a run: for the chosen events only, and without any effect on the run."""

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, Lab, Labs, order_row
from tests.acceptance.leaks import OTHER_PASSWORD, OTHER_SECRET, leaks, stored
from tests.acceptance.listening import Listener, listening, named
from tests.command import Command
from tests.environment import ROOT
from tests.roles import ROLES
from tests.waiting import wait_until

TOKEN = "t0ken-of-a-channel-that-nobody-may-see"
ALL = {"FORCE_ORDERS_NOTIFY_ABOUT": "failure,gap,orders"}
AT_ONCE = {"FORCE_ORDERS_ATTEMPTS": "1", "FORCE_ORDERS_PATIENCE_SECONDS": "0"}
UNUSABLE = re.compile(r"force-orders: notifications cannot be sent: .*\n")


@pytest.fixture
def channel() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


@pytest.fixture
def channels() -> Iterator[Callable[..., Listener]]:
    """Makes more of them, as `listening` does."""
    with ExitStack() as running:
        yield lambda *args, **options: running.enter_context(listening(*args, **options))


@pytest.fixture
def read(lab: Labs) -> Lab:
    """Everything of a quiet account is read."""
    one = lab(Scenario(), histories={"main": []})
    assert one("backfill").returncode == 0
    return one


def test_a_run_without_an_event_sends_nothing(read: Lab, channel: Listener) -> None:
    done = read("sync", **named(read.command, channel.url()), **ALL)
    assert (done.returncode, done.stderr) == (0, "")
    assert channel.heard == []


def test_a_failure_is_reported_with_its_reason(read: Lab, channel: Listener) -> None:
    read.tell("faults", [{"kind": "key", "path": "/fapi/v1/forceOrders"}])
    done = read("sync", **named(read.command, channel.url()))
    assert done.returncode == 1
    (sent,) = channel.heard
    assert (sent["title"], sent["type"]) == ("force-orders: sync failed", "failure")
    assert sent["message"].startswith(f"sync (run {read.last_run()['id']}) failed: ")
    assert read.last_run()["error"][:120] in sent["message"]
    assert sent["message"].endswith("Total: 1 run (1 failed); 0 new orders, 0 changed.")


def test_a_ban_is_reported(read: Lab, channel: Listener) -> None:
    read.tell("faults", [{"kind": "ban", "path": "/fapi/v1/forceOrders"}])
    assert read("sync", **named(read.command, channel.url()), **AT_ONCE).returncode == 4
    assert channel.titles == ["force-orders: sync banned"]


def test_an_incomplete_run_is_reported(read: Lab, channel: Listener) -> None:
    read.tell("orders", [order_row("BTCUSDT", 1, read.now() - DAY, price={})])
    assert read("sync", **named(read.command, channel.url())).returncode == 3
    (sent,) = channel.heard
    assert sent["title"] == "force-orders: sync incomplete"
    assert "\n1 row could not be read; see: force-orders quarantine list\n" in sent["message"]


def test_a_gap_is_reported_when_it_is_lost_soon(lab: Labs, channel: Listener) -> None:
    one = lab(Scenario(), histories={"main": []})
    one.tell("faults", [{"kind": "status", "path": "/fapi/v1/forceOrders"}])
    to_gaps = named(one.command, channel.url()) | {"FORCE_ORDERS_NOTIFY_ABOUT": "gap"} | AT_ONCE
    words = ("backfill", "--since", "80d", "--until", "78d")
    assert one(*words, **to_gaps, FORCE_ORDERS_NOTIFY_GAP_DAYS="9").returncode == 3
    assert channel.heard == [], "there are ten days left"
    assert one(*words, **to_gaps).returncode == 3
    (sent,) = channel.heard
    assert (sent["title"], sent["type"]) == (
        "force-orders: unread history of account main is lost in 10.0 days",
        "warning",
    )
    assert re.search(r"^- main: from \S+Z, lost in 10.0 days$", sent["message"], re.MULTILINE)
    one.tell("faults", [])
    assert one("sync", **to_gaps).returncode == 0
    assert len(channel.heard) == 1, "it was read in time"


def test_an_account_that_is_no_longer_configured_is_not_reported(read: Lab, channel: Listener) -> None:
    read.sql("INSERT INTO coverage (account, market, symbol, asked_since, proven) VALUES ('former', 'usdm', '*', "
             "now() - interval '89 days', '{[2020-01-01,2020-01-02)}') RETURNING 1")  # fmt: skip
    assert read("sync", **named(read.command, channel.url())).returncode == 0
    assert channel.heard == []


def test_new_orders_are_reported_if_chosen(read: Lab, channel: Listener) -> None:
    at = read.now() - DAY // 2
    adl = {"clientOrderId": "adl_autoclose", "cumQuote": "7.5"}
    rows = [order_row("BTCUSDT", number, at + number, cumQuote="1000.25") for number in (1, 2)]
    read.tell("orders", [*rows, order_row("ETHUSDT", 1, at, **adl)])
    assert read("sync", **named(read.command, channel.url())).returncode == 0
    assert channel.heard == [], "they are not reported by default"
    read.tell("orders", [order_row("BTCUSDT", 3, at, cumQuote="2000.50"), order_row("ETHUSDT", 2, at, **adl)])
    assert read("sync", **named(read.command, channel.url()), **ALL).returncode == 0
    (sent,) = channel.heard
    assert (sent["title"], sent["type"]) == ("force-orders: 2 new force orders", "info")
    assert sent["message"].split("\n") == [
        "2 new force orders, 2,008.00 USDT:",
        "- main BTCUSDT LIQUIDATION: 1, 2,000.50 USDT",
        "- main ETHUSDT ADL: 1, 7.50 USDT",
        "",
        "Total: 1 run (1 succeeded); 2 new orders, 0 changed.",
    ]


def test_an_unreachable_database_is_reported(read: Lab, channel: Listener) -> None:
    gone = {"FORCE_ORDERS_DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    done = read("sync", **named(read.command, channel.url()), **gone)
    assert done.returncode == 5
    (sent,) = channel.heard
    assert sent["message"].startswith("sync failed: the database cannot be used: ")


def test_a_database_that_fails_during_the_run_is_reported_from_what_the_run_knows(read: Lab, channel: Listener) -> None:
    read.tell("orders", [order_row("BTCUSDT", 1, read.now() - DAY)])
    read.sql(f"SELECT 1; REVOKE INSERT ON force_orders FROM {ROLES['writer']}")
    done = read("sync", **named(read.command, channel.url()), **ALL)
    assert done.returncode == 5, done.stderr
    (sent,) = channel.heard
    assert sent["message"].startswith(f"sync (run {read.last_run()['id']}) failed: the database cannot be used: ")


def test_a_run_that_cannot_begin_is_reported(read: Lab, channel: Listener) -> None:
    done = read("sync", **named(read.command, channel.url()), BINANCE_API_SECRET="", BINANCE_API_KEY="")
    assert done.returncode == 2
    (sent,) = channel.heard
    assert sent["message"].startswith("sync failed: no key: ")


def test_wrong_arguments_and_plans_send_no_notification(read: Lab, channel: Listener) -> None:
    to_all = named(read.command, channel.url()) | ALL
    assert read("backfill", "--since", "soon", **to_all).returncode == 2
    assert read("backfill", "--plan", **to_all, FORCE_ORDERS_NOTIFY_GAP_DAYS="100").returncode == 0
    assert channel.heard == []


def test_a_stopped_run_sends_no_notification(lab: Labs, channel: Listener) -> None:
    stopped = lab(Scenario(latency_ms=100))
    process = stopped.command.start("backfill", **named(stopped.command, channel.url()), **ALL)
    wait_until(lambda: stopped.stats()["pages"])
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert channel.heard == []


FAILING: dict[str, tuple[str, str]] = {
    "closed": ("json://127.0.0.1:1/", "channel 1 (json) was not notified: it cannot be reached"),
    "refusing": ("{refusing}", "channel 1 (json) was not notified: it answered with HTTP 500"),
    "hanging": ("{hanging}", "channel 1 (json) was not notified: it did not answer within 3 s"),
    "unsupported": (
        f"carrier-pigeon://{TOKEN}",
        "channel 1 was not notified: Apprise does not accept its URL, or lacks a package for it; "
        "see https://appriseit.com/services",
    ),
}


@pytest.mark.parametrize(("url", "complaint"), FAILING.values(), ids=FAILING)
def test_a_failing_channel_costs_one_line_and_does_not_affect_the_others(
    lab: Labs, channel: Listener, channels: Callable[..., Listener], url: str, complaint: str
) -> None:
    url = url.format(refusing=channels(500).url(), hanging=channels(silent=True).url())
    two = lab()
    failing = {"FORCE_ORDERS_CONCURRENCY": "1", **AT_ONCE}
    two.tell("faults", [{"kind": "status", "path": "/fapi/v1/forceOrders", "at": 3}])
    done = two("backfill", **failing, **named(two.command, url, channel.url()), FORCE_ORDERS_NOTIFY_TIMEOUT_SECONDS="3")
    assert done.returncode == 3
    assert done.stderr.splitlines()[1:] == [f"force-orders: {complaint}"]
    assert channel.titles == ["force-orders: backfill incomplete"]
    assert two.last_run()["status"] == "incomplete"
    table = two.table()
    assert two("backfill", **named(two.command, url), FORCE_ORDERS_NOTIFY_TIMEOUT_SECONDS="3").returncode == 0
    assert table.items() <= two.table().items()


def test_a_signal_ends_the_wait_for_a_channel_and_the_exit_code_of_the_run_stays(
    read: Lab, channels: Callable[..., Listener]
) -> None:
    hanging = channels(silent=True)
    to_all = named(read.command, hanging.url()) | {"FORCE_ORDERS_NOTIFY_TIMEOUT_SECONDS": "60"}
    read.tell("faults", [{"kind": "ban", "path": "/fapi/v1/forceOrders"}])
    process = read.command.start("sync", **to_all, **AT_ONCE)
    assert hanging.called.wait(60)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 4
    assert errors.endswith("force-orders: stopped by a signal; some notifications may not have been sent\n")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc")
def test_the_process_list_shows_no_url_and_plugins_get_no_key(read: Lab, channels: Callable[..., Listener]) -> None:
    hanging = channels(silent=True)
    to_all = named(read.command, hanging.url(f"me:{TOKEN}@")) | {"FORCE_ORDERS_NOTIFY_TIMEOUT_SECONDS": "60"}
    others = {"HEDGE_SECRET": OTHER_SECRET, "PGPASSWORD": OTHER_PASSWORD, "AWS_SESSION_TOKEN": OTHER_SECRET}
    process = read.command.start("notify", "test", **to_all, **others)
    assert hanging.called.wait(60)
    (process_id,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    seen = [Path(f"/proc/{process_id}/{name}").read_bytes().decode() for name in ("cmdline", "environ")]
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors.strip()) == (130, "force-orders: stopped")
    assert "delivery.py" in seen[0]
    assert "HOME=" in seen[1]
    assert all(word not in "".join(seen) for word in (TOKEN, DEMO_KEY, DEMO_SECRET, "DATABASE_URL", *others))


UNUSABLE_FILES: dict[str, Callable[[Command], dict[str, str]]] = {
    "a file that is not there": lambda command: {"FORCE_ORDERS_NOTIFY_URLS_FILE": "/nowhere/notify.urls"},
    "a file without a URL": named,
    "a URL in place of the file": lambda command: {"FORCE_ORDERS_NOTIFY_URLS_FILE": f"json://me:{TOKEN}@127.0.0.1/"},
}


@pytest.mark.parametrize("naming", UNUSABLE_FILES.values(), ids=UNUSABLE_FILES)
def test_unusable_channels_are_reported_even_without_an_event_and_the_run_succeeds(
    read: Lab, naming: Callable[[Command], dict[str, str]]
) -> None:
    setting = naming(read.command)
    done = read("sync", **setting)
    assert (done.returncode, read.last_run()["status"]) == (0, "succeeded")
    assert UNUSABLE.fullmatch(done.stderr)
    assert TOKEN not in done.stderr
    tried = read("notify", "test", **setting)
    assert (tried.returncode, tried.stdout, tried.stderr.count("\n")) == (2, "", 1)


def test_without_apprise_one_line_says_how_to_get_it(read: Lab, channel: Listener, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['apprise'] = None\n")
    done = read.command.cold("sync", **named(read.command, channel.url()), PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert done.returncode == 0
    assert UNUSABLE.fullmatch(done.stderr)
    assert "pip install 'force-orders-etl[notify]'" in done.stderr


def test_a_test_message_goes_to_each_channel_and_the_result_of_each_is_shown(
    command: Command, channel: Listener, channels: Callable[..., Listener]
) -> None:
    done = command("notify", "test", **named(command, channel.url()))
    assert (done.returncode, done.stdout, done.stderr) == (0, "channel 1 (json): sent\n", "")
    assert channel.titles == ["force-orders: a test"]
    done = command("notify", "test", **named(command, channels(404).url(), channel.url()))
    assert done.returncode == 1
    assert done.stdout == "channel 1 (json): it answered with HTTP 404\nchannel 2 (json): sent\n"


def test_without_channels_there_is_nothing_to_test(command: Command) -> None:
    done = command("notify", "test")
    assert (done.returncode, done.stdout) == (2, "")
    assert "set notify_urls_file" in done.stderr


def test_a_file_that_others_can_read_causes_a_warning(read: Lab, channel: Listener) -> None:
    done = read("sync", **named(read.command, channel.url(), mode=0o644))
    assert done.returncode == 0
    assert "can be read by others; make it private" in done.stderr


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_part_of_a_channel_s_url_is_shown_or_stored_and_no_channel_gets_a_secret(
    lab: Labs, channels: Callable[..., Listener], form: str
) -> None:
    own = [channels(), channels(503)]
    urls = [one.url(f"me:{TOKEN}@", f"/{TOKEN}?-t={TOKEN}&+Authorization={TOKEN}") for one in own]
    urls += [f"json://{TOKEN}@127.0.0.1:1/{TOKEN}", f"mailto://me:{TOKEN}@127.0.0.1:1", f"tgram://{TOKEN}/{TOKEN}"]
    urls += [f"{TOKEN}://{TOKEN}", TOKEN]
    secret = lab(Scenario(), histories={"main": []})
    secret.tell("faults", [{"kind": "key", "path": "/fapi/v1/forceOrders"}])
    environment, said = named(secret.command, *urls), ""
    for words in (["sync"], ["notify", "test"]):
        done = secret("--log-level", "debug", "--log-format", form, *words, **environment)
        assert done.returncode == 1
        said += done.stdout + done.stderr
    assert said.count("HTTP 503") == len(own[0].heard) == 2
    assert TOKEN[:12] not in said + stored(secret)
    heard = str([one.heard for one in own])
    assert leaks(said + heard) == set()
    assert all(word not in heard for word in (DEMO_KEY, DEMO_SECRET, TOKEN))


def pinged(command: Command, service: Listener) -> dict[str, str]:
    file = command.directory / "ping.url"
    file.write_text(f"http://127.0.0.1:{service.port}/{TOKEN}\n")
    file.chmod(0o600)
    return {"FORCE_ORDERS_PING_URL_FILE": str(file)}


def test_sync_and_backfill_ping_their_start_and_their_end(lab: Labs, channel: Listener) -> None:
    one = lab(Scenario(), histories={"main": []})
    ping = pinged(one.command, channel)
    assert one("backfill", **ping).returncode == 0
    assert one("sync", **ping).returncode == 0
    assert channel.paths == [f"/{TOKEN}/start", f"/{TOKEN}"] * 2
    assert one("backfill", "--plan", **ping).returncode == 0
    assert one("status", **ping).returncode == 0
    assert len(channel.paths) == 4


ENDS: dict[str, tuple[dict[str, str], int]] = {
    "no database": ({"FORCE_ORDERS_DATABASE_URL": "postgresql://127.0.0.1:1/none"}, 5),
    "no key": ({"BINANCE_API_SECRET": "", "BINANCE_API_KEY": ""}, 2),
    "a key that is refused": ({"BINANCE_API_SECRET": "z" * 64}, 1),
}


@pytest.mark.parametrize(("wrong", "code"), ENDS.values(), ids=ENDS)
def test_the_ping_after_a_failure_is_its_exit_code(
    read: Lab, channel: Listener, wrong: dict[str, str], code: int
) -> None:
    assert read("sync", **pinged(read.command, channel), **wrong).returncode == code
    assert channel.paths == [f"/{TOKEN}/start", f"/{TOKEN}/{code}"]


def test_a_run_that_a_signal_stopped_pings_no_end(lab: Labs, channel: Listener) -> None:
    stopped = lab(Scenario(latency_ms=100))
    process = stopped.command.start("backfill", **pinged(stopped.command, channel))
    wait_until(lambda: stopped.stats()["pages"])
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert channel.paths == [f"/{TOKEN}/start"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_ping_that_fails_costs_a_line_without_its_url_and_changes_nothing(
    read: Lab, channels: Callable[..., Listener], form: str
) -> None:
    ping = pinged(read.command, channels(404))
    done = read("--log-level", "debug", "--log-format", form, "sync", **ping)
    assert done.returncode == 0
    assert done.stderr.count("force-orders: no ping was sent: it answered with HTTP 404\n") == 2
    assert TOKEN[:12] not in done.stderr + stored(read)
