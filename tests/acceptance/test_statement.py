"""`force-orders statement`: the verdict of `complete`, every figure as in the tables, and files that are whole."""

import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.acceptance.endings import assert_one_line
from tests.acceptance.exporting import exporting, put
from tests.acceptance.lab import Labs, ask
from tests.acceptance.stating import AUGUST, cells_of, change, quarantine, text_of, told
from tests.command import Command


@pytest.fixture
def state(command: Command, writer_url: str) -> Command:
    return exporting(command, writer_url)


def test_a_month_that_is_proven_is_complete(state: Command, database_url: str) -> None:
    ask(database_url)
    code, said, page, text = told(state, *AUGUST)
    assert (code, said["verdict"]) == (0, "complete: 2026-08-01..2026-08-31 (UTC): main usdm; 31 days proven")
    assert said["calendar"][0]["counts"] == {"proven": "31"}
    assert f"2026-08 {'P' * 31}\n" in text
    assert page.count('class="proven" title="2026-08-') == 31
    asked = state("complete", "2026-08-01..2026-08-31")
    assert (asked.returncode, asked.stdout.strip()) == (0, said["verdict"])


def hole(database_url: str) -> None:
    change(
        database_url,
        "UPDATE coverage SET proven = proven - '{[2026-08-10 12:00Z, 2026-08-12Z)}'::tstzmultirange,"
        " failed = '{[2026-08-10 12:00Z, 2026-08-12Z)}'",
    )


def dispute(database_url: str) -> None:
    change(
        database_url,
        "INSERT INTO verifications (run_id, account, market, symbol, span, compared, unread, orders_compared, missing,"
        " different, extra, forgotten, repaired, differences, is_sample) VALUES (1, 'main', 'usdm', '*',"
        " '[2026-08-01Z, 2026-08-05Z)', '{[2026-08-01Z, 2026-08-05Z)}', '{}', 12, 1, 0, 0, 0, 0, '[{"
        '"symbol": "X", "order_id": "1", "order_time": "2026-08-03T01:00:00Z", "kind": "missing", "repaired": false'
        "}]', false)",
    )


def leave_a_market(database_url: str) -> None:
    change(
        database_url,
        "INSERT INTO account_markets (account, market, state, exists, source, seen_at, reason)"
        " VALUES ('main', 'coinm', 'not_permitted', true, 'test', '2026-09-01Z', 'the key may not read it')",
    )


HARMS: dict[str, tuple[Callable[[str], None], str, str, str]] = {
    "a hole": (hole, "PPPPPPPPPHN" + "P" * 20, "Gaps", "main usdm * 2026-08-10T12:00Z 2026-08-12T00:00Z failed"),
    "a row in quarantine": (
        quarantine,
        "PPPPPQ" + "P" * 25,
        "Quarantine",
        "main usdm 1 2026-08-10T00:00Z 2026-08-06 price is no number",
    ),
    "a disputed order": (
        dispute,
        "PPD" + "P" * 28,
        "Verifications",
        "main usdm * … 2026-08-01T00:00Z 2026-08-05T00:00Z 12 missing 1",
    ),
    "a market that is not read": (
        leave_a_market,
        "U" * 31,
        "Markets read and not read",
        "main coinm no yes – – the key may not read it",
    ),
}
"""What is done, the days as letters, and the row that tells it, with … for the instant of the test."""


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_missing_is_in_its_section_and_in_the_calendar(state: Command, database_url: str, harm: str) -> None:
    ask(database_url)
    harmed, letters, section, row = HARMS[harm]
    harmed(database_url)
    code, said, page, text = told(state, *AUGUST)
    assert (code, said["verdict"]) == state_of(state("complete", "2026-08-01..2026-08-31"))
    assert code == 3
    assert f"2026-08 {letters}\n" in text
    begins, _, ends = row.partition("…")
    rows = [" ".join(cells) for cells in cells_of(page, section)]
    assert [one for one in rows if one.startswith(begins) and one.endswith(ends)] != []
    assert "raw" not in page, "what the exchange sent is not the auditor's"


def test_nothing_is_never_complete(state: Command, database_url: str) -> None:
    code, said, page, _ = told(state, *AUGUST)
    assert (code, said["accounts"], said["calendar"]) == (3, [], [])
    keys = {"BINANCE_API_KEY": "key", "BINANCE_API_SECRET": "secret"}
    code, said, page, text = told(state, *AUGUST, **keys)
    assert (code, said["accounts"], said["calendar"]) == (3, ["main"], [])
    assert "Nothing is known of main." in page
    assert "Nothing is known of main." in text
    assert {line["state"] for line in said["markets"]} == {None}
    ask(database_url)
    code, said, _, _ = told(state, "--from", "2026-08-01", "--until", "2036-01-01")
    assert code == 3
    assert int(said["calendar"][0]["counts"]["future"]) > 0


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "Europe/Berlin", "Asia/Kolkata"])
def test_days_are_those_of_the_zone(state: Command, database_url: str, zone: str) -> None:
    change(
        database_url,
        "INSERT INTO coverage (account, market, symbol, asked_since, proven) VALUES"
        " ('main', 'usdm', '*', '2025-12-31 12:00Z', '{[2025-12-31 12:00Z, 2026-07-01Z)}')",
    )
    change(
        database_url,
        "UPDATE coverage SET proven = proven - '{[2026-03-29 01:00Z, 2026-03-29 01:00:01Z)}'::tstzmultirange",
    )
    put(database_url, 400, order_time="2026-03-28T23:30:00Z")
    year = ("--from", "2026-01-01", "--until", "2026-06-29")
    code, said, page, _ = told(state, *year, FORCE_ORDERS_TIME_ZONE=zone)
    assert code == 3
    clock = ZoneInfo(zone)
    starts = datetime(2026, 1, 1, tzinfo=clock).astimezone(UTC)
    ends = datetime(2026, 6, 30, tzinfo=clock).astimezone(UTC)
    assert said["period"]["starts_at"] == f"{starts:%Y-%m-%dT%H:%MZ}"
    assert said["period"]["ends_at"] == f"{ends:%Y-%m-%dT%H:%MZ}"
    missing = datetime(2026, 3, 29, 1, tzinfo=UTC).astimezone(clock).date()
    first = date(2026, 1, 1)
    covered = datetime(2025, 12, 31, 12, tzinfo=UTC)
    assert {day for day, state_of in said["calendar"][0]["days"].items() if state_of != "proven"} == {
        f"{day}" for day in [missing, *([first] if starts < covered else [])]
    }
    assert f"of {zone}" in text_of(page)
    assert state("statement", *year, "--tz", zone).stdout.splitlines()[1] == said["verdict"]


def test_every_figure_is_that_of_the_tables(lab: Labs) -> None:
    demo = lab()
    assert demo("backfill").returncode == 0
    assert demo("verify", "--since", "5d").returncode == 0
    today = datetime.fromtimestamp(demo.now() / 1000, UTC).date()
    first, last = today - timedelta(days=60), today - timedelta(days=1)
    words = ("--from", f"{first}", "--until", f"{last}")
    (demo.command.directory / "orders.csv").write_bytes(b"1,2,3\n")
    code, said, page, text = told(demo.command, *words, "--export", "orders.csv")
    assert code in (0, 3)
    assert state_of(demo("complete", f"{first}..{last}")) == (code, said["verdict"])

    own = [
        row
        for row in demo.sql("SELECT * FROM report_force_orders")
        if first <= row["order_time"].astimezone(UTC).date() <= last
    ]
    counted = Counter((row["market"], row["close_type"], row["quote_asset"]) for row in own)
    sums: dict[tuple[str, str, str], Decimal] = {}
    for row in own:
        key = row["market"], row["close_type"], row["quote_asset"]
        sums[key] = sums.get(key, Decimal()) + (row["notional"] or 0)
    found = {(one["market"], one["close_type"], one["quote_asset"]): one for one in said["orders"]}
    assert {key: int(one["orders"]) for key, one in found.items()} == counted
    assert {key: Decimal(one["notional"]) for key, one in found.items()} == sums
    shown = {(row[1], row[2], row[3]): row for row in cells_of(page, "Orders")}
    assert {key: int(row[4].replace(",", "")) for key, row in shown.items()} == counted
    assert {key: Decimal(row[5].replace(",", "")) for key, row in shown.items()} == sums
    assert f"{len(own)} orders of the period." in text

    sealed = demo.sql(f"SELECT DISTINCT day FROM seals WHERE day BETWEEN '{first}' AND '{last}'")
    (newest,) = demo.sql("SELECT digest FROM seals ORDER BY id DESC LIMIT 1")
    (seal,) = said["seals"]
    assert (int(seal["sealed"]), int(seal["days"]), seal["digest"]) == (len(sealed), 60, newest["digest"])
    (verified,) = demo.sql("SELECT * FROM verifications ORDER BY id DESC LIMIT 1")
    assert [(one["run_id"], one["result"]) for one in said["verifications"]] == [
        (str(verified["run_id"]), "both sides agree")
    ]
    assert said["export"] == {"name": "orders.csv", "size": "6", "sha256": hashlib.sha256(b"1,2,3\n").hexdigest()}
    (version,) = demo.sql("SELECT version_num FROM alembic_version")
    assert said["origin"]["schema"] == version["version_num"]
    days = demo.sql(f"SELECT day, state FROM report_completeness('{first}', '{last}') WHERE market = 'usdm'")
    assert {f"{row['day']}": row["state"] for row in days} == said["calendar"][0]["days"]


def state_of(done: Any) -> tuple[int, str]:
    return done.returncode, done.stdout.strip()


def test_reconciliations_of_the_period_are_counted_by_verdict(state: Command, database_url: str) -> None:
    ask(database_url)
    code, said, page, _ = told(state, *AUGUST)
    assert (code, said["reconciliations"]) == (0, [])
    assert "No day of the period was ever reconciled." in page
    change(
        database_url,
        "INSERT INTO reconciled_days (account, market, day, verdict, reason, run_id, reconciled_at)"
        " SELECT 'main', 'usdm', day, CASE WHEN day < '2026-08-20' THEN 'agreed' ELSE 'not checkable' END,"
        " CASE WHEN day >= '2026-08-20' THEN 'too many orders' END, 1, '2026-09-02Z'"
        " FROM generate_series(date '2026-07-20', date '2026-08-25', interval '1 day') AS day",
    )
    change(
        database_url,
        "INSERT INTO reconciliation_orders (account, market, symbol, order_id, order_time, kind, detail, found_at,"
        " run_id) VALUES ('main', 'usdm', 'BTCUSDT', 42, '2026-08-03 01:00Z', 'missing', 'listed', '2026-09-02Z', 1)",
    )
    code, said, page, _ = told(state, *AUGUST)
    assert (code, said["calendar"][0]["counts"]) == (3, {"proven": "30", "disputed": "1"})
    (line,) = said["reconciliations"]
    counts = {"days": "31", "agreed": "18", "not_checkable": "6", "disputed": "1"}
    assert {name: line[name] for name in counts} == counts
    assert cells_of(page, "Reconciliations") == [
        [*["main", "usdm", "18", "6", "1", "31", "2026-09-02T00:00Z"], "BTCUSDT 42 missing; too many orders"]
    ]


def test_accounts_are_chosen_by_name(state: Command, database_url: str) -> None:
    for account in ("desk", "main", "third"):
        ask(database_url, account=account)
    _, said, _, _ = told(state, *AUGUST, "--account", "main", "--account", "desk")
    assert said["accounts"] == ["desk", "main"] == [one["account"] for one in said["calendar"]]
    assert told(state, *AUGUST)[1]["accounts"] == ["desk", "main", "third"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([*AUGUST, "--account", "nobody"], "there is no account 'nobody'"),
        ([*AUGUST, "--tz", "Mars/Base"], "there is no time zone Mars/Base"),
        ([*AUGUST, "--out", "statement.pdf"], "--out: statement.pdf must end with .html or .json"),
        ([*AUGUST, "--out", "/dev/stdout"], "must end with .html or .json"),
        ([*AUGUST, "--export", "missing.csv"], "--export: there is no file missing.csv"),
        ([*AUGUST, "--export", "."], "--export: . is no file"),
        (["--from", "2026-08-02", "--until", "2026-08-01"], "ends before it begins"),
        (["--from", "august", "--until", "2026"], "is not a period"),
        (["--from", "2026"], "--until"),
    ],
)
def test_what_cannot_be_stated_ends_with_2(state: Command, database_url: str, words: list[str], why: str) -> None:
    ask(database_url)
    assert_one_line(state("statement", *words), 2, why)
    assert [*state.directory.glob("*.html")] == []
