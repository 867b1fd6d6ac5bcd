"""Two markets of one account in one database: every read keeps them apart, and a run is judged by its own."""

from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy import Connection

from etl.commands.list_accounts import StoredAccount, read_stored_accounts
from etl.commands.retry_quarantine import retry_quarantine
from etl.core.findings import Finding, Verdict
from etl.core.markets import USDM
from etl.core.orders import Reject
from etl.core.planning import Known, Rules
from etl.core.timeline import DAY, Window, iso
from etl.core.walking import Target
from etl.core.wallets import Wallet
from etl.fleet.jobs import SYNC, ClaimedJob, Job, job_from_arguments
from etl.fleet.queue import enqueue, is_superseded
from etl.monitoring.metrics import metrics
from etl.monitoring.status import read_brief_status, read_status
from etl.monitoring.status_json import status_json
from etl.monitoring.warnings import warnings
from etl.notifications.reading import read_summary
from etl.notifications.summary import UnreadHistory
from etl.runs.ingest import IngestSink
from etl.runs.recorder import Received, Recorder
from etl.runs.run import plan_only
from etl.store import coverage, quarantine, runs
from etl.store.coverage import Asked, Gap, Watermark
from etl.store.engine import connection_to, engine_for
from tests.postgres.samples import ACCOUNT, page, proven, row
from tests.scraped import values

OTHER = "coinm"
NOW = 1_790_856_000_000


def day(number: int) -> int:
    """The hundredth is today."""
    return NOW + (number - 100) * DAY


RULES = Rules(now=NOW, settle_lag=0, keeps=90 * DAY, widest=7 * DAY)
OF_OTHER = Gap(ACCOUNT, OTHER, "*", Window(day(30), day(60)), "failed")


def recorder(connection: Connection) -> Recorder:
    return Recorder(connection, runs.start(connection, "backfill"), lambda: (1, 50))


@pytest.fixture
def both(connection: Connection) -> Connection:
    """One order in `usdm`, which is proven up to now, and two in the other market, which has a gap of 30 days."""
    known = [proven(day(0), NOW)]
    recorder(connection).commit([Received(Wallet(ACCOUNT, USDM), page(row(orderId=1)), known)])
    others = page(row(orderId=1), row(orderId=2, symbol="ETHUSDT"))
    missing = Finding(OF_OTHER.window, Verdict.FAILED)
    recorder(connection).commit([Received(Wallet(ACCOUNT, OTHER), others, [proven(day(10), day(30)), missing])])
    return connection


def test_watermarks_gaps_and_what_was_asked_for_name_their_market(both: Connection) -> None:
    every_symbol = [mark for mark in coverage.read_watermarks(both) if mark.symbol == "*"]
    assert every_symbol == [
        Watermark(ACCOUNT, OTHER, "*", watermark=day(30), covered_since=day(10), newest_proof=day(30)),
        Watermark(ACCOUNT, USDM, "*", watermark=NOW, covered_since=day(0), newest_proof=NOW),
    ]
    gaps = coverage.read_gaps(both)
    assert OF_OTHER in gaps
    assert {gap.market for gap in gaps} == {OTHER}
    asked = [one for one in coverage.read_asked(both) if one.symbol is None]
    assert asked == [
        Asked(ACCOUNT, OTHER, None, Window(day(10), day(60))),
        Asked(ACCOUNT, USDM, None, Window(day(0), NOW)),
    ]
    assert read_stored_accounts(both, [ACCOUNT]) == {ACCOUNT: StoredAccount(day(30), ())}, "the market that is behind"


def test_orders_are_counted_by_market(both: Connection) -> None:
    assert coverage.count_orders(both) == {
        (ACCOUNT, USDM, "BTCUSDT"): 1,
        (ACCOUNT, OTHER, "BTCUSDT"): 1,
        (ACCOUNT, OTHER, "ETHUSDT"): 1,
    }
    assert {key[:2]: count for key, count in coverage.count_close_types(both).items()} == {
        (ACCOUNT, USDM): 1,
        (ACCOUNT, OTHER): 2,
    }


def remaining(connection: Connection, account: str, market: str) -> tuple[int, list[Gap]]:
    """What a run of the days 10 to 60 leaves, by what the database holds already: milliseconds and gaps."""
    need = Window(day(10), day(60))
    sink = IngestSink(connection, recorder(connection))
    sink.begin(Wallet(account, market), [Target(need, need)])
    left = sink.remaining()
    return left.unproven, list(left.gaps)


def test_a_run_is_judged_by_the_gaps_of_its_own_market(both: Connection) -> None:
    assert remaining(both, ACCOUNT, USDM) == (0, [])
    assert remaining(both, ACCOUNT, OTHER) == (30 * DAY, [OF_OTHER])
    coverage.record(both, "hedge", OTHER, [proven(day(10), day(30)), Finding(OF_OTHER.window, Verdict.FAILED)])
    assert remaining(both, "hedge", USDM) == (50 * DAY, []), "the gap is the other market's"


def test_a_run_plans_from_what_is_known_of_its_own_market(both: Connection) -> None:
    def planned(market: str) -> list[Window]:
        seen: list[Window] = []

        def planner(known: Mapping[str | None, Known], rules: Rules) -> list[Target]:
            seen.extend(known[None].proven)
            return []

        plan_only(both, [Wallet(ACCOUNT, market)], planner, RULES)
        return seen

    assert planned(USDM) == [Window(day(0), NOW)]
    assert planned(OTHER) == [Window(day(10), day(30))]


def test_the_status_shows_each_market_by_itself(both: Connection) -> None:
    status = read_status(both, RULES)
    scopes = {scope["market"]: scope for scope in status_json(status)["scopes"] if scope["symbol"] == "*"}
    assert [(name, scopes[name]["orders"], len(scopes[name]["gaps"])) for name in (USDM, OTHER)] == [
        (USDM, 1, 0),
        (OTHER, 2, 1),
    ]
    assert [scopes[name]["unread_seconds"] for name in (USDM, OTHER)] == [0, 70 * 86_400]
    (late,) = warnings(status, greatest_age=DAY, floor=RULES.floor)
    assert f"--since {iso(day(30))} --until {iso(day(60))} --account main" in late


def test_a_metric_of_an_account_names_its_market(both: Connection) -> None:
    found = values(metrics(both, RULES).decode())
    assert found["force_orders_watermark_age_seconds"] == {
        (ACCOUNT, USDM): 0,
        (ACCOUNT, OTHER): 70 * 86_400,
    }
    assert found["force_orders_days_until_loss"] == {(ACCOUNT, USDM): 90, (ACCOUNT, OTHER): 20}
    assert {labels[:2] for labels in found["force_orders_gap_seconds"]} == {(ACCOUNT, OTHER)}
    assert {(account, market): count for (account, _, market), count in found["force_orders_orders"].items()} == {
        (ACCOUNT, USDM): 1,
        (ACCOUNT, OTHER): 2,
    }


def test_a_market_of_the_settings_that_was_never_read_is_watched(both: Connection) -> None:
    configured = {ACCOUNT: (USDM, OTHER, "margin"), "auto": (), "pm": ("pm-usdm",)}
    found = values(metrics(both, RULES, configured).decode())["force_orders_read_until_timestamp_seconds"]
    assert {wallet for wallet, until in found.items() if until == 0} == {
        (ACCOUNT, "margin"),
        ("auto", USDM),
        ("pm", "pm-usdm"),
    }
    one = values(metrics(both, RULES, {ACCOUNT: ()}).decode())["force_orders_read_until_timestamp_seconds"]
    assert one.keys() == {(ACCOUNT, USDM), (ACCOUNT, OTHER)}


def test_the_status_of_one_market_leaves_the_others_out(both: Connection) -> None:
    quarantine.keep(both, ACCOUNT, OTHER, 1, [Reject(row(orderId=3), "odd", is_json=True)])
    both.commit()
    of_usdm, of_other = (read_status(both, RULES, markets=[name]) for name in (USDM, OTHER))
    assert (of_usdm.markets, of_usdm.orders, of_usdm.gaps, of_usdm.quarantined) == ({USDM}, 1, [], 0)
    assert (of_other.markets, of_other.orders, of_other.quarantined) == ({OTHER}, 2, 1)
    assert {gap.market for gap in of_other.gaps} == {OTHER}
    brief = read_brief_status(both, RULES, markets=[OTHER])
    assert (brief.markets, brief.orders, brief.quarantined) == ({OTHER}, 2, 1)


def test_a_summary_of_runs_tells_the_oldest_unread_instant_of_each_market(both: Connection) -> None:
    summary = read_summary(both, [], RULES, orders=False)
    assert summary.unread == (
        UnreadHistory(ACCOUNT, day(30), 20, OTHER),
        UnreadHistory(ACCOUNT, NOW, 90),
    )
    assert [(gaps.gaps, gaps.since) for gaps in summary.gaps] == [(1, day(30))]


def test_a_quarantined_row_is_retried_in_its_own_market(both: Connection) -> None:
    quarantine.keep(both, ACCOUNT, OTHER, 1, [Reject(row(orderId=3), "odd", is_json=True)])
    both.commit()
    (waiting,) = quarantine.unresolved(both)
    assert waiting.market == OTHER
    retried = retry_quarantine(both)
    assert (retried.stored, retried.left) == (1, 0)
    assert coverage.count_orders(both)[ACCOUNT, OTHER, "BTCUSDT"] == 2


@pytest.fixture
def writer(writer_url: str) -> Iterator[Connection]:
    with connection_to(engine_for(writer_url)) as opened:
        yield opened


def test_a_job_names_its_market_and_one_without_is_of_usdm() -> None:
    job = Job(ACCOUNT, "default", market=OTHER)
    assert job_from_arguments("default", SYNC, job.arguments()) == job
    assert job_from_arguments("default", SYNC, {"account": ACCOUNT}).market == USDM
    assert job.lock != Job(ACCOUNT, "default").lock


def test_a_job_is_superseded_by_a_later_one_of_its_own_market_only(writer: Connection) -> None:
    own = ClaimedJob(Job(ACCOUNT, "default"), 0, 0)
    assert enqueue(writer, [Job(ACCOUNT, "default", market=OTHER)]) == 1
    assert not is_superseded(writer, own)
    assert enqueue(writer, [Job(ACCOUNT, "default")]) == 1
    assert is_superseded(writer, own)
