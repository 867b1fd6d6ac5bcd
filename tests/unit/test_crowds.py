"""A millisecond that is fuller than a page, symbol by symbol."""

import pytest

from etl.core.dialogue import Reply, SymbolsRequest
from etl.core.findings import Finding, Verdict
from etl.core.orders import CloseType, Order
from etl.core.paging import Page, PageRequest, Refusal
from etl.core.timeline import Window
from tests.unit.dialogues import (
    LIMIT,
    NOW,
    an_order,
    dialogue,
    found,
    holding,
    observations,
    page,
    plain,
)

INSTANT = Window(NOW - 1, NOW)
CROWD = page([NOW - 1] * LIMIT)


def test_a_crowded_millisecond_is_proven_by_every_symbol_that_is_listed_stored_or_shown() -> None:
    listed, stored = frozenset({"BTCUSDT", "ETHUSDT"}), {"OLDUSDT"}
    steps = dialogue(plain(INSTANT), [CROWD, listed, page(), page(), page()], observations(symbols=stored))
    assert isinstance(steps[1].request, SymbolsRequest)
    symbols = [step.request.symbol for step in steps[2:] if isinstance(step.request, PageRequest)]
    assert symbols == ["BTCUSDT", "ETHUSDT", "OLDUSDT"]
    assert found(steps) == [Finding(INSTANT, Verdict.PROVEN)]


def test_a_symbol_that_stays_full_in_its_millisecond_is_saturated_though_its_close_types_are_stored() -> None:
    steps = dialogue(plain(INSTANT, "BTCUSDT"), [CROWD, page([NOW - 1]), page()])
    types = [step.request.close_type for step in steps if isinstance(step.request, PageRequest)]
    assert types == [None, CloseType.LIQUIDATION, CloseType.ADL]
    assert found(steps) == [Finding(INSTANT, Verdict.SATURATED, "BTCUSDT")]


def test_without_the_list_of_symbols_a_crowded_millisecond_has_failed_and_is_asked_for_again() -> None:
    steps = dialogue(plain(INSTANT), [CROWD, None, page([NOW - 1])])
    assert Finding(INSTANT, Verdict.FAILED) in found(steps)
    assert Finding(INSTANT, Verdict.PROVEN) not in found(steps)


def crowd_of(*types: CloseType) -> Page:
    rows = (Order("BTCUSDT", n, NOW - 1, NOW - 1, close_type, "{}") for n, close_type in enumerate(types))
    return holding(tuple(rows))


LIQUIDATIONS, ADLS = [CloseType.LIQUIDATION] * 25, [CloseType.ADL] * 25
DEFAULT = crowd_of(*LIQUIDATIONS, *ADLS)
"""As many rows as the exchange returns where no limit is given."""
MANY = crowd_of(*[CloseType.LIQUIDATION] * 60)


def narrow(*script: Reply) -> list[Finding]:
    """What is found in a full millisecond of one symbol, from the page of the symbol on."""
    return found(dialogue(plain(INSTANT), [CROWD, frozenset({"BTCUSDT"}), *script]))


def test_of_a_crowded_symbol_a_page_in_doubt_is_whole_after_a_longer_one_that_still_comes() -> None:
    half = crowd_of(*LIQUIDATIONS[:12])
    assert narrow(crowd_of(*LIQUIDATIONS), CROWD, half) == [Finding(INSTANT, Verdict.PROVEN)]


def test_but_not_if_the_limit_is_ignored_where_a_symbol_is_named() -> None:
    crowd = crowd_of(*LIQUIDATIONS)
    findings = narrow(crowd, CROWD, crowd, crowd, crowd, page())
    assert findings == [Finding(INSTANT, Verdict.SATURATED, "BTCUSDT"), Finding(INSTANT, Verdict.SATURATED)]


def test_or_if_its_close_types_show_the_same_rows() -> None:
    liquidations, adls = holding(DEFAULT.orders[:25]), holding(DEFAULT.orders[25:])
    assert narrow(DEFAULT, page(), DEFAULT, liquidations, CROWD, adls, CROWD) == [Finding(INSTANT, Verdict.PROVEN)]


def test_or_if_the_symbol_has_a_full_page_elsewhere() -> None:
    assert narrow(MANY, CROWD, MANY, CROWD) == [Finding(INSTANT, Verdict.PROVEN)]


@pytest.mark.parametrize("refusals", [1, 2])
def test_a_symbol_that_is_refused_as_unknown_though_it_is_listed_is_asked_again_and_fails_then(refusals: int) -> None:
    unknown = [Refusal.UNKNOWN_SYMBOL] * refusals
    findings = narrow(*unknown, *[page()] * (2 - refusals))
    failed = [Finding(INSTANT, Verdict.FAILED, "BTCUSDT"), Finding(INSTANT, Verdict.FAILED)]
    assert findings == (failed if refusals == 2 else [Finding(INSTANT, Verdict.PROVEN)])


@pytest.mark.parametrize(
    "liquidations",
    [
        DEFAULT,
        holding(DEFAULT.orders[:24]),
        holding((*DEFAULT.orders[:25], an_order(999, at=NOW - 1, updated=NOW - 1))),
    ],
    ids=["as long as the page", "fewer rows", "more rows"],
)
def test_and_saturated_if_they_do_not(liquidations: Page) -> None:
    adls = [] if liquidations is DEFAULT else [CROWD, holding(DEFAULT.orders[25:]), CROWD]
    findings = narrow(DEFAULT, page(), DEFAULT, liquidations, *adls, page(), page())
    assert findings == [Finding(INSTANT, Verdict.SATURATED, "BTCUSDT"), Finding(INSTANT, Verdict.SATURATED)]
