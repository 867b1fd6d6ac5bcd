"""`doctor`: fine, or what to do, about everything that a night needs; and no fault hides another."""

import json
from typing import Any

from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET
from etl.simulator.scenario import Scenario
from tests.acceptance.lab import FORCE_ORDERS, HOUR, Lab, Labs
from tests.acceptance.several_accounts import many_accounts, secret_file
from tests.command import Command

CHECKS = [
    *("python", "settings", "data directory", "disk", "database", "schema", "rights", "schedule"),
    *("address", "clock", "account main", "notifications"),
]


def found(lab: Lab, code: int, **environment: str) -> dict[str, dict[str, Any]]:
    """What doctor says as JSON, by check, with a remedy where it is needed and no secret."""
    done = lab("doctor", "--json", **environment)
    assert done.returncode == code, done.stdout
    assert [text for text in (DEMO_KEY, DEMO_SECRET, "pa55word") if text in done.stdout + done.stderr] == []
    rows = json.loads(done.stdout)
    assert {tuple(row) for row in rows} == {("check", "status", "detail", "remedy")}
    assert [row["check"] for row in rows if row["status"] in ("warning", "failed") and not row["remedy"]] == []
    return {row["check"]: row for row in rows}


def not_fine(rows: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: row["status"] for name, row in rows.items() if row["status"] != "ok"}


def test_after_a_good_night_all_is_fine_and_nothing_is_stored_or_told(lab: Labs) -> None:
    fine = lab(Scenario(), histories={"main": []})
    assert fine("sync").returncode == 0
    fine.tell("reset-stats", {})
    done = fine("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(":")[0] for line in done.stdout.splitlines() if line[0] != " "] == [
        *(f"ok       {check}" for check in CHECKS),
        "12 checks",
    ]
    assert fine.stats()["requests_by_path"][FORCE_ORDERS] == 1
    assert len(fine.sql("SELECT FROM runs")) == 1


def test_before_the_first_night_it_says_how_to_schedule_one_within_80_columns(lab: Labs) -> None:
    new = lab(Scenario(), histories={"main": []})
    done = new("doctor", FORCE_ORDERS_NOTIFY_URLS_FILE="/nowhere")
    assert done.returncode == 1
    assert "warning  schedule: 'sync' never ran\n         → 'force-orders config deploy cron'" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_without_a_database_the_exchange_and_the_key_are_looked_at_all_the_same(lab: Labs) -> None:
    away = lab(Scenario(), histories={"main": []})
    rows = found(away, 1, FORCE_ORDERS_DATABASE_URL="postgresql://nobody:pa55word@127.0.0.1:9/none")
    assert list(rows) == CHECKS
    skipped = dict.fromkeys(("schema", "rights", "schedule"), "skipped")
    assert not_fine(rows) == {"database": "failed"} | skipped
    assert rows["rights"]["detail"] == "not checked: database is not fine"


def test_every_fault_is_found_at_once(lab: Labs) -> None:
    ill = many_accounts(lab, 4, Scenario(clock_offset_ms=5 * HOUR))
    folder = ill.command.directory
    secret_file(folder, "account2.secret", "z" * 64)
    (folder / "account3.secret").unlink()
    (folder / "account4.key").chmod(0o644)
    urls = secret_file(folder, "urls", "json://127.0.0.1:9/token")
    urls.chmod(0o644)
    ill.sql("UPDATE alembic_version SET version_num = '0001' RETURNING version_num")
    rows = found(ill, 1, FORCE_ORDERS_NOTIFY_URLS_FILE=str(urls))
    assert not_fine(rows) == {
        "schema": "failed",
        "rights": "skipped",
        "schedule": "skipped",
        "clock": "warning",
        "account account2": "failed",
        "account account3": "failed",
        "account account4": "warning",
        "notifications": rows["notifications"]["status"],
    }
    assert rows["schema"]["remedy"] == "run: force-orders db upgrade"
    assert "5 h behind" in rows["clock"]["detail"]
    assert "wrong secret" in rows["account account2"]["detail"]
    assert rows["account account4"]["remedy"] == f"chmod 600 {folder}/account4.key"
    assert rows["notifications"]["status"] in ("warning", "failed"), "open to others, or without Apprise"


def test_a_role_that_cannot_store_is_told_which_rights_it_lacks(lab: Labs, reader_url: str) -> None:
    read = lab(Scenario(), histories={"main": []})
    rows = found(read, 1, FORCE_ORDERS_DATABASE_URL=reader_url)
    assert rows["rights"]["status"] == "failed"
    assert "INSERT ON force_orders" in rows["rights"]["detail"]
    assert "SELECT ON force_orders" not in rows["rights"]["detail"]


def test_an_exchange_that_does_not_answer_is_given_up_and_the_rest_goes_on(lab: Labs) -> None:
    silent = lab(Scenario(), histories={"main": []})
    silent.tell("faults", [{"kind": "hang"}])
    rows = found(silent, 1, FORCE_ORDERS_READ_TIMEOUT_SECONDS="0.5")
    assert list(rows) == CHECKS
    assert not_fine(rows) == {
        "schedule": "warning",
        "address": "failed",
        "clock": "skipped",
        "account main": "skipped",
    }
    assert "did not answer within 0.5 s" in rows["address"]["detail"]


def test_a_ban_is_kept_and_told(lab: Labs) -> None:
    banned = lab(Scenario(), histories={"main": []})
    banned.tell("faults", [{"kind": "ban", "path": FORCE_ORDERS, "seconds": 600}])
    assert banned("sync").returncode == 4
    requests = banned.stats()["requests"]
    rows = found(banned, 1)
    assert rows["address"]["status"] == "failed"
    assert "nothing is sent" in rows["address"]["detail"]
    assert banned.stats()["requests"] == requests


def test_settings_that_cannot_be_used_leave_the_rest_unchecked(command: Command) -> None:
    done = command("doctor", "--json", FORCE_ORDERS_PAGE_LIMIT="101")
    rows = {row["check"]: row["status"] for row in json.loads(done.stdout)}
    assert done.returncode == 1
    assert (rows.pop("python"), rows.pop("settings")) == ("ok", "failed")
    assert set(rows.values()) == {"skipped"}


def test_a_data_directory_that_cannot_be_made_is_told(lab: Labs) -> None:
    stuck = lab(Scenario(), histories={"main": []})
    (stuck.command.directory / "file").touch()
    rows = found(stuck, 1, FORCE_ORDERS_DATABASE_URL="", FORCE_ORDERS_DATA_DIR="file/below")
    assert rows["data directory"]["status"] == "failed"
    assert {rows[name]["detail"] for name in ("database", "schema", "rights", "schedule")} == {
        "not checked: the data directory is not fine"
    }
    assert rows["account main"]["status"] == "ok"


def test_without_any_key_it_names_init(lab: Labs) -> None:
    keyless = lab(Scenario(), histories={"main": []})
    rows = found(keyless, 1, BINANCE_API_KEY="", BINANCE_API_SECRET="")
    assert rows["accounts"]["remedy"] == "run: force-orders init"
    assert rows["address"]["status"] == "ok"
