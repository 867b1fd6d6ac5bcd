"""What Prometheus reads, of a file or in a scrape, is what the database holds; and its alerts ask for what is there."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import gethostname

import pytest

from etl.exchange.outcome_counts import Outcomes
from etl.monitoring.address import parse_address
from etl.monitoring.scrape import Scrape
from etl.monitoring.server import serving
from etl.settings.model import Settings
from etl.settings.secret import SecretStr
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, Lab, Labs, order_row
from tests.roles import ROLE_PASSWORD
from tests.scraped import scrape, values

ALERTS = Path(__file__).resolve().parents[2] / "config" / "deploy" / "alerts.yml"


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
    assert found["force_orders_quarantined_rows"] == {(): 0}
    assert found["force_orders_weight_used"] == {(gethostname(),): 0}, "what has ended counts no longer"
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


def described(text: str) -> set[str]:
    return set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))


def test_a_scrape_holds_what_the_file_holds_and_what_only_a_process_knows(read: Lab) -> None:
    in_file = read("metrics").stdout
    with scraped(read) as port:
        text = scrape(port)
    own = {"force_orders_database_up", "force_orders_request_outcomes_total"}
    assert described(text) == described(in_file) | own
    found, stored = values(text), values(in_file)
    moving = {"force_orders_watermark_age_seconds", "force_orders_days_until_loss"}
    for name in stored.keys() - moving:
        assert found[name] == stored[name]
    for name in moving:
        assert found[name][("main", "usdm")] == pytest.approx(stored[name][("main", "usdm")], abs=60)
    for secret in (DEMO_KEY, DEMO_SECRET, ROLE_PASSWORD, read.simulator.url):
        assert secret not in text


def test_an_alert_speaks_of_no_metric_and_of_no_outcome_that_is_not_there(read: Lab) -> None:
    with scraped(read) as port:
        text = scrape(port)
    rules = ALERTS.read_text(encoding="utf-8")
    named = set(re.findall(r"\bforce_orders_\w+(?=[ {)])", rules))
    assert len(named) >= 8
    assert named <= described(text)
    outcomes = {one for listed in re.findall(r'outcome=~?"([^"]+)"', rules) for one in listed.split("|")}
    assert outcomes
    assert outcomes <= {outcome for (outcome,) in values(text)["force_orders_request_outcomes_total"]}
