"""Which markets an account has, by what the exchange says of it and by what the markets themselves answer."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from etl.core.account_markets import (
    ASK_AGAIN,
    NOT_CHOSEN,
    AccountInfo,
    AccountMarket,
    MarketState,
    Probe,
    choose,
    conclude,
    is_recent,
    readable,
    to_probe,
    unread,
)

NOW = 1_790_000_000_000
CLASSIC = AccountInfo(has_futures=True, has_margin=False, is_portfolio_margin=False)
WITH_MARGIN = AccountInfo(has_futures=True, has_margin=True, is_portfolio_margin=False)
PORTFOLIO = AccountInfo(has_futures=True, has_margin=True, is_portfolio_margin=True)
NOTHING = AccountInfo(has_futures=False, has_margin=False, is_portfolio_margin=False)
PM = ("pm-usdm", "pm-coinm", "pm-margin")


def found(
    info: AccountInfo | None,
    before: Sequence[AccountMarket] = (),
    probes: Mapping[str, Probe] | None = None,
    watermarks: Mapping[str, int] | None = None,
    now: int = NOW,
) -> list[AccountMarket]:
    return conclude("main", before, info, probes or {}, watermarks or {}, now)


def states(known: Sequence[AccountMarket], state: MarketState) -> list[str]:
    return [one.market for one in known if one.state is state]


@pytest.mark.parametrize(
    ("info", "markets"),
    [
        (CLASSIC, ("usdm", "coinm")),
        (WITH_MARGIN, ("usdm", "coinm", "margin")),
        (PORTFOLIO, PM),
        (NOTHING, ()),
    ],
)
def test_the_exchange_s_word_names_the_markets_of_a_new_account(info: AccountInfo, markets: tuple[str, ...]) -> None:
    known = found(info)
    assert readable(known) == markets
    assert len(states(known, MarketState.ABSENT)) == len(known) - len(markets)
    assert unread(known) == []


def test_an_answer_counts_for_a_night_and_not_at_all_once_a_key_was_refused() -> None:
    known = found(CLASSIC)
    assert is_recent(known, NOW + ASK_AGAIN - 1)
    assert not is_recent(known, NOW + ASK_AGAIN)
    assert not is_recent(known, NOW - 1), "a clock was set back"
    assert not is_recent([], NOW)
    refused = found(CLASSIC, known, {"coinm": Probe.REFUSED})
    assert not is_recent(refused, NOW + 1)


def test_where_the_exchange_says_nothing_usdm_is_read_and_coinm_asked() -> None:
    assert to_probe([], None) == ["coinm"]
    assert to_probe([], None, serves_wallets=True) == ["coinm", "margin"]
    assert readable(found(None, probes={"coinm": Probe.NOT_SERVED})) == ("usdm",)
    assert readable(found(None, probes={"coinm": Probe.SILENT})) == ("usdm",)
    assert readable(found(None, probes={"coinm": Probe.ANSWERED})) == ("usdm", "coinm")
    assert unread(found(None, probes={"coinm": Probe.REFUSED})) == [], "nobody said that the account has it"


def test_a_silent_exchange_takes_nothing_back() -> None:
    known = found(WITH_MARGIN)
    assert readable(found(None, known)) == readable(known)
    assert readable(found(None, known, {"coinm": Probe.SILENT})) == readable(known)


def test_a_market_that_is_silent_is_read_on_the_exchange_s_word_for_the_account() -> None:
    assert readable(found(CLASSIC, probes={"coinm": Probe.SILENT})) == ("usdm", "coinm")
    refused = found(CLASSIC, found(CLASSIC), {"coinm": Probe.REFUSED})
    assert readable(found(CLASSIC, refused, {"coinm": Probe.SILENT})) == ("usdm",), "nothing says that the key may now"


def test_a_market_that_exists_and_refuses_the_key_is_not_read_and_said_to_be_so() -> None:
    known = found(CLASSIC, found(CLASSIC), {"coinm": Probe.REFUSED})
    assert readable(known) == ("usdm",)
    (line,) = unread(known)
    assert line.startswith("COIN-M futures (coinm): ")
    assert to_probe(known, CLASSIC) == ["coinm"], "the key may have been replaced"
    assert readable(found(CLASSIC, known, {"coinm": Probe.ANSWERED})) == ("usdm", "coinm")


def test_what_is_said_not_to_be_there_is_asked_itself_once_before_it_is_believed() -> None:
    assert to_probe([], CLASSIC) == [*PM, "margin"]
    assert to_probe([], PORTFOLIO) == ["usdm", "coinm", "margin"]
    refused = dict.fromkeys(to_probe([], CLASSIC), Probe.REFUSED)
    assert to_probe(found(CLASSIC, probes=refused), CLASSIC) == []
    isolated = found(PORTFOLIO, probes={"usdm": Probe.REFUSED, "coinm": Probe.REFUSED, "margin": Probe.ANSWERED})
    assert readable(isolated) == (*PM, "margin")
    assert to_probe(isolated, PORTFOLIO) == ["margin"]


def test_one_endpoint_s_word_does_not_end_the_reading_of_a_market_that_answers() -> None:
    known = found(CLASSIC)
    assert to_probe(known, NOTHING) == ["usdm", "coinm"]
    still = dict.fromkeys(("usdm", "coinm"), Probe.ANSWERED)
    assert readable(found(NOTHING, known, still)) == ("usdm", "coinm")
    silent = dict.fromkeys(("usdm", "coinm"), Probe.SILENT)
    assert readable(found(NOTHING, known, silent)) == ("usdm", "coinm")


def test_a_switch_to_portfolio_margin_closes_the_old_markets_and_begins_the_new_ones_where_those_end() -> None:
    before = found(CLASSIC)
    refused = dict.fromkeys(to_probe(before, PORTFOLIO), Probe.REFUSED)
    after = found(PORTFOLIO, before, refused, {"usdm": NOW - 500, "coinm": NOW - 700}, NOW + 9)
    assert readable(after) == PM
    assert states(after, MarketState.CLOSED) == ["usdm", "coinm"]
    assert {one.closed_at for one in after if one.state is MarketState.CLOSED} == {NOW + 9}
    assert {one.since for one in after if one.market in PM} == {NOW - 700}
    assert unread(after) == [], "what is missing of a closed market is a gap of its own"


def test_so_does_a_switch_that_only_the_refusals_tell() -> None:
    before = found(None, found(None, probes={"coinm": Probe.NOT_SERVED}), {"usdm": Probe.REFUSED})
    assert to_probe(before, None) == ["usdm", *PM, "coinm"]
    answers = {"usdm": Probe.REFUSED, "coinm": Probe.REFUSED} | dict.fromkeys(PM, Probe.ANSWERED)
    after = found(None, before, answers, {"usdm": NOW - 500}, NOW + 9)
    assert readable(after) == PM
    assert states(after, MarketState.CLOSED) == ["usdm"]
    assert {one.since for one in after if one.market in PM} == {None}, "usdm may have shown empty pages for a while"


def test_a_new_market_begins_no_later_than_the_exchange_last_said_that_the_account_does_not_have_it() -> None:
    before = found(CLASSIC)
    refused = dict.fromkeys(("usdm", "coinm"), Probe.REFUSED)
    proven = dict.fromkeys(("usdm", "coinm"), NOW + 500)
    after = found(PORTFOLIO, before, refused, proven, NOW + 999)
    assert {one.since for one in after if one.market in PM} == {NOW}


def test_a_closed_market_keeps_the_instant_at_which_it_was_closed_until_it_is_back() -> None:
    before = found(CLASSIC)
    gone = found(PORTFOLIO, before, dict.fromkeys(("usdm", "coinm"), Probe.REFUSED), {}, NOW + 9)
    later = found(PORTFOLIO, gone, now=NOW + 99)
    assert {one.closed_at for one in later if one.state is MarketState.CLOSED} == {NOW + 9}
    back = found(CLASSIC, later, dict.fromkeys(PM, Probe.REFUSED), {"pm-usdm": NOW + 50}, NOW + 999)
    assert readable(back) == ("usdm", "coinm")
    assert states(back, MarketState.CLOSED) == [*PM]
    assert {one.since for one in back if one.market == "usdm"} == {NOW + 50}


def test_whatever_is_answered_in_turn_a_market_is_closed_if_and_only_if_it_has_the_instant() -> None:
    answers = [
        (info, dict.fromkeys(whose, probe) if probe else {})
        for info in (None, CLASSIC, PORTFOLIO, NOTHING)
        for probe in (None, *Probe)
        for whose in (PM, ("usdm", "coinm", "margin"))
    ]
    reached: set[tuple[AccountMarket, ...]] = {()}
    pending = [*reached]
    while pending:
        before = pending.pop()
        for info, probes in answers:
            known = tuple(found(info, before, probes))
            assert all((one.state is MarketState.CLOSED) == (one.closed_at is not None) for one in known), known
            if (outline := tuple(replace(one, source="any") for one in known)) not in reached:
                reached.add(outline)
                pending.append(outline)
    assert len(reached) > 10


def test_a_market_that_the_settings_leave_out_is_not_read_until_they_name_it_again() -> None:
    known = found(CLASSIC)
    (left,) = choose(known, ["usdm"])
    assert (left.market, left.state, left.exists, left.reason) == ("coinm", MarketState.UNKNOWN, True, NOT_CHOSEN)
    kept = [one for one in known if one.market != "coinm"] + [left]
    assert unread(kept) == [f"COIN-M futures (coinm): {NOT_CHOSEN}"]
    (again,) = choose(kept, ["usdm", "coinm"])
    assert (again.state, again.reason) == (MarketState.READ, None)
