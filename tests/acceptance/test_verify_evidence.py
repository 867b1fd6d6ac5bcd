"""`verify` says 0 only of what it compared: all else is named, ends with 3, and stands in the table `verifications`."""

import json
from subprocess import CompletedProcess
from typing import Any

import psycopg
import pytest

from etl.core.timeline import iso
from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import Scenario
from tests.acceptance.endings import ended
from tests.acceptance.lab import DAY, FORCE_ORDERS, HOUR, Lab, Labs, order_row
from tests.acceptance.several_accounts import many_accounts, secret_file
from tests.waiting import wait_until

ONE_BY_ONE = {"FORCE_ORDERS_CONCURRENCY": "1", "FORCE_ORDERS_ATTEMPTS": "1"}
MILLISECOND = 1


def unavailable(first: int, last: int | None) -> list[dict[str, Any]]:
    """These requests for orders get a 503."""
    return [{"kind": "status", "status": 503, "path": FORCE_ORDERS, "at": [first, last]}]


def backfilled(lab: Labs, *days_ago: int, **options: Any) -> Lab:
    """A database with everything that the exchange keeps, and an order of BTCUSDT on each of these days."""
    made = lab(histories={"main": []}, **options)
    made.tell("orders", [order_row("BTCUSDT", days, made.now() - days * DAY) for days in days_ago])
    done = made("backfill")
    assert done.returncode == 0, done.stderr
    return made


def delete(lab: Lab, order_id: int) -> None:
    assert lab.sql(f"DELETE FROM force_orders WHERE order_id = {order_id} RETURNING 1")


def told(done: "CompletedProcess[str]") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["exit_code"] == done.returncode
    return found


def reasons(done: "CompletedProcess[str]") -> list[str]:
    return [one["reason"] for one in told(done)["unread"]]


def evidence(lab: Lab, account: str = "main") -> dict[str, Any]:
    """The newest row of an account, with whole days of what was compared and what was not."""
    return lab.sql(f"""
        SELECT *, (SELECT coalesce(sum(upper(one) - lower(one)), '0') FROM unnest(compared) AS one) AS compared_for,
                  (SELECT coalesce(sum(upper(one) - lower(one)), '0') FROM unnest(unread) AS one) AS unread_for,
                  unread = '{{}}' AND compared = tstzmultirange(span) AS is_whole
          FROM verifications WHERE account = '{account}' ORDER BY id DESC LIMIT 1
    """)[0]


def test_a_whole_comparison_that_agrees_is_0_and_kept_as_evidence(lab: Labs) -> None:
    whole = backfilled(lab, 60, 3)
    done = whole("verify")
    assert (done.returncode, done.stderr) == (0, "")
    assert "unread: none" in done.stdout
    row, run = evidence(whole), whole.last_run()
    assert row["is_whole"]
    assert (row["run_id"], row["verified_at"]) == (run["id"], run["finished_at"]), "in one transaction"
    assert (row["account"], row["market"], row["symbol"]) == ("main", "usdm", "*")
    assert (row["orders_compared"], row["missing"], row["different"], row["extra"]) == (2, 0, 0, 0)
    assert (row["differences"], row["unread_reason"], row["is_sample"]) == ([], None, False)


def test_a_window_that_the_exchange_did_not_answer_is_unread_and_not_equal(lab: Labs) -> None:
    broken = backfilled(lab, 88, 3)
    delete(broken, 88)
    broken.tell("faults", unavailable(1, 2))
    done = broken("verify", "--json", **ONE_BY_ONE)
    assert done.returncode == 3
    (unread,) = told(done)["unread"]
    assert (unread["account"], unread["symbol"], unread["reason"]) == ("main", "*", "failed")
    assert unread["since"] < iso(broken.now() - 88 * DAY) < unread["until"]
    assert told(done)["scopes"][0]["compared"][0]["since"] == unread["until"]
    row = evidence(broken)
    assert (row["unread_reason"], row["missing"], row["orders_compared"]) == ("failed", 0, 1)
    assert 7 <= row["unread_for"].days < 13, "a window of random width, and a whole one"
    broken.tell("faults", unavailable(1, 2))
    shown = broken("verify", **ONE_BY_ONE).stdout
    assert "unread: 1" in shown
    assert unread["since"][:10] in shown
    broken.tell("faults", [])
    assert "missing 1" in broken("verify").stdout


def test_an_order_is_not_called_extra_where_the_exchange_did_not_answer(lab: Labs) -> None:
    broken = backfilled(lab, 88, 3)
    broken.tell("faults", unavailable(1, 2))
    assert told(broken("verify", "--json", **ONE_BY_ONE))["differences"] == []


def crowd(lab: Lab) -> None:
    """More orders in one millisecond than the exchange shows."""
    at = lab.now() - 20 * DAY
    lab.tell("orders", [order_row("BTCUSDT", n, at) for n in range(150)])


def test_a_crowded_millisecond_is_unread_though_it_was_proven(lab: Labs) -> None:
    crowded = backfilled(lab)
    crowd(crowded)
    done = crowded("verify", "--json")
    assert (done.returncode, set(reasons(done))) == (3, {"saturated"})
    assert evidence(crowded)["missing"] == 100, "those that the exchange shows"
    repaired = crowded("verify", "--repair")
    assert repaired.returncode == 3, "what can be stored is stored, and 50 are still unknown"
    assert evidence(crowded)["repaired"] == 100


def test_a_crowded_millisecond_is_unread_though_it_was_never_proven(lab: Labs) -> None:
    crowded = lab(histories={"main": []})
    crowd(crowded)
    assert crowded("backfill").returncode == 3
    done = crowded("verify", "--json")
    assert (done.returncode, reasons(done)) == (3, ["not_proven"])
    asked = crowded("verify", "--since", "30d", "--json")
    assert (asked.returncode, reasons(asked)) == (3, ["saturated"])


def test_a_requested_span_beyond_retention_is_unread_for_that_part(lab: Labs) -> None:
    old = backfilled(lab, 3)
    since = old.now() - 100 * DAY
    done = old("verify", "--since", str(since), "--json")
    assert done.returncode == 3
    (unread,) = told(done)["unread"]
    assert (unread["since"], unread["reason"]) == (iso(since), "beyond_retention")
    row = evidence(old)
    assert (row["unread_for"].days, row["compared_for"].days) == (10, 89)
    assert row["span"].lower.timestamp() * 1000 == since
    assert old("verify", "--since", "90d").returncode == 0, "the edge itself is no claim"


def test_a_requested_end_that_nothing_can_be_proven_of_yet_is_unread(lab: Labs) -> None:
    young = backfilled(lab, 3)
    done = young("verify", "--since", "9d", "--until", iso(young.now()), "--json")
    assert (done.returncode, reasons(done)) == (3, ["unsettled"])
    assert (reasons(young("verify", "--since", "5m", "--json"))) == ["unsettled"]
    assert young("verify", "--since", "9d").returncode == 0, "a span without an end ends where proof can"


def test_what_is_proven_and_no_longer_kept_is_not_asked_for_and_said(lab: Labs) -> None:
    later = backfilled(lab, 85, 3)
    delete(later, 85)
    done = later("verify", FORCE_ORDERS_RETENTION_DAYS="80")
    assert (done.returncode, done.stderr) == (0, "")
    assert "not asked for: what is proven before " in done.stdout
    assert evidence(later)["is_whole"]
    recent = "tstzmultirange(tstzrange(now() - interval '81 days', NULL))"
    later.sql(f"UPDATE coverage SET proven = proven - {recent} RETURNING 1")
    gone = later("verify", FORCE_ORDERS_RETENTION_DAYS="80")
    assert gone.returncode == 3, "nothing was compared"
    assert "nothing was compared\n" in gone.stdout
    assert "beyond_retention" in gone.stdout


def test_nothing_compared_is_0_only_where_nothing_is_stored(lab: Labs) -> None:
    empty = lab(histories={"main": []})
    done = empty("verify")
    assert done.returncode == 0
    assert "nothing was compared: nothing is proven and nothing is stored" in done.stdout
    empty.tell("orders", [order_row("BTCUSDT", 1, empty.now() - DAY)])
    assert empty("backfill", "--since", "2d").returncode == 0
    empty.sql("DELETE FROM coverage RETURNING 1")
    stored = empty("verify", "--json")
    assert (stored.returncode, reasons(stored)) == (3, ["not_proven"])


def test_a_hole_between_proven_history_is_unread_and_later_history_is_not_asked_for(lab: Labs) -> None:
    holed = lab(histories={"main": []})
    now = holed.now()
    for since, until in ((60, 50), (40, 30)):
        assert holed("backfill", "--since", str(now - since * DAY), "--until", str(now - until * DAY)).returncode == 0
    done = holed("verify", "--json")
    assert done.returncode == 3
    (unread,) = told(done)["unread"]
    assert (unread["since"], unread["until"]) == (iso(now - 50 * DAY), iso(now - 40 * DAY))
    assert holed("verify", "--sample", "2").returncode == 0, "a sample is drawn from what is proven"


def test_a_sample_counts_only_windows_that_it_read(lab: Labs) -> None:
    sampled = backfilled(lab, 3)
    sampled.tell("faults", unavailable(2, 2))
    done = sampled("verify", "--sample", "5", **ONE_BY_ONE)
    assert done.returncode == 3
    assert "4 of 14 windows, chosen at random (1 more were not read): with 95 % confidence fewer than 52.7%" in (
        done.stdout
    )
    assert "unread: 1" in done.stdout
    row = evidence(sampled)
    assert (row["is_sample"], row["unread_reason"], row["is_whole"]) == (True, "failed", False)
    assert 0 < row["unread_for"].total_seconds() < 7 * 86_400
    assert row["compared_for"] > row["unread_for"]
    sampled.tell("faults", unavailable(1, 1))
    nothing = told(sampled("verify", "--sample", "1", "--json", **ONE_BY_ONE))
    assert (nothing["exit_code"], nothing["sample"]["read"], nothing["sample"]["upper_bound"]) == (3, 0, 1.0)


def test_a_repair_claims_only_what_it_stored_and_tells_the_rest_by_kind(lab: Labs) -> None:
    mended = backfilled(lab, 2, 3, 4, 5, 6)
    delete(mended, 2)
    mended.sql('UPDATE force_orders SET raw = raw || \'{"side": "?"}\' WHERE order_id = 3 RETURNING 1')
    mended.sql("""
        UPDATE force_orders SET update_time = update_time + interval '1 hour', status = 'EXPIRED',
                                raw = raw || '{"status": "EXPIRED"}' WHERE order_id = 4 RETURNING 1""")
    mended.sql("""
        UPDATE force_orders SET update_time = update_time - interval '1 second', status = 'NEW' WHERE order_id = 5
        RETURNING 1""")
    mended.sql("UPDATE force_orders SET symbol = 'GONEUSDT' WHERE order_id = 6 RETURNING 1")
    found = told(mended("verify", "--json"))["differences"]
    assert {(d["kind"], d["newer"]) for d in found if d["kind"] == "different"} == {
        ("different", None),
        ("different", "database"),
        ("different", "exchange"),
    }
    done = mended("verify", "--repair")
    assert done.returncode == 3
    assert "missing 2, different 3, extra 1; 4 of 5 missing or different are stored now; stored is newer: 1;" in (
        done.stdout
    )
    row, run = evidence(mended), mended.last_run()
    assert (row["missing"], row["different"], row["extra"], row["repaired"]) == (2, 3, 1, 4)
    assert (run["inserted"], run["updated"]) == (2, 2)
    assert sorted(d["order_id"] for d in row["differences"] if d["repaired"]) == [2, 3, 5, 6]
    kept = mended.sql("SELECT status FROM force_orders WHERE order_id = 4")
    assert kept == [{"status": "EXPIRED"}], "a later version is never replaced by an earlier one"
    assert "missing 0, different 1, extra 1" in mended("verify").stdout


def test_a_repair_that_stored_everything_is_0(lab: Labs) -> None:
    mended = backfilled(lab, 2, 3)
    delete(mended, 2)
    done = mended("verify", "--repair")
    assert (done.returncode, done.stderr) == (0, "")
    assert "missing 1, different 0, extra 0; what was missing or different is stored now" in done.stdout
    assert mended("verify").returncode == 0


def test_a_row_that_the_database_does_not_take_is_not_called_repaired(lab: Labs) -> None:
    refusing = backfilled(lab, 2, 3)
    delete(refusing, 2)
    with psycopg.connect(refusing.database_url) as owner:
        owner.execute("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '22003'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON force_orders FOR EACH ROW WHEN (new.order_id = 2)
            EXECUTE FUNCTION refuse()""")
    done = refusing("verify", "--repair")
    assert done.returncode == 3
    assert "0 of 1 missing or different are stored now; the database did not take: 1" in done.stdout
    assert "quarantined: 1" in done.stdout
    assert (evidence(refusing)["missing"], evidence(refusing)["repaired"]) == (1, 0)


@pytest.mark.parametrize("repair", [[], ["--repair"]], ids=["compare", "repair"])
def test_a_row_that_cannot_be_read_is_not_compared(lab: Labs, repair: list[str]) -> None:
    odd = backfilled(lab, 3)
    at = odd.now() - 3 * DAY
    odd.tell("orders", [{"at_ms": at, "row": order_row("BTCUSDT", 9, at, price="cheap")}])
    done = odd("verify", "--json", *repair)
    assert (done.returncode, told(done)["quarantined"], reasons(done)) == (3, 1, ["quarantined"])
    assert evidence(odd)["unread_reason"] == "quarantined"


def test_a_column_that_no_longer_says_what_was_received_is_a_difference(lab: Labs) -> None:
    changed = backfilled(lab, 3)
    changed.sql("UPDATE force_orders SET avg_price = avg_price + 1, close_type = 'ADL' RETURNING 1")
    done = changed("verify", "--json")
    assert done.returncode == 3
    assert told(done)["differences"][0]["fields"] == ["avgPrice", "clientOrderId"]
    assert changed("verify", "--repair").returncode == 0
    assert changed("verify").returncode == 0


def test_an_order_belongs_to_a_span_by_either_of_its_times_and_no_other_does(lab: Labs) -> None:
    edges = lab(histories={"main": []})
    since, until = edges.now() - 9 * DAY, edges.now() - 8 * DAY
    rows = {
        1: (since - HOUR, since + HOUR),
        2: (until - MILLISECOND, until + HOUR),
        3: (since, since),
        4: (until, until + 5),
        5: (since - MILLISECOND, since - MILLISECOND),
    }
    edges.tell("orders", [order_row("BTCUSDT", n, at, updateTime=later) for n, (at, later) in rows.items()])
    assert edges("backfill").returncode == 0
    assert edges("verify", "--since", str(since), "--until", str(until)).returncode == 0
    edges.sql("DELETE FROM force_orders RETURNING 1")
    for scenario, missing in ((Scenario(), {2, 3}), (Scenario(filter_field="updateTime"), {1, 3})):
        edges.tell("scenario", {"filter_field": scenario.filter_field})
        done = told(edges("verify", "--since", str(since), "--until", str(until), "--json"))
        assert {d["order_id"] for d in done["differences"]} == missing


def test_every_proven_symbol_is_compared_and_no_other(lab: Labs) -> None:
    named = lab(histories={"main": []})
    names = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    at = named.now() - 3 * DAY
    named.tell("orders", [order_row(name, n, at) for n, name in enumerate((*names, "XRPUSDT"))])
    for name in names:
        assert named("backfill", "--symbol", name, "--since", "6d").returncode == 0
    for words in (["verify"], ["verify", "--since", "5d"]):
        assert named(*words).returncode == 0
    assert [row["symbol"] for row in named.sql("SELECT symbol FROM verifications ORDER BY id LIMIT 3")] == [*names]
    delete(named, 1)
    done = named("verify")
    assert done.returncode == 3
    assert "missing 1, different 0, extra 0" in done.stdout
    rows = named.sql("SELECT symbol, missing FROM verifications ORDER BY id DESC LIMIT 3")
    assert {row["symbol"]: row["missing"] for row in rows} == {"BTCUSDT": 0, "ETHUSDT": 1, "SOLUSDT": 0}


def test_what_is_proven_of_a_symbol_alone_is_compared_beside_the_rest(lab: Labs) -> None:
    mixed = lab(histories={"main": []})
    mixed.tell("orders", [order_row("BTCUSDT", 1, mixed.now() - 10 * DAY)])
    middle = str(mixed.now() - 30 * DAY)
    assert mixed("backfill", "--until", middle).returncode == 0
    assert mixed("backfill", "--symbol", "BTCUSDT", "--since", middle).returncode == 0
    assert mixed("verify").returncode == 0
    delete(mixed, 1)
    done = mixed("verify")
    assert (done.returncode, "missing 1" in done.stdout) == (3, True)


def test_an_account_whose_key_is_refused_is_unread_and_the_other_is_compared(lab: Labs) -> None:
    two = many_accounts(lab, 2)
    assert two("backfill", "--since", "9d").returncode == 0
    secret_file(two.command.directory, "account2.secret", "z" * 64)
    done = two("verify", "--json")
    assert done.returncode == 1
    assert {(one["account"], one["reason"]) for one in told(done)["unread"]} == {("account2", "not_fetched")}
    assert (evidence(two)["is_whole"], evidence(two, "account2")["compared_for"].days) == (True, 0)


def test_a_run_that_a_signal_stops_keeps_what_it_compared(lab: Labs) -> None:
    stopped = backfilled(lab, 88, 3)
    delete(stopped, 88)
    stopped.tell("reset-stats", {})
    stopped.tell("scenario", {"latency_ms": 100})
    process = stopped.command.start("verify", FORCE_ORDERS_CONCURRENCY="1")
    wait_until(lambda: stopped.stats()["pages"] >= 4)
    ended(process)
    row = evidence(stopped)
    assert stopped.last_run()["status"] == "stopped"
    assert (row["unread_reason"], row["missing"]) == ("not_fetched", 1)
    assert row["compared_for"].days > 6
    assert row["unread_for"].days > 6


def test_a_ban_in_the_middle_ends_with_4_and_keeps_what_was_compared(lab: Labs) -> None:
    banned = backfilled(lab, 88, 3)
    banned.sql("""
        INSERT INTO force_orders (account, market, symbol, order_id, executed_qty, close_type, order_time, update_time,
                                  raw, first_seen_at, changed_at, first_run_id, last_run_id)
        SELECT 'main', 'usdm', 'GONEUSDT', n, 1, 'UNKNOWN', moment, moment, '{}', now(), now(), 1, 1
          FROM (VALUES (1, now() - interval '88 days'), (2, now() - interval '3 days')) AS gone (n, moment)
        RETURNING 1""")
    banned.tell("faults", [{"kind": "ban", "at": 3, "path": FORCE_ORDERS, "seconds": 3600}])
    done = banned("verify", "--json", FORCE_ORDERS_CONCURRENCY="1")
    assert done.returncode == 4
    row = evidence(banned)
    assert (row["unread_reason"], row["extra"], row["orders_compared"]) == ("not_fetched", 1, 1)
    assert 7 <= row["compared_for"].days < 13, "a window of random width, and a whole one"
    assert [d["order_id"] for d in told(done)["differences"]] == [1], "the other was not looked for"


def test_the_newest_verification_is_shown_by_status(lab: Labs) -> None:
    shown = backfilled(lab, 3)
    before = shown("status", "--json")
    assert json.loads(before.stdout)["verifications"] == [], before.stderr
    assert shown("verify").returncode == 0
    (equal,) = json.loads(shown("status", "--json").stdout)["verifications"]
    assert (equal["account"], equal["symbol"], equal["is_equal"], equal["is_sample"]) == ("main", "*", True, False)
    delete(shown, 3)
    assert shown("verify").returncode == 3
    assert "not equal, or not all compared" in shown("status").stdout


def test_a_generated_history_with_bursts_agrees_as_a_whole(lab: Labs) -> None:
    bursty = lab(histories={"main": Generated(Profile("bursty", 20), days=40)})
    assert bursty("backfill", "--since", "30d").returncode == 0
    done = bursty("verify")
    assert (done.returncode, done.stderr) == (0, "")
    row = evidence(bursty)
    assert row["is_whole"]
    (stored,) = bursty.sql("""
        SELECT count(*) AS orders FROM force_orders, verifications
         WHERE span @> order_time OR span @> update_time""")
    assert row["orders_compared"] == stored["orders"]
