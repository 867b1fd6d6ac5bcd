"""The calendar that tells a zero from a hole, and the ledger in a reader's terms."""

from datetime import date, timedelta

from sqlalchemy import Connection, text

from etl.core.findings import Finding, Verdict
from etl.core.timeline import DAY, HOUR, Window, to_datetime, to_millis
from etl.store import coverage, quarantine, runs
from tests.postgres.reported import MARKET, at, found, write
from tests.postgres.samples import ACCOUNT, proven, row


def test_a_zero_is_told_from_a_hole(connection: Connection) -> None:
    start = to_millis(connection.execute(text("SELECT now()")).scalar_one()) // DAY * DAY - 10 * DAY
    coverage.ask(connection, ACCOUNT, MARKET, None, start + HOUR)
    named = proven(start + 5 * DAY, start + 5 * DAY + HOUR, "BTCUSDT")
    failed = Finding(Window(start + 4 * DAY, start + 4 * DAY + HOUR), Verdict.FAILED)
    findings = [proven(start + DAY, start + 4 * DAY - 1), named, failed, proven(start + 7 * DAY, start + 8 * DAY)]
    coverage.record(connection, ACCOUNT, MARKET, findings)
    write(connection, at(start + 2 * DAY, 1), at(start + 3 * DAY - 1, 2), at(start + 6 * DAY, 3))

    days = [
        ("not", "not_fetched", 0),
        ("proven", None, 0),
        ("proven", None, 2),
        ("partly", "not_fetched", 0),
        ("not", "failed, not_fetched", 0),
        ("partly", "not_fetched", 0),
        ("not", "not_fetched", 1),
        ("proven", None, 0),
        ("not", None, 0),
    ]
    first = to_datetime(start).date()
    assert [tuple(one.values()) for one in found(connection, "report_coverage")][: len(days)] == [
        (ACCOUNT, "usdm", first + timedelta(days=number), *day) for number, day in enumerate(days)
    ]


def test_a_day_to_which_an_unreadable_row_may_belong_is_not_proven(connection: Connection) -> None:
    today = to_millis(connection.execute(text("SELECT now()")).scalar_one()) // DAY * DAY
    connection.commit()
    start = today - 6 * DAY
    coverage.ask(connection, ACCOUNT, MARKET, None, start)
    coverage.ask(connection, "hedge", MARKET, None, start)
    findings = [proven(start, start + 4 * DAY), proven(start + 5 * DAY, today + HOUR)]
    for account in (ACCOUNT, "hedge"):
        coverage.record(connection, account, MARKET, findings)

    def states(account: str) -> list[tuple[str, str | None]]:
        days = found(connection, "report_coverage", f"account = '{account}'")
        return [(day["coverage"], day["reasons"]) for day in days[:7]]

    clear = [("proven", None)] * 4 + [("not", "not_fetched"), ("proven", None), ("partly", None)]
    assert states(ACCOUNT) == clear
    write(connection, at(start + 2 * DAY - 1, price="seven", updateTime=start + 2 * DAY))
    doubted = [*clear]
    doubted[1] = doubted[2] = ("quarantined", "quarantined")
    assert states(ACCOUNT) == doubted
    assert states("hedge") == clear
    days = [to_datetime(start + day * DAY).date() for day in (1, 2)]
    assert quarantine.doubted_days(connection) == [(ACCOUNT, MARKET, day) for day in days]

    write(connection, row(time=None, updateTime=None))
    every = [("quarantined", "quarantined")] * 7
    every[4], every[6] = ("not", "not_fetched, quarantined"), ("partly", "quarantined")
    assert states(ACCOUNT) == every
    quarantine.resolve(connection, [waiting.id for waiting in quarantine.unresolved(connection)])
    assert states(ACCOUNT) == clear
    assert quarantine.doubted_days(connection) == []


def test_the_calendar_runs_from_the_first_question_to_today(connection: Connection) -> None:
    today = to_datetime(to_millis(connection.execute(text("SELECT now()")).scalar_one()))
    connection.commit()
    coverage.ask(connection, ACCOUNT, MARKET, "BTCUSDT", to_millis(today) - 3 * DAY)
    coverage.ask(connection, ACCOUNT, MARKET, None, to_millis(today) - 2 * DAY)
    coverage.record(connection, "hedge", MARKET, [proven(to_millis(today) - DAY, to_millis(today))])
    coverage.name_symbols(connection, "unasked", MARKET, ["BTCUSDT"])
    last = connection.execute(text("SELECT timezone('UTC', now())::date")).scalar_one()

    listed: dict[str, list[date]] = {}
    for one in found(connection, "report_coverage"):
        listed.setdefault(one["account"], []).append(one["day"])
    begins = {"hedge": today - timedelta(days=1), ACCOUNT: today - timedelta(days=3)}
    assert listed == {
        account: [since.date() + timedelta(days=n) for n in range((last - since.date()).days + 1)]
        for account, since in begins.items()
    }


def test_a_run_in_the_ledger_is_told_in_a_readers_terms(connection: Connection) -> None:
    done = runs.start(connection, "backfill")
    connection.commit()
    counts = runs.Counts(13, 650, 40, inserted=20, updated=5, unchanged=14, quarantined=1, largest_page=17)
    runs.finish(connection, done, counts, "incomplete", "two windows failed")
    going = runs.start(connection, "sync")
    columns = connection.execute(text("SELECT started_at, finished_at FROM runs ORDER BY id")).all()

    (began, ended), (begins, _) = columns
    numbers = ("requests", "weight", "rows_received", "orders_new", "orders_changed", "orders_unchanged")
    ledger = [
        (
            done,
            "backfill",
            "incomplete",
            began,
            ended,
            ended - began,
            13,
            650,
            40,
            20,
            5,
            14,
            1,
            "two windows failed",
            None,
            None,
        )
    ]
    ledger += [(going, "sync", "running", begins, None, None, *[0] * 7, None, None, None)]
    names = (
        "run_id",
        "command",
        "status",
        "started_at",
        "finished_at",
        "duration",
        *numbers,
        "rows_quarantined",
        "error",
        "job_id",
        "worker",
    )
    assert found(connection, "report_runs") == [dict(zip(names, one, strict=True)) for one in ledger]
