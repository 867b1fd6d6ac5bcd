"""What Prometheus reads, of a file or in a scrape, is what the database holds; and its alerts ask for what is there."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import disk_usage
from socket import gethostname

import psycopg
import pytest

from etl.exchange.outcome_counts import Outcomes
from etl.monitoring.address import parse_address
from etl.monitoring.scrape import Scrape
from etl.monitoring.server import serving
from etl.settings.model import Settings
from etl.settings.secret import SecretStr
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from etl.simulator.scenario import Scenario
from tests.acceptance.deploying import DEPLOY, GRAFANA
from tests.acceptance.lab import DAY, Lab, Labs, order_row
from tests.acceptance.several_accounts import many_accounts, two_accounts
from tests.pages import section
from tests.roles import ROLE_PASSWORD
from tests.scraped import scrape, values

ALERTS = DEPLOY / "alerts.yml"


@contextmanager
def scraped(lab: Lab) -> Iterator[int]:
    """The port of a process that uses the lab's database as the command does."""
    url = lab.command.environment["FORCE_ORDERS_DATABASE_URL"]
    with serving(parse_address("0"), Scrape(Settings(database_url=SecretStr(url)), Outcomes().counts)) as port:
        yield port


@pytest.fixture
def read(lab: Labs) -> Lab:
    one = lab()
    assert one("backfill").returncode == 0
    return one


def described(text: str) -> set[str]:
    return set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))


def test_the_metrics_are_what_the_database_holds(read: Lab) -> None:
    asked = read.stats()["requests"]
    done = read("metrics")
    assert (done.returncode, done.stderr) == (0, "")
    assert read.stats()["requests"] == asked, "the exchange is asked nothing"
    found = values(done.stdout)
    kinds = Counter(row["close_type"] for row in read.table().values())
    assert found["force_orders_orders"] == {("main", kind, "usdm"): count for kind, count in kinds.items()}
    run = read.last_run()
    for name in ("requests", "weight"):
        assert found[f"force_orders_{name}_total"] == {("backfill", "succeeded"): run[name]}
    assert found["force_orders_runs_total"] == {("backfill", "succeeded"): 1}
    assert found["force_orders_last_success_timestamp_seconds"] == {
        ("backfill",): pytest.approx(run["finished_at"].timestamp(), abs=0.001)
    }
    watermark = read.watermark()["watermark"].timestamp()
    age = found["force_orders_watermark_age_seconds"][("main", "usdm")]
    assert age == pytest.approx(read.now() / 1000 - watermark, abs=30)
    assert found["force_orders_days_until_loss"][("main", "usdm")] == pytest.approx(90 - age / 86_400, abs=0.01)
    assert found["force_orders_quarantined_rows"] == {("main", "usdm"): 0}
    assert found["force_orders_read_until_timestamp_seconds"] == {("main", "usdm"): watermark}
    assert found["force_orders_unread_since_timestamp_seconds"][("main", "usdm")] == pytest.approx(watermark, abs=0.001)
    (seal,) = read.sql("SELECT max(sealed_at) AS made FROM seals")
    assert found["force_orders_newest_seal_timestamp_seconds"] == {
        ("main", "usdm"): pytest.approx(seal["made"].timestamp(), abs=0.001)
    }
    assert found["force_orders_snapshot_timestamp_seconds"][()] == pytest.approx(read.now() / 1000, abs=30)
    assert found["force_orders_weight_used"] == {(gethostname(), "futures"): 0}, "what has ended counts no longer"
    assert "force_orders_gap_seconds" not in found


def test_gaps_bans_and_rows_in_quarantine_are_there_too(lab: Labs) -> None:
    one = lab(Scenario(), histories={"main": []})
    one.tell("orders", [order_row("BTCUSDT", 1, one.now() - DAY, price={})])
    one.tell("faults", [{"kind": "status", "status": 418, "path": "/fapi/v1/forceOrders", "at": 3}])
    done = one("backfill", FORCE_ORDERS_PATIENCE_SECONDS="0", FORCE_ORDERS_CONCURRENCY="1")
    assert done.returncode == 4, done.stderr
    found = values(one("metrics").stdout)
    assert found["force_orders_runs_total"] == {("backfill", "banned"): 1}
    (until,) = found["force_orders_silence_until_timestamp_seconds"].values()
    assert until > one.now() / 1000
    assert one("metrics").stderr == "", "a ban stops requests, not what is read from the database"


def test_the_free_space_of_the_data_directory_is_told_where_there_is_one(read: Lab) -> None:
    free = values(read("metrics", FORCE_ORDERS_DATA_DIR=".").stdout)["force_orders_disk_free_bytes"]
    assert list(free.values()) == [pytest.approx(disk_usage(read.command.directory).free, rel=0.2)]
    assert "force_orders_disk_free_bytes" not in values(read("metrics", FORCE_ORDERS_DATA_DIR="nowhere").stdout)


def test_the_newest_verified_backup_is_told_where_every_night_makes_one(read: Lab) -> None:
    name = "force_orders_verified_backup_timestamp_seconds"
    wanted = {"FORCE_ORDERS_BACKUP_DIR": "."}
    assert name not in values(read("metrics").stdout)
    assert values(read("metrics", **wanted).stdout)[name] == {(): 0}
    with psycopg.connect(read.database_url) as connection:
        connection.execute("""
            INSERT INTO backups (made_at, file, bytes, orders, verified_at) VALUES ('2026-11-01Z', 'one', 1, 1, now()),
                   ('2026-11-02Z', 'two', 1, 1, NULL)
        """)
    assert values(read("metrics", **wanted).stdout)[name] == {(): 1_793_491_200}


def test_a_textfile_is_replaced_as_a_whole(read: Lab) -> None:
    directory = read.command.directory / "textfile"
    directory.mkdir()
    file = directory / "force_orders.prom"
    file.write_text("an older one")
    done = read("metrics", "--textfile", str(file))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert values(file.read_text(encoding="utf-8"))["force_orders_runs_total"] == {("backfill", "succeeded"): 1}
    assert list(directory.iterdir()) == [file]
    missing = read("metrics", "--textfile", str(directory / "none" / "force_orders.prom"))
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)
    assert "cannot be written" in missing.stderr


def test_a_scrape_holds_what_the_file_holds_and_what_only_a_process_knows(read: Lab) -> None:
    in_file = read("metrics").stdout
    with scraped(read) as port:
        text = scrape(port)
    names = ("database_up", "request_outcomes_total", "exchange_clock_offset_seconds", "figures_age_seconds")
    own = {f"force_orders_{name}" for name in names}
    assert described(text) == described(in_file) | own
    found, stored = values(text), values(in_file)
    moving = {
        "watermark_age_seconds",
        "days_until_loss",
        "snapshot_timestamp_seconds",
        "unread_since_timestamp_seconds",
    }
    for name in stored.keys() - {"force_orders_disk_free_bytes"}:
        assert found[name] == (
            pytest.approx(stored[name], abs=60) if name.removeprefix("force_orders_") in moving else stored[name]
        )
    for secret in (DEMO_KEY, DEMO_SECRET, ROLE_PASSWORD, read.simulator.url):
        assert secret not in text


def test_accounts_of_the_settings_are_told_of_also_those_never_read_or_with_a_broken_key(lab: Labs) -> None:
    fleet = many_accounts(lab, 2)
    accounts = fleet.command.directory / "accounts"
    (accounts / "broken.toml").write_text('api_key_file = "/nowhere"\n')
    (accounts / "invalid.toml").write_text("no TOML\n")
    assert fleet("backfill", "--account", "main").returncode == 0
    told = values(fleet("metrics").stdout)
    read_until = told["force_orders_read_until_timestamp_seconds"]
    names = [(name, "usdm") for name in ("main", "account2", "broken", "invalid")]
    assert {scope: until > 0 for scope, until in read_until.items()} == {scope: scope == names[0] for scope in names}
    assert told["force_orders_quarantined_rows"] == dict.fromkeys(names, 0)


def test_nothing_that_an_alert_asks_for_is_told_of_a_retired_account(lab: Labs) -> None:
    both = two_accounts(lab)
    both.tell("orders", [order_row("BTCUSDT", 2, both.now() - DAY, price={})])
    assert both("backfill").returncode == 3
    (both.command.directory / "force-orders.toml").unlink()
    assert both("accounts", "retire", "account2", "--why", "closed").returncode == 0
    of_both = {name for name, samples in values(both("metrics").stdout).items() if ("account2", "usdm") in samples}
    assert of_both == set()
    assert values(both("metrics").stdout)["force_orders_quarantined_rows"] == {("main", "usdm"): 1}


def test_jobs_wait_until_a_living_worker_runs_them(read: Lab) -> None:
    assert read("backfill", "--distributed", "--since", "20d", "--symbol", "BTCUSDT").returncode == 0
    with psycopg.connect(read.database_url) as connection:
        connection.execute("""
            INSERT INTO procrastinate_jobs (queue_name, task_name, args, scheduled_at)
            VALUES ('default', 'sync', '{}', now() + interval '1 hour')
        """)
        connection.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '2 minutes')")
        connection.execute("""
            INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, worker_id)
            SELECT 'dead', 'sync', '{}', 'doing', id FROM procrastinate_workers
        """)
        before = connection.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'").fetchone()
    told = values(read("metrics").stdout)
    assert before is not None
    assert told["force_orders_jobs_waiting"] == {("default",): before[0] - 1, ("dead",): 0}
    assert told["force_orders_jobs_running"] == {("default",): 0, ("dead",): 0}
    with psycopg.connect(read.database_url) as connection:
        connection.execute("UPDATE procrastinate_workers SET last_heartbeat = now()")
    assert values(read("metrics").stdout)["force_orders_jobs_running"] == {("default",): 0, ("dead",): 1}


def test_the_result_of_a_check_is_written_for_node_exporter(read: Lab) -> None:
    file = read.command.directory / "check.prom"
    assert read("db", "check", "--textfile", str(file)).returncode == 0
    found = values(file.read_text(encoding="utf-8"))
    assert set(found["force_orders_check_failures"].values()) == {0}
    assert found["force_orders_check_timestamp_seconds"][()] == pytest.approx(read.now() / 1000, abs=30)
    with psycopg.connect(read.database_url) as connection:
        connection.execute(
            "UPDATE force_orders SET status = 'NEW' WHERE order_id = (SELECT min(order_id) FROM force_orders)"
        )
    assert read("db", "check", "--textfile", str(file)).returncode == 1
    failed = values(file.read_text(encoding="utf-8"))["force_orders_check_failures"]
    assert failed[("every column says what the row as received says",)] >= 1


def told_of(read: Lab) -> tuple[str, set[str]]:
    """A scrape, and the names of all metrics there are, with those of a check."""
    with scraped(read) as port:
        text = scrape(port)
    file = read.command.directory / "check.prom"
    assert read("db", "check", "--textfile", str(file)).returncode == 0
    return text, described(text) | described(file.read_text(encoding="utf-8"))


def test_alerts_and_dashboards_speak_of_no_metric_and_of_no_outcome_that_is_not_there(read: Lab) -> None:
    text, there = told_of(read)
    rules = ALERTS.read_text(encoding="utf-8")
    dashboard = (GRAFANA / "operations.json").read_text(encoding="utf-8")
    for asking in (rules, dashboard):
        named = set(re.findall(r"\bforce_orders_\w+(?=[ {)\[,<])", asking))
        assert len(named) >= 15
        assert named <= there
    outcomes = {one for listed in re.findall(r'outcome=~?"([^"]+)"', rules) for one in listed.split("|")}
    assert outcomes
    assert outcomes <= {outcome for (outcome,) in values(text)["force_orders_request_outcomes_total"]}


def test_every_metric_is_explained(read: Lab) -> None:
    explained = re.findall(r"^\| `(force_orders_\w+)`", section("docs/operations.md", "Metrics"), re.MULTILINE)
    assert {name.removesuffix("_total") for name in told_of(read)[1]} == set(explained)
