"""Gaps as people see them: each once, and what closes it."""

import pytest

from etl.core.timeline import DAY, Window
from etl.monitoring.gaps import BEYOND, SATURATED, closing_lines, shared, symbol_or_count
from etl.store.coverage import Gap

FLOOR = 10 * DAY


def gap(
    start: int, end: int, symbol: str = "*", reason: str = "failed", account: str = "main", market: str = "usdm"
) -> Gap:
    """Of these days of January 1970, counted from 0."""
    return Gap(account, market, symbol, Window(start * DAY, end * DAY), reason)


def lines(*gaps: Gap) -> list[str]:
    return closing_lines(shared(gaps), FLOOR)


def test_what_several_symbols_share_is_one_gap() -> None:
    gaps = [gap(20, 21), gap(20, 21, "BTCUSDT"), gap(20, 21, "ETHUSDT"), gap(22, 23, "ETHUSDT")]
    others = [gap(20, 21, account="desk"), gap(20, 21, reason="saturated")]
    assert [(one.account, one.symbol, one.reason) for one in shared([*gaps, *others])] == [
        ("main", "* and 2 symbols", "failed"),
        ("main", "ETHUSDT", "failed"),
        ("desk", "*", "failed"),
        ("main", "*", "saturated"),
    ]


@pytest.mark.parametrize(
    ("symbols", "said"), [(["*"], "*"), (["A"], "A"), (["*", "A"], "* and 1 symbol"), (["A", "B", "C"], "3 symbols")]
)
def test_symbols_are_named_or_counted(symbols: list[str], said: str) -> None:
    assert symbol_or_count(symbols) == said


def test_one_command_closes_the_gaps_of_an_account() -> None:
    gaps = [gap(20, 21), gap(25, 26), gap(12, 13, account="a b")]
    assert lines(*gaps) == [
        "to close the gap: force-orders backfill --since 1970-01-21T00:00Z --until 1970-01-27T00:00Z --account main",
        "to close the gap: force-orders backfill --since 1970-01-13T00:00Z --until 1970-01-14T00:00Z --account 'a b'",
    ]


def test_gaps_of_two_markets_are_two_and_each_has_its_command() -> None:
    two = shared([gap(20, 21), gap(20, 21, market="coinm"), gap(25, 26, market="coinm")])
    assert [(one.market, one.window.start // DAY) for one in two] == [("usdm", 20), ("coinm", 20), ("coinm", 25)]
    assert len(closing_lines(two, FLOOR)) == 2


def test_up_to_two_symbols_are_asked_by_name() -> None:
    names = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    (two,) = lines(*(gap(20, 21, name) for name in names[:2]))
    assert two.endswith("--account main --symbol BTCUSDT --symbol ETHUSDT")
    (three,) = lines(*(gap(20, 21, name) for name in names))
    assert three.endswith("--account main")


def test_of_a_gap_that_begins_too_early_the_rest_can_be_closed() -> None:
    assert lines(gap(5, 12)) == ["to close the gap: force-orders backfill --until 1970-01-13T00:00Z --account main"]


def test_what_no_command_closes_says_so_once() -> None:
    gaps = [gap(day, day + 1, reason=reason) for day in (2, 4) for reason in ("saturated", "beyond_retention")]
    assert lines(*gaps) == [SATURATED, BEYOND]
    assert lines(gap(2, 3), gap(4, 5)) == [
        "failed before 1970-01-11T00:00Z: nothing closes it; the exchange no longer keeps that time"
    ]
