"""`db check`: what is older than the exchange keeps can still be trusted, or the day that cannot be is named."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.acceptance.lab import DAY, Lab, Labs, order_row
from tests.command import Command
from tests.pages import section
from tests.roles import as_role

UNREACHABLE = {"FORCE_ORDERS_BASE_URL": "http://127.0.0.1:9", "BINANCE_API_KEY": "", "BINANCE_API_SECRET": ""}

TRUSTED = section("docs/operations.md", "Can the database be trusted?")


def seals(lab: Lab) -> list[dict[str, Any]]:
    return lab.sql("SELECT * FROM seals ORDER BY id")


def by_hand(lab: Lab, statement: str) -> None:
    with psycopg.connect(lab.database_url) as connection:
        connection.execute(statement.encode())


def day_of(instant: int) -> date:
    return datetime.fromtimestamp(instant / 1000, UTC).date()


@pytest.fixture
def filled(lab: Labs) -> Lab:
    """Ninety days of history."""
    one = lab()
    assert one("backfill").returncode == 0
    return one


def test_a_backfill_seals_each_whole_day_that_no_night_reads_again(filled: Lab) -> None:
    mark, now = filled.watermark(), filled.now()
    first = (mark["covered_since"] + timedelta(days=1)).date()
    days = [one["day"] for one in seals(filled)]
    assert days == [first + timedelta(days=number) for number in range(len(days))]
    assert day_of(now - 9 * DAY) <= days[-1] <= day_of(now - 8 * DAY)
    assert sum(one["orders"] for one in seals(filled)) > 100


def test_a_database_as_it_was_stored_is_fine_and_needs_neither_exchange_nor_key(filled: Lab) -> None:
    filled.tell("reset-stats", {})
    done = filled("db", "check", **UNREACHABLE)
    assert (done.returncode, done.stderr) == (0, "")
    *checks, newest, result = done.stdout.splitlines()
    assert {line.split()[0] for line in checks} == {"ok"}
    last = seals(filled)[-1]
    assert newest == f"newest seal of main, usdm: {last['digest']} ({last['day']})"
    assert result == f"{len(checks)} checks, all fine"
    assert filled.stats()["log"] == []


def test_the_reader_may_check(filled: Lab) -> None:
    done = filled("db", "check", FORCE_ORDERS_DATABASE_URL=as_role("reader", filled.database_url))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_price_changed_by_hand_names_its_day(filled: Lab) -> None:
    (old,) = filled.sql("SELECT * FROM force_orders ORDER BY order_time LIMIT 1 OFFSET 20")
    by_hand(filled, f"UPDATE force_orders SET price = price + 1 WHERE order_id = {old['order_id']}")
    done = filled("db", "check")
    day = old["order_time"].astimezone(UTC).date()
    assert done.returncode == 1
    columns, days = [line for line in done.stdout.splitlines() if line.startswith("failed")]
    assert columns.endswith(f"first: main usdm {day} {old['symbol']}, order {old['order_id']}: price")
    assert f"; first: main usdm {day}: " in days
    assert done.stdout.endswith("what to do: docs/operations.md, 'Can the database be trusted?'\n")


def test_an_order_deleted_by_hand_names_its_day_for_programs(filled: Lab) -> None:
    day = next(one["day"] for one in seals(filled) if one["orders"])
    by_hand(filled, f"DELETE FROM force_orders WHERE (order_time AT TIME ZONE 'UTC')::date = '{day}'")
    done = filled("db", "check", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["ok"]) == (1, False)
    (failed,) = [check for check in found["checks"] if not check["ok"]]
    assert (failed["sentence"], failed["wrong"]) == ("every sealed day holds the orders that were sealed", 1)
    assert failed["first"].startswith(f"main usdm {day}: 0 orders, but ")


def test_a_day_is_sealed_by_the_night_in_which_it_becomes_old_enough(lab: Labs) -> None:
    one = lab()
    assert one("backfill", FORCE_ORDERS_REREAD_DAYS="30").returncode == 0
    before = seals(one)
    assert one("sync", FORCE_ORDERS_REREAD_DAYS="20").returncode == 0
    after = seals(one)
    assert after[: len(before)] == before
    assert len(after) - len(before) in (10, 11), "one more where midnight passed in between"
    assert one("db", "check").returncode == 0


def test_a_late_order_of_a_sealed_day_makes_a_new_seal_that_names_the_former(filled: Lab) -> None:
    before = seals(filled)
    late = order_row("BTCUSDT", 77, filled.now() - 40 * DAY)
    filled.tell("orders", [late])
    assert filled("verify", "--repair").returncode in (0, 3)
    *same, new = seals(filled)
    assert same == before
    (former,) = [one for one in before if one["day"] == new["day"]]
    assert (new["replaces"], new["previous"]) == (former["digest"], before[-1]["digest"])
    assert (new["day"], new["orders"]) == (day_of(late["time"]), former["orders"] + 1)
    assert filled("db", "check").returncode == 0


def test_status_shows_the_newest_seal_and_a_check_finds_it_again(filled: Lab) -> None:
    last = seals(filled)[-1]
    shown = filled("status").stdout
    (line,) = [line for line in shown.splitlines() if str(last["day"]) in line and last["digest"][:12] in line]
    assert line.split()[:2] == ["main", "usdm"]
    told = json.loads(filled("status", "--json").stdout)["seals"]
    assert told == [{"account": "main", "market": "usdm", "day": str(last["day"]), "seal": last["digest"]}]
    assert filled("db", "check", "--seal", last["digest"][:12], "--seal", last["digest"].upper()).returncode == 0


def test_a_quarantine_that_was_emptied_by_hand_is_found(lab: Labs) -> None:
    one = lab(histories={"main": []})
    at = one.now() - 3 * DAY
    one.tell("orders", [{"at_ms": at, "row": order_row("BTCUSDT", 9, at, price="cheap")}])
    for command in ("backfill", "verify"):
        assert one(command).returncode == 3
    assert one("db", "check").returncode == 0
    by_hand(one, "DELETE FROM quarantined_orders")
    done = one("db", "check")
    assert done.returncode == 1
    assert "not true that the rows that a run could not read are kept: 1; first: run 1, backfill" in done.stdout
    by_hand(one, "INSERT INTO decisions (kind, account, why) VALUES ('forget', 'main', 'its rows were deleted')")
    assert one("db", "check").returncode == 0


def test_days_whose_seals_were_removed_are_never_sealed_anew(filled: Lab) -> None:
    by_hand(filled, "DELETE FROM seals WHERE day > now() - interval '40 days'")
    by_hand(filled, "DELETE FROM force_orders WHERE order_time > now() - interval '30 days'")
    left = seals(filled)
    for _ in range(2):
        done = filled("db", "check")
        assert done.returncode == 1
        assert "failed  not true that the newest seal of each account is the one that was made last: 1" in done.stdout
        night = filled("sync")
        assert night.returncode == 3
        assert "seals of account main were removed, so no day was sealed" in night.stderr
        assert seals(filled) == left
    (remedy,) = re.findall(r"`(DELETE FROM newest_seals[^`]+)`, as the owner", TRUSTED)
    assert filled("verify", "--repair").returncode == 3, "the orders are right again, and nothing is sealed yet"
    with psycopg.connect(as_role("owner", filled.database_url)) as owner:
        assert owner.execute(remedy.encode()).rowcount == 1
    assert filled("sync").returncode == 0
    assert filled("sync").stderr == ""
    assert len(seals(filled)) > len(left)
    assert filled("db", "check").returncode == 0


def test_a_noted_seal_that_is_gone_shows_that_the_database_was_rewritten(filled: Lab) -> None:
    noted = seals(filled)[-1]["digest"]
    by_hand(filled, "DELETE FROM seals WHERE id = (SELECT max(id) FROM seals)")
    by_hand(filled, "UPDATE newest_seals SET digest = (SELECT digest FROM seals ORDER BY id DESC LIMIT 1)")
    assert filled("db", "check").returncode == 0
    done = filled("db", "check", "--seal", noted)
    assert done.returncode == 1
    assert f"failed  not true that the noted seal {noted} is there" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seal", "cafe"], "'cafe' is not a seal"),
        (["--seal", "x" * 64], "is not a seal; write 12 to 64 hexadecimal digits"),
        (["--account", "nobody"], "the database has no account nobody"),
    ],
)
def test_wrong_arguments_end_with_2(lab: Labs, arguments: list[str], said: str) -> None:
    done = lab()("db", "check", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_only_the_accounts_that_are_named_are_checked(filled: Lab) -> None:
    by_hand(filled, "UPDATE seals SET account = 'other' WHERE id = (SELECT min(id) FROM seals)")
    assert filled("db", "check", "--account", "other").returncode == 1
    found = json.loads(filled("db", "check", "--account", "other", "--json").stdout)
    assert [one["account"] for one in found["seals"]] == ["other"]


def test_without_a_database_it_ends_with_5_and_makes_none(command: Command, tmp_path: Path) -> None:
    done = command("db", "check", FORCE_ORDERS_DATA_DIR=str(tmp_path / "data"))
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == "force-orders: there is no database yet; 'force-orders backfill' makes one\n"
    assert not (tmp_path / "data").exists()


def test_an_empty_database_is_fine(lab: Labs) -> None:
    done = lab()("db", "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 seals" in done.stdout
