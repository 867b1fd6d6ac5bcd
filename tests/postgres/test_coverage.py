"""What is proven, what is missing and why: the two views that a user relies on, read off the sets that a run records.

Times are small whole milliseconds from the epoch; 10 … 20 stands for the instants 10 ≤ t < 20.
"""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from etl.core.findings import Finding, Verdict
from etl.core.markets import USDM
from etl.core.planning import Known
from etl.core.timeline import DAY, HOUR, Window, to_datetime
from etl.core.wallets import Wallet
from etl.runs.recorder import Received, Recorder
from etl.store import coverage, runs
from etl.store.coverage import Asked, Gap, Watermark
from tests.documented import ROW
from tests.postgres.samples import ACCOUNT, page, proven
from tests.postgres.samples import row as order_row

PROVEN, SATURATED, BEYOND, FAILED = Verdict.PROVEN, Verdict.SATURATED, Verdict.BEYOND_RETENTION, Verdict.FAILED
NOT_FETCHED = "not_fetched"


def record(connection: Connection, *findings: Finding) -> None:
    coverage.record(connection, ACCOUNT, USDM, findings)


def ask(connection: Connection, since: int, symbol: str | None = None) -> None:
    coverage.ask(connection, ACCOUNT, USDM, symbol, since)


def known(connection: Connection, symbol: str | None = None, account: str = ACCOUNT) -> Known:
    """What is known of a scope, for a comparison: lists instead of tuples."""
    found = coverage.known(connection, account, USDM)[symbol]
    return Known(list(found.proven), list(found.given_up))


def of(*proofs: tuple[int, int], given_up: tuple[tuple[int, int], ...] = ()) -> Known:
    return Known([Window(*ends) for ends in proofs], [Window(*ends) for ends in given_up])


def marks(connection: Connection) -> dict[str, tuple[int | None, int | None]]:
    """Where each symbol's proven prefix begins and ends."""
    return {mark.symbol: (mark.covered_since, mark.watermark) for mark in coverage.read_watermarks(connection)}


def gaps(connection: Connection, symbol: str = "*") -> list[tuple[int, int, str]]:
    found = coverage.read_gaps(connection)
    return [(gap.window.start, gap.window.end, gap.reason) for gap in found if gap.symbol == symbol]


def test_nothing_is_known_of_a_new_database(connection: Connection) -> None:
    assert known(connection) == of()
    assert (coverage.read_watermarks(connection), coverage.read_gaps(connection)) == ([], [])


def test_an_empty_week_is_covered(connection: Connection) -> None:
    record(connection, proven(0, 7 * DAY))
    assert coverage.read_watermarks(connection) == [
        Watermark(ACCOUNT, USDM, "*", watermark=7 * DAY, covered_since=0, newest_proof=7 * DAY)
    ]
    assert coverage.read_gaps(connection) == []
    assert known(connection) == of((0, 7 * DAY))


def test_an_instant_is_exact_to_the_millisecond(connection: Connection) -> None:
    start = 1_725_148_800_001
    record(connection, proven(start, start + 1), proven(start + 2, start + 3))
    assert marks(connection) == {"*": (start, start + 1)}
    assert gaps(connection) == [(start + 1, start + 2, NOT_FETCHED)]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([(10, 20), (20, 30)], id="touching"),
        pytest.param([(20, 30), (10, 20)], id="backwards"),
        pytest.param([(10, 25), (15, 30)], id="overlapping"),
        pytest.param([(10, 30), (15, 20), (10, 30)], id="again"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one by one"])
def test_what_is_proven_piece_by_piece_is_proven(
    connection: Connection, pieces: list[tuple[int, int]], at_once: bool
) -> None:
    findings = [proven(*piece) for piece in pieces]
    for batch in [findings] if at_once else [[finding] for finding in findings]:
        record(connection, *batch)
    assert known(connection) == of((10, 30))
    assert (marks(connection), gaps(connection)) == ({"*": (10, 30)}, [])


def test_a_hole_stops_the_watermark_and_is_a_gap(connection: Connection) -> None:
    record(connection, proven(10, 20), proven(30, 40), proven(50, 60))
    assert marks(connection) == {"*": (10, 20)}
    assert gaps(connection) == [(20, 30, NOT_FETCHED), (40, 50, NOT_FETCHED)]

    record(connection, proven(20, 30))
    assert marks(connection) == {"*": (10, 40)}
    assert gaps(connection) == [(40, 50, NOT_FETCHED)]


def test_what_was_asked_for_before_the_first_proof_is_a_gap(connection: Connection) -> None:
    ask(connection, 10)
    record(connection, proven(30, 40))
    assert marks(connection) == {"*": (30, 40)}
    assert gaps(connection) == [(10, 30, NOT_FETCHED)]


def test_what_nobody_asked_for_is_no_gap(connection: Connection) -> None:
    ask(connection, 35)
    record(connection, proven(30, 40))
    assert gaps(connection) == []


def test_what_lies_after_the_newest_proof_is_lag(connection: Connection) -> None:
    ask(connection, 10)
    assert (marks(connection), gaps(connection)) == ({"*": (None, None)}, [])
    record(connection, proven(10, 20))
    assert gaps(connection) == []


@pytest.mark.parametrize(("then", "now", "earliest"), [(10, 20, 10), (20, 10, 10), (10, 10, 10)])
def test_the_earliest_question_counts(connection: Connection, then: int, now: int, earliest: int) -> None:
    ask(connection, then)
    ask(connection, now)
    record(connection, proven(30, 40))
    assert gaps(connection) == [(earliest, 30, NOT_FETCHED)]


@pytest.mark.parametrize("verdict", [SATURATED, BEYOND, FAILED])
def test_a_gap_tells_why(connection: Connection, verdict: Verdict) -> None:
    ask(connection, 0)
    record(connection, Finding(Window(10, 20), verdict), proven(30, 40))
    assert gaps(connection) == [(0, 10, NOT_FETCHED), (10, 20, verdict.value), (20, 30, NOT_FETCHED)]


def test_a_gap_at_the_newest_end_is_told_too(connection: Connection) -> None:
    record(connection, proven(0, 10), Finding(Window(20, 30), FAILED))
    assert marks(connection) == {"*": (0, 10)}
    assert gaps(connection) == [(10, 20, NOT_FETCHED), (20, 30, "failed")]


def test_of_several_reasons_the_gravest_is_told(connection: Connection) -> None:
    ask(connection, 0)
    reasons = [Finding(Window(0, 40), FAILED), Finding(Window(10, 40), BEYOND), Finding(Window(20, 30), SATURATED)]
    record(connection, *reasons)
    assert gaps(connection) == [
        (0, 10, "failed"),
        (10, 20, "beyond_retention"),
        (20, 30, "saturated"),
        (30, 40, "beyond_retention"),
    ]


@pytest.mark.parametrize("verdict", [SATURATED, BEYOND, FAILED])
@pytest.mark.parametrize("proof_first", [True, False])
def test_what_is_proven_needs_no_reason(connection: Connection, verdict: Verdict, proof_first: bool) -> None:
    ask(connection, 0)
    reason, proof = Finding(Window(0, 40), verdict), proven(10, 20)
    for finding in (proof, reason) if proof_first else (reason, proof):
        record(connection, finding)
    assert gaps(connection) == [(0, 10, verdict.value), (20, 40, verdict.value)]
    assert known(connection).proven == [Window(10, 20)]


def test_only_what_cannot_be_had_is_given_up(connection: Connection) -> None:
    record(connection, *(Finding(Window(at, at + 10), why) for at, why in ((0, SATURATED), (10, BEYOND), (30, FAILED))))
    assert known(connection) == of(given_up=((0, 20),))


def test_a_symbol_inherits_what_was_proven_without_symbol(connection: Connection) -> None:
    ask(connection, 0)
    record(connection, proven(10, 20), Finding(Window(20, 30), SATURATED))
    coverage.name_symbols(connection, ACCOUNT, USDM, ["ETHUSDT", "BTCUSDT", "BTCUSDT"])
    record(connection, proven(20, 40, "BTCUSDT"))

    assert marks(connection) == {"*": (10, 20), "BTCUSDT": (10, 40), "ETHUSDT": (10, 20)}
    assert gaps(connection, "BTCUSDT") == [(0, 10, NOT_FETCHED)]
    assert gaps(connection, "ETHUSDT") == gaps(connection) == [(0, 10, NOT_FETCHED), (20, 30, "saturated")]
    assert known(connection, "BTCUSDT") == of((10, 40), given_up=((20, 30),))


def test_a_symbol_named_later_inherits_as_well(connection: Connection) -> None:
    coverage.name_symbols(connection, ACCOUNT, USDM, ["BTCUSDT"])
    assert marks(connection) == {"BTCUSDT": (None, None)}
    record(connection, proven(10, 20))
    coverage.name_symbols(connection, ACCOUNT, USDM, ["BTCUSDT", "ETHUSDT"])
    assert marks(connection) == dict.fromkeys(("*", "BTCUSDT", "ETHUSDT"), (10, 20))


def test_a_symbol_asked_alone_moves_no_other(connection: Connection) -> None:
    coverage.name_symbols(connection, ACCOUNT, USDM, ["ETHUSDT"])
    record(connection, proven(10, 20))
    ask(connection, 0, "BTCUSDT")
    record(connection, proven(20, 40, "BTCUSDT"))

    assert marks(connection) == {"*": (10, 20), "BTCUSDT": (10, 40), "ETHUSDT": (10, 20)}
    assert gaps(connection, "BTCUSDT") == [(0, 10, NOT_FETCHED)]
    assert gaps(connection, "ETHUSDT") == gaps(connection) == []
    assert known(connection) == of((10, 20))


def test_naming_no_symbol_is_no_statement(connection: Connection) -> None:
    coverage.name_symbols(connection, ACCOUNT, USDM, [])
    assert not connection.in_transaction()


def test_accounts_know_nothing_of_each_other(connection: Connection) -> None:
    record(connection, proven(10, 20))
    coverage.record(connection, "hedge", USDM, [proven(30, 40), proven(50, 60)])
    assert coverage.read_watermarks(connection) == [
        Watermark("hedge", USDM, "*", watermark=40, covered_since=30, newest_proof=60),
        Watermark(ACCOUNT, USDM, "*", watermark=20, covered_since=10, newest_proof=20),
    ]
    assert coverage.read_gaps(connection) == [Gap("hedge", USDM, "*", Window(40, 50), NOT_FETCHED)]
    assert known(connection, account="hedge") == of((30, 40), (50, 60))


def test_a_symbol_that_there_is_not_is_forgotten(connection: Connection) -> None:
    ask(connection, 10, "BTCUSD")
    record(connection, Finding(Window(10, 20), FAILED, "BTCUSD"))
    assert coverage.forget(connection, ACCOUNT, USDM, "BTCUSD")
    assert (marks(connection), gaps(connection, "BTCUSD")) == ({}, [])


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT"])
def test_a_symbol_of_which_something_is_proven_stays(connection: Connection, symbol: str) -> None:
    record(connection, proven(10, 20, "BTCUSDT"))
    assert not coverage.forget(connection, ACCOUNT, USDM, symbol)
    assert marks(connection) == {"BTCUSDT": (10, 20)}


def test_the_views_are_as_the_contract_names_them(connection: Connection) -> None:
    record(connection, proven(10, 20), proven(30, 40))
    watermark = connection.execute(text("SELECT * FROM watermarks")).mappings().one()
    assert list(watermark.items()) == [
        ("account", "main"),
        ("market", "usdm"),
        ("symbol", "*"),
        ("watermark", to_datetime(20)),
        ("covered_since", to_datetime(10)),
    ]
    gap = connection.execute(text("SELECT * FROM coverage_gaps")).mappings().one()
    assert list(gap.items()) == [
        ("account", "main"),
        ("market", "usdm"),
        ("symbol", "*"),
        ("gap_start", to_datetime(20)),
        ("gap_end", to_datetime(30)),
        ("reason", "not_fetched"),
    ]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu", "Africa/Monrovia"])
def test_the_time_zone_of_the_server_changes_nothing(connection: Connection, zone: str) -> None:
    autumn = 1_730_610_000_000  # 2024-11-03T05:00Z: an hour that New York's clocks show twice
    connection.execute(text("SELECT set_config('timezone', :zone, false)"), {"zone": zone})
    ask(connection, autumn - DAY)
    record(connection, proven(autumn, autumn + HOUR), proven(autumn + 2 * HOUR, autumn + 5 * HOUR))

    assert marks(connection) == {"*": (autumn, autumn + HOUR)}
    assert gaps(connection) == [
        (autumn - DAY, autumn, NOT_FETCHED),
        (autumn + HOUR, autumn + 2 * HOUR, NOT_FETCHED),
    ]
    assert connection.scalar(text("SELECT gap_end - gap_start FROM coverage_gaps LIMIT 1")) == timedelta(days=1)


def test_a_symbol_that_has_orders_is_not_forgotten(connection: Connection) -> None:
    run_id = runs.start(connection, "backfill")
    Recorder(connection, run_id, lambda: (1, 50)).commit(
        [Received(Wallet(ACCOUNT, USDM), page(order_row(symbol="OLDUSDT")), [])]
    )
    coverage.ask(connection, ACCOUNT, USDM, "OLDUSDT", 0)
    assert not coverage.forget(connection, ACCOUNT, USDM, "OLDUSDT")
    assert "OLDUSDT" in {mark.symbol for mark in coverage.read_watermarks(connection)}


def test_what_was_asked_for_reaches_from_the_first_question_to_the_newest_answer(connection: Connection) -> None:
    ask(connection, 5)
    assert coverage.read_asked(connection) == [Asked(ACCOUNT, USDM, None, None)], "nobody answered yet"
    record(connection, proven(10, 20), Finding(Window(25, 30), FAILED), Finding(Window(2, 4), BEYOND, "BTCUSDT"))
    coverage.name_symbols(connection, ACCOUNT, USDM, ["ETHUSDT"])
    assert coverage.read_asked(connection) == [
        Asked(ACCOUNT, USDM, None, Window(5, 30)),
        Asked(ACCOUNT, USDM, "BTCUSDT", Window(2, 30)),
        Asked(ACCOUNT, USDM, "ETHUSDT", Window(5, 30)),
    ]


def test_proof_that_is_withdrawn_is_disputed_of_every_symbol_that_rests_on_it_and_read_again(
    connection: Connection,
) -> None:
    record(connection, proven(10, 60), proven(0, 100, "ETHUSDT"), proven(70, 80, "BTCUSDT"))
    coverage.withdraw(connection, ACCOUNT, USDM, [(None, Window(10, 30)), (None, Window(40, 50))])
    assert known(connection) == of((30, 40), (50, 60))
    assert gaps(connection) == [(10, 30, "disputed"), (40, 50, "disputed")]
    assert known(connection, "ETHUSDT") == of((0, 10), (30, 40), (50, 100))
    assert known(connection, "BTCUSDT") == of((30, 40), (50, 60), (70, 80))
    assert coverage.known(connection, ACCOUNT, USDM)[None].holes == [Window(10, 30), Window(40, 50)]
    record(connection, proven(10, 60))
    assert gaps(connection) == gaps(connection, "ETHUSDT") == []
    assert known(connection, "ETHUSDT") == of((0, 100))


def test_what_is_withdrawn_of_a_symbol_concerns_no_other(connection: Connection) -> None:
    record(connection, proven(0, 100, "ETHUSDT"), proven(0, 100, "BTCUSDT"))
    coverage.record(connection, "other", USDM, [proven(0, 100, "ETHUSDT")])
    coverage.withdraw(connection, ACCOUNT, USDM, [("ETHUSDT", Window(0, 50))])
    assert known(connection, "ETHUSDT") == of((50, 100))
    assert known(connection, "BTCUSDT") == of((0, 100))
    assert known(connection, "ETHUSDT", "other") == of((0, 100))


def test_an_order_and_the_doubt_that_it_casts_are_one_transaction(connection: Connection) -> None:
    record(connection, proven(0, 100))
    recorder = Recorder(connection, runs.start(connection, "sync"), lambda: (1, 50))
    connection.commit()
    wallet, doubted = Wallet(ACCOUNT, USDM), [(None, Window(0, 100))]
    recorder.commit([Received(wallet, page(order_row()), (), doubted=doubted)])
    connection.rollback()
    assert known(connection) == of(), "in the transaction of the order"
    record(connection, proven(0, 100))
    recorder.commit([Received(wallet, page(order_row(updateTime=ROW["updateTime"] + 1)), (), doubted=doubted)])
    assert known(connection) == of((0, 100)), "a later version of a known order doubts nothing"
