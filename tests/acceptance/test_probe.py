"""`probe`: what it finds is shown, stored and ready to be shared; what stands in its way has its exit code."""

import json
import re
import signal
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from etl import __version__
from etl.core.probing.findings import Question
from etl.core.probing.notebook import MOST_WEIGHT
from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET, MAIN
from etl.simulator.history import Generated
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import DAY, FORCE_ORDERS, HOUR, Lab, Labs, order_row
from tests.acceptance.several_accounts import many_accounts, secret_file
from tests.acceptance.terminal import COLUMNS, on_a_terminal
from tests.waiting import wait_until

USDM = {"FORCE_ORDERS_MARKETS": "usdm"}


def answers(lab: Lab, account: str = "main", market: str = "usdm") -> dict[str, str]:
    """The newest stored answer to each question."""
    rows = lab.sql(f"SELECT * FROM probe_results WHERE account = '{account}' AND market = '{market}' ORDER BY id")
    return {row["question"]: row["answer"] for row in rows}


def with_orders(lab: Labs, *, count: int = 60, **switches: Any) -> Lab:
    """An account in USDⓈ-M futures with orders of three symbols, ten days ago."""
    made = lab(Scenario(**switches), histories={"main": []})
    at = made.now() - 10 * DAY
    symbols = ("BTCUSDT", "ETHUSDT", "XRPUSDT")
    rows = [order_row(symbols[n % 3], 77_000_000 + n, at + n * HOUR // 2) for n in range(count)]
    made.tell("orders", rows)
    return made


def test_the_table_shows_what_was_found_with_its_evidence_and_its_guarantee(lab: Labs) -> None:
    made = with_orders(lab, kept="newest", end_inclusive=False, filter_field="updateTime", beyond_retention="empty")
    done = made("probe", **USDM)
    assert done.returncode == 0
    assert done.stderr == "force-orders: probing account main with at most 1,000 weight in each market\n"
    title, _, *lines = done.stdout.splitlines()
    assert title == "main, USDⓈ-M futures"
    found = {re.split(r"  +", line)[0]: re.split(r"  +", line.rstrip())[1:] for line in lines}
    assert found["rows that survive a cut"][0] == "newest"
    assert found["endTime itself"][:2] == ["exclusive", "2 orders of that instant not shown"]
    assert found["field they filter by"][:2] == [
        "updateTime",
        "times 5 ms apart: shown by updateTime alone, not by time alone",
    ]
    assert found["older than 90 days"] == [
        "empty list",
        "91 to 97 days ago: answered without an order",
        "6: a gap beyond retention, never an empty week",
    ]
    assert re.search(r"^1\d of 12 settled; \d+ requests \(weight \d+\)$", done.stdout, re.MULTILINE)
    assert lines[-1].startswith("guarantee: its number in docs/guarantees.md")


def test_every_answer_is_stored_with_its_run_and_the_newest_counts(lab: Labs) -> None:
    made = with_orders(lab)
    made.tell("reset-stats", {})
    assert made("probe", **USDM).returncode == 0
    assert answers(made).keys() == {*Question}
    assert answers(made)["start_time"] == "inclusive"
    (run,) = made.sql("SELECT * FROM runs")
    stats = made.stats()
    assert (run["command"], run["status"], run["error"]) == ("probe", "succeeded", None)
    assert (run["requests"], run["weight"]) == (stats["requests"], stats["weight"])
    rows = made.sql("SELECT * FROM probe_results")
    assert {(row["run_id"], row["program_version"]) for row in rows} == {(run["id"], __version__)}
    assert {row["host"] for row in rows} == {made.simulator.url.removeprefix("http://")}
    made.tell("scenario", {"start_inclusive": False})
    assert made("probe", **USDM).returncode == 0
    assert answers(made)["start_time"] == "exclusive"
    assert len(made.sql("SELECT FROM probe_results")) == 2 * len(Question)


def test_it_stores_no_order_and_proves_nothing(lab: Labs) -> None:
    made = with_orders(lab)
    assert made("probe", **USDM).returncode == 0
    for table in ("force_orders", "coverage", "seals", "identities", "quarantined_orders"):
        assert made.sql(f"SELECT FROM {table}") == [], table


def test_no_answer_changes_what_a_run_does(lab: Labs) -> None:
    made = with_orders(lab)
    assert made("backfill", "--since", "30d", **USDM).returncode == 0
    before = made.stats()["requests_by_path"][FORCE_ORDERS]
    assert made("probe", **USDM).returncode == 0
    with psycopg.connect(made.database_url) as owner:
        owner.execute("UPDATE probe_results SET answer = 'nonsense', is_settled = true")
    asked = made.stats()["requests_by_path"][FORCE_ORDERS]
    assert made("verify", **USDM).returncode == 0
    assert made("backfill", "--since", "30d", **USDM).returncode == 0
    assert asked > before
    assert made.gaps() == []


def test_the_json_holds_nothing_that_identifies_the_account(lab: Labs) -> None:
    made = with_orders(lab)
    done = made("probe", "--json", **USDM)
    assert done.returncode == 0
    shown = json.loads(done.stdout)
    (probe,) = shown["probes"]
    assert probe.keys() == {"market", "host", "date", "requests", "weight", "findings"}
    assert {finding["question"] for finding in probe["findings"]} == {*Question}
    assert probe["weight"] <= MOST_WEIGHT
    rows = made.history()
    forbidden = {"main", DEMO_KEY, DEMO_SECRET, "signature"}
    forbidden |= {str(row[key]) for row in rows for key in ("orderId", "symbol", "clientOrderId", "time", "updateTime")}
    forbidden |= {row[key] for row in rows for key in ("origQty", "price", "avgPrice")}
    forbidden |= {made.simulator.url.removeprefix("http://")}
    assert probe["host"] == "another host"
    assert [text for text in forbidden if text in done.stdout] == []
    assert not re.search(r"\d{2}:\d{2}|\d{10,}", done.stdout), "no time of day and no instant"


def test_stored_orders_lead_the_probe_to_those_of_long_ago(lab: Labs) -> None:
    made = lab(histories={"main": []})
    at = made.now() - 75 * DAY
    made.tell("orders", [order_row("ABCUSD"[n % 3] + "USDT", n, at + n * HOUR) for n in range(1, 40)])
    assert made("probe", **USDM).returncode == 0
    blind = made.last_run()["weight"]
    assert made("backfill", "--since", "85d", **USDM).returncode == 0
    assert made("probe", **USDM).returncode == 0
    assert made.last_run()["weight"] <= blind - 400
    assert answers(made)["kept_rows"] == "oldest"


def test_an_account_without_orders_is_no_failure(lab: Labs) -> None:
    made = lab(histories={"main": []})
    done = made("probe", **USDM)
    assert done.returncode == 0
    assert "3 of 12 settled" in done.stdout or "4 of 12 settled" in done.stdout
    found = answers(made)
    assert found["equal_ends"] == "answered"
    assert found["kept_rows"] == "not settled"
    assert made.stats()["weight"] <= MOST_WEIGHT


def test_margin_is_asked_the_questions_of_numbered_pages(lab: Labs) -> None:
    made = lab(accounts=[replace(MAIN, wallets=("usdm", "margin"))], histories={"main": {"margin": Generated()}})
    done = made("probe", "--market", "margin")
    assert done.returncode == 0, done.stderr
    found = answers(made, market="margin")
    assert found["row_order"] == "descending"
    assert found["kept_rows"] == found["filter_field"] == "does not apply"
    assert made.last_run()["weight"] < 100
    assert done.stderr == "force-orders: probing account main in margin with at most 1,000 weight\n"


def test_a_refused_key_ends_with_1_and_the_other_accounts_are_probed(lab: Labs) -> None:
    fleet = many_accounts(lab, 3)
    secret_file(fleet.command.directory, "account2.secret", "z" * 64)
    done = fleet("probe", **USDM)
    assert done.returncode == 1
    assert "account account2: the signature does not match" in done.stderr
    assert {row["account"] for row in fleet.sql("SELECT DISTINCT account FROM probe_results")} == {"main", "account3"}
    assert fleet.last_run()["status"] == "failed"


def test_one_account_can_be_named_and_an_unknown_one_is_wrong_input(lab: Labs) -> None:
    fleet = many_accounts(lab, 2)
    assert fleet("probe", "--account", "account2", **USDM).returncode == 0
    assert {row["account"] for row in fleet.sql("SELECT DISTINCT account FROM probe_results")} == {"account2"}
    before = fleet.stats()["requests"]
    for words in (["--account", "nobody"], ["--market", "spot"]):
        assert fleet("probe", *words).returncode == 2
    assert fleet.stats()["requests"] == before


def test_a_ban_ends_it_with_4_and_stores_nothing_half_done(lab: Labs) -> None:
    made = with_orders(lab)
    made.tell("faults", [{"kind": "ban", "at": 8, "seconds": 3600}])
    done = made("probe", **USDM)
    assert done.returncode == 4
    assert made.last_run()["status"] == "banned"
    assert made.sql("SELECT FROM probe_results") == []
    sent = made.stats()["requests"]
    assert made("probe", **USDM).returncode == 4
    assert made.stats()["requests"] == sent


def test_a_signal_stops_it_between_two_requests(lab: Labs) -> None:
    made = with_orders(lab, latency_ms=100)
    process = made.command.start("probe", "--market", "usdm")
    wait_until(lambda: made.stats()["requests_by_path"].get(FORCE_ORDERS, 0) >= 3)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert made.last_run()["status"] == "stopped"
    assert made.sql("SELECT FROM probe_results") == []


def test_requests_that_are_sent_again_count_towards_the_weight(lab: Labs) -> None:
    made = lab(histories={"main": []})
    made.tell("faults", [{"kind": "skew", "path": FORCE_ORDERS, "at": {"every": 2}}])
    made.tell("reset-stats", {})
    done = made("probe", "--market", "usdm")
    assert done.returncode == 0, done.stderr
    assert 900 < made.stats()["weight"] <= MOST_WEIGHT
    assert made.last_run()["weight"] == made.stats()["weight"]
    assert "no weight was left" in done.stdout


def test_a_database_that_is_away_ends_it_with_5_before_any_request(lab: Labs) -> None:
    made = lab(histories={"main": []})
    done = made("probe", FORCE_ORDERS_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert done.returncode == 5
    assert made.stats()["requests"] == 0


def test_an_account_that_a_run_reads_is_waited_for(lab: Labs) -> None:
    made = lab(histories={"main": []})
    with psycopg.connect(made.database_url) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('main/usdm', 0))")
        done = made("probe", FORCE_ORDERS_PATIENCE_SECONDS="0", **USDM)
    assert done.returncode == 1
    assert "account main" in done.stderr
    assert made.stats()["requests_by_path"].get(FORCE_ORDERS, 0) == 0


def test_on_a_narrow_terminal_the_table_fits(lab: Labs) -> None:
    made = with_orders(lab)
    with on_a_terminal(made.command, "probe", "--market", "usdm") as terminal:
        terminal.read_all()
    lines = [line for line in terminal.lines() if not line.startswith("force-orders:")]
    assert any("guarantee" in line for line in lines)
    assert max(map(len, lines)) <= COLUMNS


@pytest.mark.parametrize("switches", [{"kept": "by_symbol"}, {"order": "shuffled"}, {"window_rule": "none"}], ids=str)
def test_the_answers_over_http_are_those_of_the_exchange(lab: Labs, switches: dict[str, Any]) -> None:
    made = with_orders(lab, **switches)
    assert made("probe", **USDM).returncode == 0
    expected = {"kept": ("kept_rows", "symbol by symbol"), "order": ("row_order", "no order")}
    ((name, _),) = switches.items()
    question, answer = expected.get(name, ("longest_span", "longer than 7 days"))
    assert answers(made)[question] == answer
