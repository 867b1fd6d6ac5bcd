"""Whether an empty export is an answer or a mistake."""

import pytest

from etl.core.timeline import DAY, Window
from etl.reporting.export.check import never_requested, unknown_symbol
from etl.store.coverage import Asked

NAMES = ["ADAUSDT", "BTCUSDC", "BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"]
ASKED = [
    Asked("main", "usdm", None, Window(10 * DAY, 20 * DAY)),
    Asked("main", "usdm", "BTCUSDT", Window(5 * DAY, 20 * DAY)),
    Asked("main", "usdm", "ETHUSDT", None),
]


@pytest.mark.parametrize(
    ("symbol", "names", "said"),
    [
        ("ETH", NAMES, "no symbol ETH is stored; did you mean ETHUSDT?"),
        ("BTC", NAMES, "no symbol BTC is stored; did you mean BTCUSDT or BTCUSDC?"),
        ("WIF", NAMES, f"no symbol WIF is stored; there are {', '.join(NAMES[:5])} and 1 more"),
        ("WIF", NAMES[:2], "no symbol WIF is stored; there are ADAUSDT, BTCUSDC"),
        ("WIF", [], "no symbol WIF is stored, nor any other; start with: force-orders backfill"),
    ],
)
def test_a_symbol_that_is_not_stored_is_told_with_what_is(symbol: str, names: list[str], said: str) -> None:
    assert unknown_symbol(symbol, names) == said


@pytest.mark.parametrize(
    ("symbols", "days"),
    [([], (0, 6)), ([], (19, 30)), (["BTCUSDT"], (6, 7)), (["ETHUSDT"], (12, 13)), (["ETHUSDT", "BTCUSDT"], (6, 7))],
)
def test_a_span_that_was_asked_for_in_part_is_no_mistake(symbols: list[str], days: tuple[int, int]) -> None:
    assert never_requested(ASKED, symbols, Window(days[0] * DAY, days[1] * DAY)) is None


@pytest.mark.parametrize(("symbols", "days", "since"), [([], (0, 5), 6), ([], (20, 30), 6), (["ETHUSDT"], (6, 7), 11)])
def test_a_span_of_which_nothing_was_asked_for_is_told_with_what_was(
    symbols: list[str], days: tuple[int, int], since: int
) -> None:
    said = never_requested(ASKED, symbols, Window(days[0] * DAY, days[1] * DAY))
    assert said == (
        f"nothing from 1970-01-{days[0] + 1:02}T00:00Z to 1970-01-{days[1] + 1:02}T00:00Z was ever requested; "
        f"history was requested from 1970-01-{since:02}T00:00Z to 1970-01-21T00:00Z"
    )


def test_where_nothing_was_read_yet_the_first_command_is_told() -> None:
    assert never_requested([], [], Window(0, DAY)) == "nothing was read yet; start with: force-orders backfill"
