"""Completeness through the command: crowds, late and changed orders, retention, quarantine, mixed scopes."""

import json
from datetime import UTC, datetime

import pytest

from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import Kept, Scenario
from tests.acceptance.lab import DAY, HOUR, Labs, assert_table_equals_history, order_row

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT")


def moment(instant: int) -> datetime:
    return datetime.fromtimestamp(instant / 1000, UTC)


def close_type(number: int) -> dict[str, str]:
    return {"clientOrderId": "adl_autoclose"} if number % 2 else {}


@pytest.mark.parametrize("kept", ["oldest", "newest", "by_symbol", "random"])
def test_250_orders_in_one_millisecond_over_symbols_and_close_types_are_all_stored(lab: Labs, kept: Kept) -> None:
    crowd = lab(Scenario(kept=kept), histories={"main": []})
    at = crowd.now() - 5 * DAY
    crowd.tell("orders", [order_row(SYMBOLS[n % 5], n, at, **close_type(n // 5)) for n in range(250)])
    done = crowd("backfill")
    assert done.returncode == 0, done.stderr
    assert len(crowd.table()) == 250
    assert crowd.gaps() == []
    assert_table_equals_history(crowd)


def test_150_of_one_symbol_and_type_in_one_millisecond_leave_a_named_gap_and_the_rest_covered(lab: Labs) -> None:
    crowd = lab(histories={"main": []})
    at = crowd.now() - 20 * DAY
    crowd.tell("orders", [order_row("BTCUSDT", n, at) for n in range(150)])
    crowd.tell("orders", [order_row("ETHUSDT", 1, at), order_row("BTCUSDT", 1_000, at + DAY)])
    done = crowd("backfill")
    assert done.returncode == 3
    assert "saturated" in done.stdout
    assert crowd.last_run()["status"] == "incomplete"
    table = crowd.table()
    assert sum(order_id < 150 for symbol, order_id in table if symbol == "BTCUSDT") == 100, "what can be had is stored"
    assert {("ETHUSDT", 1), ("BTCUSDT", 1_000)} <= table.keys(), "history behind the crowd is fetched"
    gaps = {row["symbol"]: row for row in crowd.gaps()}
    assert gaps.keys() == {"*", "BTCUSDT"}, "what was proven of the other symbols stays proven"
    for gap in gaps.values():
        assert gap["reason"] == "saturated"
        assert gap["gap_start"] <= moment(at) < gap["gap_end"]
        assert (gap["gap_end"] - gap["gap_start"]).total_seconds() <= 0.003
    assert crowd.watermark()["watermark"] == gaps["*"]["gap_start"]
    assert crowd.watermark("ETHUSDT")["watermark"] > moment(crowd.now() - HOUR)

    crowd.tell("reset-stats", {})
    assert crowd("sync").returncode == 0, "the nightly job is not red for ever because of an old hole"
    assert crowd.stats()["pages"] == 2, "and does not ask for it again"


def test_orders_that_become_readable_late_are_not_missed(lab: Labs) -> None:
    late = lab(Scenario(visibility_delay_ms=300_000), histories={"main": []})
    at = late.now() - 120_000
    late.tell("orders", [order_row("BTCUSDT", 1, at)])
    assert late("backfill").returncode == 0
    assert late.table() == {}
    late.tell("clock", {"advance_ms": HOUR})
    assert late("sync").returncode == 0
    assert list(late.table()) == [("BTCUSDT", 1)]


def test_an_order_that_turns_up_days_after_its_time_is_found_by_reading_again(lab: Labs) -> None:
    late = lab(histories={"main": []})
    at = late.now() - 5 * DAY
    assert late("backfill").returncode == 0
    late.tell("orders", [order_row("BTCUSDT", 1, at)])
    late.tell("reset-stats", {})
    assert late("sync").returncode == 0
    assert late.stats()["pages"] == 2
    assert list(late.table()) == [("BTCUSDT", 1)]


def test_a_changed_order_keeps_what_it_was_and_a_report_can_be_repeated_as_of_then(lab: Labs) -> None:
    changing = lab(histories={"main": []})
    at = changing.now() - 2 * DAY
    changing.tell("orders", [order_row("BTCUSDT", 1, at, status="NEW", executedQty="0", updateTime=at)])
    assert changing("backfill").returncode == 0
    (before,) = changing.sql("SELECT now() AS moment")
    changing.tell("orders", [order_row("BTCUSDT", 1, at, updateTime=at + HOUR)])
    assert changing("sync").returncode == 0
    (old,) = changing.sql("SELECT * FROM force_order_revisions")
    (new,) = changing.sql("SELECT * FROM force_orders")
    assert (old["status"], old["executed_qty"], old["last_run_id"]) == ("NEW", 0, 1)
    assert old["valid_from"] == old["changed_at"]
    assert old["valid_until"] == new["changed_at"]
    (then,) = changing.sql(f"SELECT status FROM force_orders_as_of('{before['moment'].isoformat()}')")
    (now,) = changing.sql("SELECT status FROM force_orders_as_of(now())")
    assert (then["status"], now["status"]) == ("NEW", "FILLED")


def test_what_an_exchange_keeps_longer_than_promised_is_stored_and_proves_nothing(lab: Labs) -> None:
    generous = lab(Scenario(retention_days=200), histories={"main": []})
    oldest, other = generous.now() - 140 * DAY, generous.now() - 100 * DAY
    generous.tell("orders", [order_row("BTCUSDT", 1, oldest), order_row("BTCUSDT", 2, other)])
    assert generous("backfill", "--since", "150d", "--beyond-retention").returncode == 3
    assert set(generous.table()) == {("BTCUSDT", 1), ("BTCUSDT", 2)}
    assert generous.watermark()["covered_since"] > moment(generous.now() - 90 * DAY - HOUR)
    assert {gap["reason"] for gap in generous.gaps()} == {"beyond_retention"}


def test_the_operator_may_say_that_it_keeps_more(lab: Labs) -> None:
    generous = lab(Scenario(retention_days=200), histories={"main": []})
    generous.tell("orders", [order_row("BTCUSDT", 1, generous.now() - 140 * DAY)])
    assert generous("backfill", "--since", "150d", FORCE_ORDERS_RETENTION_DAYS="200").returncode == 0
    assert generous.gaps() == []


def test_what_the_exchange_refuses_although_it_promises_to_keep_it_is_asked_for_every_night(lab: Labs) -> None:
    mean = lab(Scenario(retention_days=30), histories={"main": []})
    assert mean("backfill").returncode == 3
    failed = [gap for gap in mean.gaps() if gap["reason"] == "failed"]
    assert sum((gap["gap_end"] - gap["gap_start"]).total_seconds() for gap in failed) > 59.9 * 86_400
    kept = (mean.watermark()["watermark"] - mean.watermark()["covered_since"]).total_seconds()
    assert 25 < kept / 86_400 < 30
    mean.tell("scenario", {"retention_days": 90})
    assert mean("sync").returncode == 0
    assert {gap["reason"] for gap in mean.gaps()} <= {"beyond_retention"}, "seconds at the edge, which moved on"


def test_rows_that_cannot_be_read_are_kept_and_counted_and_the_rest_is_stored(lab: Labs) -> None:
    odd = lab(histories={"main": []})
    at = odd.now() - 3 * DAY
    good = [
        order_row("BTCUSDT", 1, at, newKey={"nested": 1}, status="NEVER_SEEN", timeInForce="ABC"),
        {"symbol": "BTCUSDT", "orderId": 2, "updateTime": at},
        order_row("BTCUSDT", 3, at, price=10871.09, orderId=3),
    ]
    bad = [
        {"at_ms": at, "row": {"symbol": "BTCUSDT", "time": at}},
        {"at_ms": at, "row": order_row("BTCUSDT", 4, at, price="cheap")},
        {"at_ms": at, "row": order_row("BTCUSDT", 5, at) | {"time": "noon"}},
        {"at_ms": at, "row": 17},
    ]
    odd.tell("orders", good + bad)
    done = odd("backfill")
    assert done.returncode == 3
    assert "quarantined: 4" in done.stdout
    assert sorted(odd.table()) == [("BTCUSDT", 1), ("BTCUSDT", 2), ("BTCUSDT", 3)]
    kept = odd.sql("SELECT raw, reason FROM quarantined_orders")
    assert {row["reason"] for row in kept} == {
        "orderId is missing",
        "price is not a decimal",
        "time is not a time in epoch milliseconds",
        "the row is not an object",
    }
    assert any(row["raw"] == 17 for row in kept)
    assert odd.gaps() == []
    listed = odd("quarantine", "list")
    assert listed.returncode == 3
    assert "price is not a decimal" in listed.stdout
    retried = odd("quarantine", "retry")
    assert (retried.returncode, retried.stdout) == (3, "0 read and stored, 4 still in quarantine\n")

    odd.sql("UPDATE quarantined_orders SET raw = raw || '{\"price\": \"7.50\"}' WHERE reason LIKE 'price%' RETURNING 1")
    assert odd("quarantine", "retry").stdout == "1 read and stored, 3 still in quarantine\n"
    assert odd.table()[("BTCUSDT", 4)]["price"] == "7.50"


def test_what_was_covered_without_symbol_counts_for_each_and_a_symbol_alone_does_not_advance_the_others(
    lab: Labs,
) -> None:
    mixed = lab(histories={"main": []})
    at = mixed.now() - 40 * DAY
    mixed.tell("orders", [order_row("BTCUSDT", 1, at), order_row("ETHUSDT", 1, at)])
    middle = str(mixed.now() - 30 * DAY)
    assert mixed("backfill", "--until", middle).returncode == 0
    assert mixed("backfill", "--symbol", "BTCUSDT", "--since", middle).returncode == 0
    assert mixed.watermark("BTCUSDT")["covered_since"] == mixed.watermark()["covered_since"]
    assert mixed.watermark("BTCUSDT")["watermark"] > moment(mixed.now() - HOUR)
    assert mixed.watermark("ETHUSDT") == mixed.watermark() | {"symbol": "ETHUSDT"}
    assert mixed.watermark()["watermark"] == moment(int(middle))
    mixed.tell("orders", [order_row("NEWUSDT", 1, mixed.now() - 10 * DAY)])
    assert mixed("sync").returncode == 0
    assert mixed.watermark("NEWUSDT") == mixed.watermark() | {"symbol": "NEWUSDT"}, "a new symbol inherits"


def test_status_check_is_red_for_unread_history_and_green_for_fresh(lab: Labs) -> None:
    watched = lab(histories={"main": Generated(Profile("quiet"))})
    empty = watched("status", "--check")
    assert empty.returncode == 3
    old = str(watched.now() - 10 * DAY)
    assert watched("backfill", "--until", old).returncode == 0
    red = watched("status", "--check")
    assert red.returncode == 3
    assert "unread for 10 d" in red.stderr
    assert "lost in 80.0 days" in red.stderr
    assert watched("status").returncode == 0
    assert watched("status", "--check", FORCE_ORDERS_WARN_AFTER_DAYS="11").returncode == 0
    assert watched("sync").returncode == 0
    assert watched("status", "--check").returncode == 0


def test_verify_finds_what_is_missing_different_and_extra_and_repair_mends_the_first_two(lab: Labs) -> None:
    checked = lab(histories={"main": Generated(Profile("quiet"))})
    assert checked("backfill").returncode == 0
    agreed = checked("verify")
    assert (agreed.returncode, agreed.stderr) == (0, "")
    assert "missing 0, different 0, extra 0" in agreed.stdout
    whole = len(checked.table())
    checked.sql("DELETE FROM force_orders WHERE ctid IN (SELECT ctid FROM force_orders LIMIT 2) RETURNING 1")
    checked.sql(
        'UPDATE force_orders SET raw = raw || \'{"price": "1"}\''
        " WHERE ctid IN (SELECT ctid FROM force_orders LIMIT 1) RETURNING 1"
    )
    checked.sql("""
        INSERT INTO force_orders (account, market, symbol, order_id, executed_qty, close_type, order_time, update_time,
                                  raw, first_seen_at, changed_at, first_run_id, last_run_id)
        VALUES ('main', 'usdm', 'GONEUSDT', 1, 1, 'UNKNOWN', now() - interval '9 days', now() - interval '9 days',
                '{}', now(), now(), 1, 1) RETURNING 1
    """)
    found = checked("verify")
    assert found.returncode == 3
    assert "missing 2, different 1, extra 1" in found.stdout
    assert "price" in found.stdout
    assert "GONEUSDT" in found.stdout
    repaired = checked("verify", "--repair")
    assert repaired.returncode == 3, "what the exchange does not show is never deleted"
    assert "missing 2, different 1, extra 1; what was missing or different is stored now" in repaired.stdout
    assert len(checked.table()) == whole + 1
    in_ledger = "SELECT orders_new, orders_changed, orders_unchanged FROM report_runs ORDER BY run_id DESC LIMIT 1"
    assert checked.sql(in_ledger) == [{"orders_new": 2, "orders_changed": 1, "orders_unchanged": whole - 3}]
    by_wallet = in_ledger.replace("report_runs", "report_run_wallets")
    assert checked.sql(by_wallet) == checked.sql(in_ledger)
    assert "missing 0, different 0, extra 1" in checked("verify").stdout
    assert json.loads(checked("status", "--json").stdout)["last_run"]["command"] == "verify"


def test_a_sample_says_what_it_is_worth(lab: Labs) -> None:
    checked = lab(histories={"main": []})
    assert checked("backfill").returncode == 0
    checked.tell("reset-stats", {})
    done = checked("verify", "--sample", "5")
    assert done.returncode == 0
    assert checked.stats()["pages"] == 5
    assert (
        "5 of 14 windows, chosen at random: with 95 % confidence fewer than 45.1% of the windows differ" in done.stdout
    )


def test_an_exchange_that_takes_only_narrow_windows_is_read_in_narrow_ones(lab: Labs) -> None:
    narrow = lab(Scenario(longest_window_ms=2 * DAY), histories={"main": Generated(Profile("quiet"))})
    done = narrow("backfill", "--since", "14d")
    assert (done.returncode, done.stderr) == (0, "")
    assert_table_equals_history(narrow)
